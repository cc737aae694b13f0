// Messages from the wire become a host's packets, once each, and nothing that is not authentic does
// anything but count.

#include "dataplane/header.h"

#include <gtest/gtest.h>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {


Bytes FromPeer1(size_t size = 40) { return UdpPacket("10.1.0.7", "10.0.0.5", size); }

TEST(Decapsulate, OpensEveryFamilyInsideOverEveryFamilyOutside) {
  GatewayRig rig;
  FarEnd v4;
  FarEnd v6{.peer = 2, .address = "2001:db8:f::2", .seed = 2, .v6 = true};
  rig.Publish(v4);
  rig.Publish(v6);
  struct Case {
    const char *source, *destination;
    FarEnd* far;
  };
  for (const Case& c : {Case{"10.1.0.7", "10.0.0.5", &v4}, Case{"fd00:b1::7", "fd00:a::5", &v4},
                        Case{"10.2.0.7", "10.0.0.5", &v6}, Case{"fd00:b2::7", "fd00:a::5", &v6}}) {
    for (size_t size : {0, 1, 15, 16, 17, 64, 1000}) {
      Bytes packet = UdpPacket(c.source, c.destination, size);
      rig.FarSends(*c.far, c.far->Seal(packet));
      const std::optional<Bytes> received = rig.HostReceives();
      ASSERT_TRUE(received.has_value()) << c.source << " " << c.destination << " " << size;
      EXPECT_EQ(*received, OneHopLess(packet));
    }
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().opened, 4 * 7);
  EXPECT_EQ(rig.Counters().delivered, 4 * 7);
  EXPECT_EQ(rig.AllDrops(), 0);
}

TEST(Decapsulate, CountsTheSessionsTraffic) {
  GatewayRig rig;
  FarEnd far;
  const SessionRef session = rig.Publish(far);
  const auto start = std::chrono::steady_clock::now();
  rig.FarSends(far, far.Seal(FromPeer1(10)));
  rig.FarSends(far, far.Seal({}));
  rig.Settle();
  const SessionCounters counters = rig.dp().ReadSession(session);
  EXPECT_EQ(counters.rx_packets, 2);
  EXPECT_EQ(counters.rx_bytes, 20 + 8 + 10);
  EXPECT_EQ(counters.tx_packets, 0);
  EXPECT_GT(counters.last_rx, start - std::chrono::milliseconds(100));
  EXPECT_LE(counters.last_data_rx, counters.last_rx);
  EXPECT_EQ(counters.last_tx, TimePoint());
  EXPECT_EQ(rig.Drops(DropReason::kKeepAlive), 1);
}

TEST(Decapsulate, RefusesWhatIsNotAuthentic) {
  struct Case {
    const char* name;
    std::function<void(FarEnd*, Bytes*)> damage;
    DropReason reason;
  };
  const Case cases[] = {
      {"a bit of the text", [](FarEnd*, Bytes* d) { (*d)[10] ^= 1; }, DropReason::kBadTag},
      {"a bit of the tag", [](FarEnd*, Bytes* d) { d->back() ^= 0x80; }, DropReason::kBadTag},
      {"another counter", [](FarEnd*, Bytes* d) { (*d)[3] ^= 1; }, DropReason::kBadTag},
      {"a byte less", [](FarEnd*, Bytes* d) { d->pop_back(); }, DropReason::kBadTag},
      {"a byte more", [](FarEnd*, Bytes* d) { d->push_back(0); }, DropReason::kBadTag},
      {"no text and no tag", [](FarEnd*, Bytes* d) { d->resize(4); }, DropReason::kTruncated},
      {"less than a tag", [](FarEnd*, Bytes* d) { d->resize(19); }, DropReason::kTruncated},
      {"less than a header", [](FarEnd*, Bytes* d) { d->resize(3); }, DropReason::kTruncated},
      {"nothing", [](FarEnd*, Bytes* d) { d->clear(); }, DropReason::kTruncated},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    GatewayRig rig;
    FarEnd far;
    const SessionRef session = rig.Publish(far);
    Bytes datagram = far.Seal(FromPeer1());
    c.damage(&far, &datagram);
    rig.FarSends(far, datagram);
    rig.Settle();
    EXPECT_EQ(rig.Drops(c.reason), 1);
    EXPECT_EQ(rig.AllDrops(), 1);
    EXPECT_EQ(rig.Counters().opened, 0);
    EXPECT_EQ(rig.dp().ReadSession(session).rx_packets, 0);
    EXPECT_EQ(rig.dp().ReadSession(session).last_rx, TimePoint());
    // The undamaged one still passes: nothing was remembered of the other.
    rig.FarSends(far, far.SealWith(4, FromPeer1()));
    EXPECT_TRUE(rig.HostReceives().has_value());
  }
}

TEST(Decapsulate, PassesEachCounterOnce) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  const Bytes datagram = far.SealWith(100, FromPeer1());
  for (int i = 0; i < 20; ++i) rig.FarSends(far, datagram);  // many of them in one burst
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 1);
  EXPECT_EQ(rig.Drops(DropReason::kReplayed), 19);
  // Behind the window: replayed, too, whoever may have lost it.
  rig.FarSends(far, far.SealWith(100 + 8128, FromPeer1()));
  rig.FarSends(far, far.SealWith(99, FromPeer1()));
  rig.FarSends(far, far.SealWith(101, FromPeer1()));
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 3);
  EXPECT_EQ(rig.Drops(DropReason::kReplayed), 20);
}

TEST(Decapsulate, FindsNoSessionInTheOtherDirection) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  FarEnd reversed = far;
  reversed.our_role = Role::kResponder;
  rig.FarSends(far, reversed.Seal(FromPeer1()));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNoSession), 1);
  EXPECT_EQ(rig.Counters().opened, 0);
}

TEST(Decapsulate, TellsTheControlThreadOfUnknownSendersABit) {
  GatewayRig rig;
  FarEnd stranger{.address = "203.0.113.9", .port = 999};
  const Bytes datagram = stranger.Seal(FromPeer1());
  for (int i = 0; i < 40; ++i) rig.FarSends(stranger, datagram);
  rig.Settle();
  ASSERT_GE(rig.PuntsOf(PuntKind::kNoSession), 1);
  EXPECT_LE(rig.PuntsOf(PuntKind::kNoSession), 4);
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNoSession) + rig.Drops(DropReason::kNoSession), 40);
  EXPECT_EQ(rig.punts[0].bytes, datagram);
  EXPECT_EQ(rig.punts[0].punt.source, (Endpoint{Ip("203.0.113.9"), 999}));
  EXPECT_EQ(rig.punts[0].punt.local_address, Ip("192.0.2.1"));
  EXPECT_EQ(rig.punts[0].punt.port, GatewayRig::kUnderlay);
}

TEST(Decapsulate, EndsWithTheSessionsLife) {
  GatewayRig rig;
  FarEnd far;
  SessionParams params = rig.Params(far);
  params.receive_until = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
  rig.Publish(params);
  rig.FarSends(far, far.Seal(FromPeer1()));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kExpiredSession), 1);
}

TEST(Decapsulate, TakesOnlyWholeIpPackets) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  Bytes cut = FromPeer1();
  cut.pop_back();
  Bytes padded = FromPeer1();
  padded.push_back(0);
  Bytes version_5 = FromPeer1();
  version_5[0] = 0x55;
  for (const Bytes& message : {cut, padded, version_5, Bytes{0x45}, Bytes(100, 0)}) {
    rig.FarSends(far, far.Seal(message));
  }
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kInnerMalformed), 5);
  EXPECT_EQ(rig.Counters().opened, 5);
  EXPECT_EQ(rig.Counters().delivered, 0);
}

TEST(Decapsulate, CarriesCongestionMarksInward) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  const auto congested = [](naive::Ip* ip) { ip->tos = 3; };
  const Bytes capable = UdpPacket("10.1.0.7", "10.0.0.5", 40, [](naive::Ip* ip) { ip->tos = 2; });
  rig.FarSendsFrame(rig.FarFrame(far, far.Seal(capable), congested));
  const std::optional<Bytes> received = rig.HostReceives();
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ((*received)[1] & 3, 3);
  EXPECT_EQ(naive::Checksum(Bytes(received->begin(), received->begin() + 20)), 0);
  rig.FarSendsFrame(rig.FarFrame(far, far.Seal(FromPeer1()), congested));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kCongested), 1);
}

TEST(Classify, TakesOnlyWhatIsForUs) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  const Bytes datagram = far.Seal(FromPeer1());
  const Bytes good = rig.FarFrame(far, datagram);
  Bytes other_mac = good;
  other_mac[5] ^= 1;
  Bytes broadcast = good;
  std::fill_n(broadcast.begin(), 6, 0xff);
  FarEnd wrong_port = far;
  wrong_port.worker = 1;  // there is only worker 0
  const Bytes tagged = naive::MakeFrame(
      0x0800, Bytes(good.begin() + 14, good.end()), 7);
  struct Case {
    const char* name;
    Bytes frame;
    DropReason reason;
  };
  const Case cases[] = {
      {"another MAC", other_mac, DropReason::kNotForUs},
      {"broadcast", broadcast, DropReason::kNotForUs},
      {"another UDP port", rig.FarFrame(wrong_port, datagram), DropReason::kNotForUs},
      {"another address",
       rig.FarFrame(far, datagram,
                    [](naive::Ip* ip) { ip->destination = Address("192.0.2.2"); }),
       DropReason::kNotForUs},
      {"a VLAN that is not ours", tagged, DropReason::kNotForUs},
      {"a fragment", rig.FarFrame(far, datagram, [](naive::Ip* ip) { ip->flags = 0x2000; }),
       DropReason::kFragment},
      {"another protocol", rig.FarFrame(far, datagram, [](naive::Ip* ip) { ip->protocol = 132; }),
       DropReason::kUnsupported},
      {"another EtherType", naive::MakeFrame(0x88cc, Bytes(60, 0)), DropReason::kUnsupported},
      {"half a frame", Bytes(good.begin(), good.begin() + 40), DropReason::kMalformed},
      {"not even Ethernet", Bytes(13, 0), DropReason::kMalformed},
  };
  uint64_t drops = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const uint64_t before = rig.Drops(c.reason);
    rig.FarSendsFrame(c.frame);
    rig.Settle();
    EXPECT_EQ(rig.Drops(c.reason), before + 1);
    EXPECT_EQ(rig.AllDrops(), ++drops);
  }
  Bytes bad_sum = good;
  bad_sum[14 + 10] ^= 1;
  rig.FarSendsFrame(bad_sum);
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kBadChecksum), 1);
  rig.FarSendsFrame(good);
  EXPECT_TRUE(rig.HostReceives().has_value());
}

TEST(Classify, SpeaksTheVlanOfThePort) {
  GatewayRig rig({.vlan = 42});
  FarEnd far;
  rig.Publish(far);
  rig.FarSends(far, far.Seal(FromPeer1()));
  EXPECT_TRUE(rig.HostReceives().has_value());
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  const std::optional<Bytes> datagram = rig.FarReceives(far);  // checks the tag
  ASSERT_TRUE(datagram.has_value());
  EXPECT_TRUE(far.Open(*datagram).has_value());
  // Without the tag it is another network's.
  Bytes untagged = rig.FarFrame(far, far.Seal(FromPeer1()));
  untagged.erase(untagged.begin() + 12, untagged.begin() + 16);
  rig.FarSendsFrame(untagged);
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kNotForUs), 1);
}

TEST(Classify, PassesHandshakesOnWithinABudget) {
  GatewayRig rig;
  FarEnd far;
  for (uint32_t counter : {0u, 1u, 2u, 3u, 0x7fffffffu}) {
    rig.FarSends(far, far.SealWith(counter, Bytes(32, 1)));
  }
  rig.FarSends(far, Bytes{0xff, 0xff, 0xff, 0xff});  // a bare close, both directions
  rig.FarSends(far, Bytes{0x7f, 0xff, 0xff, 0xff});
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kHandshake), 7);
  EXPECT_EQ(rig.Drops(DropReason::kBareClose), 0);  // hints, as long as there are few
  EXPECT_EQ(rig.punts[0].bytes, far.SealWith(0, Bytes(32, 1)));
  EXPECT_EQ(rig.punts[0].punt.source, (Endpoint{Ip("198.51.100.2"), 5000}));
  EXPECT_EQ(rig.punts[0].punt.local_address, Ip("192.0.2.1"));

  for (int i = 0; i < 100; ++i) rig.FarSends(far, Bytes{0xff, 0xff, 0xff, 0xff});
  rig.Settle();
  EXPECT_GE(rig.Drops(DropReason::kBareClose), 50);
  for (int i = 0; i < 100; ++i) rig.FarSends(far, far.SealWith(0, Bytes(32, 1)));
  rig.Settle();
  EXPECT_GE(rig.Drops(DropReason::kInitLimited), 70);
  // A configured endpoint has a budget of its own.
  const IpAddress known[] = {Ip("198.51.100.2")};
  ASSERT_TRUE(rig.dp().SetKnownEndpoints(known).ok());
  rig.punts.clear();
  for (int i = 0; i < 100; ++i) rig.FarSends(far, far.SealWith(0, Bytes(32, 1)));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kHandshake), 100);
}

TEST(Classify, LeavesControlFramesForOtherMacsAlone) {
  GatewayRig rig;
  Bytes arp = {0x02, 0, 0, 0, 0, 0x99};  // a question that a switch has flooded
  naive::Put(&arp, {0x02, 0, 0, 0, 0, 0x55});
  naive::Put16(&arp, 0x0806);
  naive::Put(&arp, Bytes(28, 1));
  rig.HostSendsFrame(arp);
  rig.FarSendsFrame(arp);
  FarEnd far;
  Bytes ping = rig.FarFrame(far, Bytes(20, 0), [](naive::Ip* ip) { ip->protocol = 1; });
  ping[5] ^= 1;
  rig.FarSendsFrame(ping);
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kControl), 0);
  EXPECT_EQ(rig.Drops(DropReason::kNotForUs), 3);
}

TEST(Classify, PassesArpAndNeighbourDiscoveryAndPingsOn) {
  GatewayRig rig;
  const Bytes arp = [] {
    Bytes frame = Bytes(6, 0xff);
    naive::Put(&frame, {0x02, 0, 0, 0, 0, 0x55});
    naive::Put16(&frame, 0x0806);
    naive::Put(&frame, Bytes(28, 1));
    return frame;
  }();
  rig.HostSendsFrame(arp);
  rig.FarSendsFrame(arp);
  FarEnd far;
  rig.FarSendsFrame(rig.FarFrame(far, Bytes(20, 0), [](naive::Ip* ip) { ip->protocol = 1; }));
  rig.FarSendsFrame(rig.FarFrame(far, Bytes(20, 0), [](naive::Ip* ip) {
    ip->protocol = 1;
    ip->destination = Address("192.0.2.77");
  }));
  FarEnd far6{.address = "2001:db8:f::2", .v6 = true};
  rig.FarSendsFrame(rig.FarFrame(far6, Bytes(20, 0), [](naive::Ip* ip) {
    ip->protocol = 58;
    ip->destination = Address("ff02::1:ff00:1");
  }));
  rig.HostSends(naive::MakeIp({.source = Address("fe80::5"),
                               .destination = Address("ff02::1:ff00:1"),
                               .protocol = 58, .ttl = 255}, Bytes(24, 135)));
  rig.HostSends(naive::MakeIp({.source = Address("fd00:a::5"), .destination = Address("ff02::fb")},
                              Bytes(24, 0)));
  const Bytes ping = naive::MakeIp({.source = Address("10.0.0.5"),
                                    .destination = Address("10.0.0.1"), .protocol = 1, .ttl = 1},
                                   Bytes(8, 8));
  rig.HostSends(ping);
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kControl), 6);
  EXPECT_EQ(rig.Drops(DropReason::kNotForUs), 1);      // ICMP to another host
  EXPECT_EQ(rig.Drops(DropReason::kUnsupported), 1);   // mDNS
  EXPECT_EQ(rig.AllDrops(), 2);
  bool has_arp = false, has_ping = false;
  for (const CopiedPunt& punt : rig.punts) {
    has_arp = has_arp || punt.bytes == arp;
    // From Ethernet on, as it came.
    has_ping = has_ping || (punt.punt.port == GatewayRig::kOverlay && punt.bytes.size() > 14 &&
                            Bytes(punt.bytes.begin() + 14, punt.bytes.end()) == ping);
  }
  EXPECT_TRUE(has_arp);
  EXPECT_TRUE(has_ping);
}

}  // namespace
}  // namespace noisegate::dataplane
