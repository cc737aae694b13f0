// A host's packets become messages on the wire, byte for byte.

#include <gtest/gtest.h>

#include "dataplane/dpdk_dataplane.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

TEST(Encapsulate, SealsEveryFamilyInsideOverEveryFamilyOutside) {
  GatewayRig rig;
  FarEnd v4;
  FarEnd v6{.peer = 2, .address = "2001:db8:f::2", .seed = 2, .v6 = true};
  rig.Publish(v4);
  rig.Publish(v6);
  struct Case {
    const char *source, *destination;
    FarEnd* far;
  };
  for (const Case& c : {Case{"10.0.0.5", "10.1.0.7", &v4}, Case{"fd00:a::5", "fd00:b1::7", &v4},
                        Case{"10.0.0.5", "10.2.0.7", &v6}, Case{"fd00:a::5", "fd00:b2::7", &v6}}) {
    for (size_t size : {0, 1, 15, 16, 17, 64, 1000}) {
      const Bytes packet = UdpPacket(c.source, c.destination, size);
      rig.HostSends(packet);
      const std::optional<Bytes> datagram = rig.FarReceives(*c.far);
      ASSERT_TRUE(datagram.has_value());
      EXPECT_EQ(datagram->size(), packet.size() + 20);
      const std::optional<Bytes> message = c.far->Open(*datagram);
      ASSERT_TRUE(message.has_value()) << c.source << " " << c.destination << " " << size;
      EXPECT_EQ(*message, OneHopLess(packet));
    }
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().sealed, 4 * 7);
  EXPECT_EQ(rig.AllDrops(), 0);
}


TEST(Encapsulate, WritesExactlyTheFrameOfTheWire) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  for (uint32_t counter = 4; counter < 8; ++counter) {
    const Bytes packet =
        UdpPacket("10.0.0.5", "10.1.0.7", 100, [](naive::Ip* ip) { ip->tos = 0x2e << 2 | 1; });
    rig.HostSends(packet);
    const std::optional<Bytes> frame = rig.FarReceivesFrame();
    ASSERT_TRUE(frame.has_value());

    // The same, by hand: the far end's seal under the gateway's key and direction.
    FarEnd mirror = far;
    mirror.our_role = Role::kResponder;  // whose far end sends in the direction of an initiator
    mirror.seed ^= 0x80;                 // and with its key
    const Bytes datagram = mirror.SealWith(counter, OneHopLess(packet));
    naive::Ip ip{.source = Address("192.0.2.1"), .destination = Address("198.51.100.2"),
                 .tos = 1, .identification = counter, .flags = 0x4000};
    Bytes udp;
    naive::Put16(&udp, 4242);
    naive::Put16(&udp, 5000);
    naive::Put16(&udp, 8 + datagram.size());
    naive::Put16(&udp, 0);
    naive::Put(&udp, datagram);
    Bytes want = rig.router_mac;
    naive::Put(&want, rig.gateway_underlay_mac());
    naive::Put16(&want, 0x0800);
    naive::Put(&want, naive::MakeIp(ip, udp));
    EXPECT_EQ(*frame, want);
  }
}

TEST(Encapsulate, SumsTheWholeDatagramOverIpv6) {
  GatewayRig rig;
  FarEnd far{.address = "2001:db8:f::2", .v6 = true};
  rig.Publish(far);
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7", 333));
  const std::optional<Bytes> frame = rig.FarReceivesFrame();
  ASSERT_TRUE(frame.has_value());
  const naive::Ip ip{.source = Address("2001:db8::1"), .destination = Address("2001:db8:f::2")};
  const Bytes udp(frame->begin() + 14 + 40, frame->end());
  Bytes covered = naive::PseudoHeader(ip, 17, udp.size());
  naive::Put(&covered, udp);
  EXPECT_NE(naive::Get16(udp, 6), 0);
  EXPECT_EQ(naive::Checksum(covered), 0);
}

TEST(Encapsulate, TellsTheSenderWhatFits) {
  // 1500 less 20 or 40 of IP, 8 of UDP, 4 of header and 16 of tag.
  struct Case {
    bool v6_outside;
    uint16_t fits;
  };
  for (const Case& c : {Case{false, 1452}, Case{true, 1432}}) {
    GatewayRig rig({.overlay_mtu = 2000});
    FarEnd far{.address = c.v6_outside ? "2001:db8:f::2" : "198.51.100.2", .v6 = c.v6_outside};
    rig.Publish(far);
    const auto dont_fragment = [](naive::Ip* ip) { ip->flags = 0x4000; };
    rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7", c.fits - 28u, dont_fragment));
    const std::optional<Bytes> datagram = rig.FarReceives(far);
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->size() + 8 + (c.v6_outside ? 40 : 20), 1500);
    const Bytes v4 = UdpPacket("10.0.0.5", "10.1.0.7", c.fits - 27u, dont_fragment);
    const Bytes v6 = UdpPacket("fd00:a::5", "fd00:b1::7", c.fits - 47u);
    rig.HostSends(v4);
    rig.HostSends(v6);
    rig.Settle();
    ASSERT_EQ(rig.PuntsOf(PuntKind::kTooBig), 2);
    EXPECT_EQ(rig.punts[0].bytes, v4);  // its hops untouched: it has not gone anywhere
    EXPECT_EQ(rig.punts[1].bytes, v6);
    EXPECT_EQ(rig.punts[0].punt.mtu, c.fits);
    EXPECT_EQ(rig.punts[0].punt.peer, kNoPeer);
    EXPECT_EQ(rig.punts[1].punt.mtu, c.fits);
  }
}

// The fragments of one IPv4 packet, put together again in a way that cannot be wrong.
Bytes Reassemble(const std::vector<Bytes>& fragments) {
  Bytes payload;
  size_t total = 0;
  for (const Bytes& f : fragments) {
    EXPECT_EQ(naive::Checksum(Bytes(f.begin(), f.begin() + 20)), 0);
    const size_t offset = (naive::Get16(f, 6) & 0x1fff) * 8;
    if (payload.size() < offset + f.size() - 20) payload.resize(offset + f.size() - 20);
    std::copy(f.begin() + 20, f.end(), payload.begin() + offset);
    total += f.size() - 20;
    EXPECT_EQ((naive::Get16(f, 6) & 0x2000) == 0, &f == &fragments.back());
  }
  EXPECT_EQ(total, payload.size());
  Bytes packet(fragments[0].begin(), fragments[0].begin() + 20);
  naive::Set16(&packet, 2, 20 + payload.size());
  naive::Set16(&packet, 6, 0);
  naive::Set16(&packet, 10, 0);
  naive::Set16(&packet, 10, naive::Checksum(packet));
  naive::Put(&packet, payload);
  return packet;
}

TEST(Encapsulate, FragmentsWhatMayBeFragmented) {
  GatewayRig rig({.overlay_mtu = 2000});
  FarEnd far;
  SessionParams params = rig.Params(far);
  params.path_mtu = 700;
  rig.Publish(params);
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7", 1800);
  rig.HostSends(packet);
  std::vector<Bytes> fragments;
  for (int i = 0; i < 3; ++i) {
    const std::optional<Bytes> datagram = rig.FarReceives(far);
    ASSERT_TRUE(datagram.has_value());
    EXPECT_LE(datagram->size() + 28, 700);
    const std::optional<Bytes> message = far.Open(*datagram);
    ASSERT_TRUE(message.has_value());
    fragments.push_back(*message);
  }
  EXPECT_EQ(Reassemble(fragments), OneHopLess(packet));
  rig.Settle();
  EXPECT_EQ(rig.Counters().sealed, 3);
  EXPECT_EQ(rig.AllDrops(), 0);
}

TEST(Deliver, FragmentsWhatMayBeFragmented) {
  GatewayRig rig({.overlay_mtu = 576});
  FarEnd far;
  rig.Publish(far);
  const Bytes packet = UdpPacket("10.1.0.7", "10.0.0.5", 1300);
  rig.FarSends(far, far.Seal(packet));
  std::vector<Bytes> fragments;
  for (int i = 0; i < 3; ++i) {
    const std::optional<Bytes> fragment = rig.HostReceives();
    ASSERT_TRUE(fragment.has_value());
    EXPECT_LE(fragment->size(), 576);
    fragments.push_back(*fragment);
  }
  EXPECT_EQ(Reassemble(fragments), OneHopLess(packet));
}

// The MSS that a SYN offers after it went through.
unsigned MssOf(const Bytes& packet) { return naive::Get16(packet, 20 + 20 + 2); }

TEST(Encapsulate, LowersTheSegmentSizeWhereAskedTo) {
  const naive::Ip out{.source = Address("10.0.0.5"), .destination = Address("10.1.0.7"),
                      .protocol = 6};
  const naive::Ip in{.source = Address("10.1.0.7"), .destination = Address("10.0.0.5"),
                     .protocol = 6};
  const Bytes mss_1460 = {2, 4, 1460 >> 8, 1460 & 0xff};
  for (const bool clamp : {false, true}) {
    GatewayRig rig({.clamp_mss = clamp});
    FarEnd far;
    rig.Publish(far);
    rig.HostSends(naive::MakeIp(out, naive::MakeTcp(out, 0x02, mss_1460)));
    const std::optional<Bytes> message = far.Open(rig.FarReceives(far).value_or(Bytes()));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(MssOf(*message), clamp ? 1412 : 1460);
    rig.FarSends(far, far.Seal(naive::MakeIp(in, naive::MakeTcp(in, 0x12, mss_1460))));
    const std::optional<Bytes> received = rig.HostReceives();
    ASSERT_TRUE(received.has_value());
    EXPECT_EQ(MssOf(*received), clamp ? 1412 : 1460);
  }
}

TEST(Encapsulate, WaitsForTheNextHopsMac) {
  GatewayRig rig;
  FarEnd far;
  const SessionRef session = rig.Publish(far);
  rig.dp().SetNeighbour(rig.next_hop(), std::nullopt);
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7");
  rig.HostSends(packet);
  ASSERT_TRUE(rig.dp().SendMessage(session, {}).ok());
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNeedNeighbour), 1);
  EXPECT_EQ(rig.punts[0].bytes, packet);
  EXPECT_EQ(rig.punts[0].punt.port, GatewayRig::kUnderlay);
  EXPECT_EQ(rig.punts[0].punt.next_hop, Ip("192.0.2.254"));
  EXPECT_EQ(rig.punts[0].punt.from, kNoPeer);
  EXPECT_EQ(rig.Drops(DropReason::kNoNeighbour), 1);
  EXPECT_EQ(rig.dp().ReadSession(session).next_counter, 4);  // nothing was spent on it
  rig.dp().SetNeighbour(rig.next_hop(), Mac(rig.router_mac));
  ASSERT_TRUE(rig.dp().Reinject(packet, kNoPeer, {}).ok());
  EXPECT_EQ(far.Open(rig.FarReceives(far).value_or(Bytes())), OneHopLess(packet));
}

TEST(Encapsulate, NeverUsesACounterTwiceNorOneTooMany) {
  GatewayRig rig;
  FarEnd far;
  const SessionRef ref = rig.Publish(far);
  auto& sessions = static_cast<DpdkDataplane&>(rig.dp()).sessions_for_test();
  Session* session = sessions.FindForWorker(ref);
  session->next_counter.Set(kCounterRenew);
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  rig.Settle();
  ASSERT_EQ(rig.events.size(), 1);
  EXPECT_EQ(rig.events[0].kind, SessionEvent::Kind::kCounterHigh);
  EXPECT_EQ(rig.events[0].session, ref);
  rig.FarReceives(far);
  rig.FarReceives(far);

  session->next_counter.Set(kCounterLastMessage - 2);
  for (int i = 0; i < 5; ++i) rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  for (const Bytes& header : {Bytes{0x7f, 0xff, 0xff, 0xfc}, Bytes{0x7f, 0xff, 0xff, 0xfd},
                              Bytes{0x7f, 0xff, 0xff, 0xfe}}) {
    const std::optional<Bytes> datagram = rig.FarReceives(far);
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(Bytes(datagram->begin(), datagram->begin() + 4), header);
    EXPECT_TRUE(far.Open(*datagram).has_value());
  }
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 2);
  ASSERT_TRUE(rig.dp().SendMessage(ref, {}).ok());
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kCounterSpent), 1);
  EXPECT_EQ(rig.Counters().sealed, 5);
}

TEST(TransmitFrame, AddsThePortsTag) {
  for (const uint16_t vlan : {0, 42}) {
    GatewayRig rig({.vlan = vlan});
    Bytes frame = naive::MakeFrame(0x0806, Bytes(46, 3));
    ASSERT_TRUE(rig.dp().TransmitFrame(GatewayRig::kUnderlay, frame).ok());
    EXPECT_EQ(rig.FarReceivesFrame(), naive::MakeFrame(0x0806, Bytes(46, 3), vlan));
    EXPECT_FALSE(rig.dp().TransmitFrame(2, frame).ok());
    EXPECT_FALSE(rig.dp().TransmitFrame(GatewayRig::kUnderlay, Bytes(13)).ok());
    EXPECT_FALSE(rig.dp().TransmitFrame(GatewayRig::kUnderlay, Bytes(1515)).ok());
    EXPECT_TRUE(rig.dp().TransmitFrame(GatewayRig::kUnderlay, Bytes(1514)).ok());
  }
}

}  // namespace
}  // namespace noisegate::dataplane
