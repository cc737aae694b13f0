// Who may send what to whom: inner sources, relaying, hop limits, and what comes to the gateway itself.

#include "dataplane/forwarding.h"

#include <gtest/gtest.h>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

FarEnd Peer(PeerIndex peer) {
  return {.peer = peer, .address = "198.51.100." + std::to_string(peer),
          .seed = static_cast<uint8_t>(peer)};
}

TEST(Route, RefusesInnerSourcesThatAreNotTheSendersOwn) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  const char* const wrong[] = {"10.2.0.7", "10.0.0.7", "10.0.0.1", "192.0.2.9", "172.16.0.1"};
  for (const char* source : wrong) rig.FarSends(far, far.Seal(UdpPacket(source, "10.0.0.5")));
  rig.FarSends(far, far.Seal(UdpPacket("fd00:b2::7", "fd00:a::5")));
  rig.FarSends(far, far.Seal(UdpPacket("fd00:a::7", "fd00:a::5")));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kInnerSource), 7);
  EXPECT_EQ(rig.Counters().delivered, 0);
  rig.FarSends(far, far.Seal(UdpPacket("10.1.255.255", "10.0.0.5")));
  rig.FarSends(far, far.Seal(UdpPacket("fd00:b1:ffff::", "fd00:a::5")));
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 2);
}

TEST(Route, RelaysWhereThatIsPermitted) {
  GatewayRig rig({.relay = {{.from = 1, .to = 2}, {.from = 3, .to = RelayPermission::kAnyPeer}}});
  FarEnd one = Peer(1), two = Peer(2), three = Peer(3);
  for (const FarEnd* far : {&one, &two, &three}) rig.Publish(*far);
  const Bytes packet = UdpPacket("10.1.0.7", "10.2.0.7", 100);
  rig.FarSends(one, one.Seal(packet));
  const std::optional<Bytes> datagram = rig.FarReceives(two);
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(two.Open(*datagram), OneHopLess(packet));

  rig.FarSends(two, two.Seal(UdpPacket("10.2.0.7", "10.1.0.7")));  // not the other way
  rig.FarSends(one, one.Seal(UdpPacket("10.1.0.7", "10.3.0.7")));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kRelayDenied), 2);
  rig.FarSends(three, three.Seal(UdpPacket("fd00:b3::7", "fd00:b1::7")));
  rig.FarSends(three, three.Seal(UdpPacket("10.3.0.7", "10.3.0.8")));  // never back
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kRelayDenied), 3);
  EXPECT_EQ(rig.Counters().relayed, 2);
  EXPECT_EQ(rig.Counters().delivered, 0);
}

TEST(Route, PuntsWhatRunsOutOfHops) {
  GatewayRig rig({.relay = {{.from = 1, .to = 2}}});
  FarEnd one = Peer(1), two = Peer(2);
  rig.Publish(one);
  rig.Publish(two);
  const auto ttl = [](unsigned n) { return [n](naive::Ip* ip) { ip->ttl = n; }; };
  const Bytes from_host = UdpPacket("10.0.0.5", "10.1.0.7", 40, ttl(1));
  const Bytes from_peer = UdpPacket("10.1.0.7", "10.0.0.5", 40, ttl(1));
  const Bytes relayed = UdpPacket("fd00:b1::7", "fd00:b2::7", 40, ttl(0));
  rig.HostSends(from_host);
  rig.FarSends(one, one.Seal(from_peer));
  rig.FarSends(one, one.Seal(relayed));
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kTtlExpired), 3);
  for (const CopiedPunt& punt : rig.punts) {
    if (punt.punt.from == kNoPeer) {
      EXPECT_EQ(punt.bytes, from_host);
      EXPECT_EQ(punt.punt.peer, kNoPeer);
    } else {
      EXPECT_EQ(punt.punt.peer, 1);
      EXPECT_TRUE(punt.bytes == from_peer || punt.bytes == relayed);
    }
  }
  // Two hops left are enough for one router.
  rig.FarSends(one, one.Seal(UdpPacket("10.1.0.7", "10.0.0.5", 40, ttl(2))));
  const std::optional<Bytes> received = rig.HostReceives();
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ((*received)[8], 1);
}

TEST(Route, PuntsWhatIsForTheGatewayItselfWhateverItsHops) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  const Bytes packet =
      UdpPacket("10.1.0.7", "10.0.0.1", 40, [](naive::Ip* ip) { ip->ttl = 1; });
  rig.FarSends(far, far.Seal(packet));
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kLocal), 1);
  EXPECT_EQ(rig.punts[0].bytes, packet);
  EXPECT_EQ(rig.punts[0].punt.peer, 1);
}

TEST(Route, PuntsWhatHasNoRoute) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  const Bytes from_host = UdpPacket("10.0.0.5", "172.16.0.1");
  rig.HostSends(from_host);
  rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "172.16.0.1")));
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNoRoute), 2);
  const bool first_is_hosts = rig.punts[0].punt.from == kNoPeer;
  EXPECT_EQ(rig.punts[first_is_hosts ? 0 : 1].bytes, from_host);
  EXPECT_EQ(rig.punts[first_is_hosts ? 1 : 0].punt.peer, 1);
}

TEST(Route, DoesNotCarryWhatIsOfOneLinkOnly) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "224.0.0.251")));
  rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "255.255.255.255")));
  rig.FarSends(far, far.Seal(UdpPacket("fd00:b1::7", "fe80::5")));
  rig.HostSends(UdpPacket("10.0.0.5", "224.0.0.251"));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kUnsupported), 4);
  // Hosts of one link need no router.
  rig.HostSends(UdpPacket("10.0.0.5", "10.0.0.6"));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kNoRoute), 1);
  EXPECT_EQ(rig.AllDrops(), 5);
}

TEST(Route, CarriesNoMartians) {
  // Peer 1 owns everything, as a way out to the Internet does.
  GatewayRig rig({.relay = {{.from = RelayPermission::kAnyPeer, .to = RelayPermission::kAnyPeer}}});
  std::vector<PrefixRoute> routes = {
      {Prefix::Parse("0.0.0.0/0").value(), {.kind = Route::Kind::kPeer, .index = 1}},
      {Prefix::Parse("::/0").value(), {.kind = Route::Kind::kPeer, .index = 1}},
      {Prefix::Parse("10.0.0.0/24").value(),
       {.kind = Route::Kind::kConnected, .port = GatewayRig::kOverlay}},
      {Prefix::Parse("fd00:a::/32").value(),
       {.kind = Route::Kind::kConnected, .port = GatewayRig::kOverlay}},
      {Prefix::Parse("fd00:a::1/128").value(), {.kind = Route::Kind::kLocal}},
  };
  rig.dp().SetForwarding(Forwarding::Build(routes, {}).value());
  FarEnd far = Peer(1);
  rig.Publish(far);
  const char* const nobodys[] = {"127.0.0.1", "127.9.9.9", "0.0.0.1", "0.255.255.255",
                                 "240.0.0.1", "255.0.0.1"};
  uint64_t martians = 0;
  for (const char* address : nobodys) {
    rig.HostSends(UdpPacket("10.0.0.5", address));
    rig.HostSends(UdpPacket(address, "8.8.8.8"));
    rig.FarSends(far, far.Seal(UdpPacket(address, "10.0.0.5")));
    martians += 3;
  }
  rig.HostSends(UdpPacket("fd00:a::5", "::1"));
  rig.HostSends(UdpPacket("::1", "2001:db8::1"));
  rig.FarSends(far, far.Seal(UdpPacket("::1", "fd00:a::5")));
  martians += 3;
  // Of its link only: good for us, not for others.
  rig.HostSends(UdpPacket("fe80::5", "2001:db8::1"));
  rig.HostSends(UdpPacket("169.254.0.5", "8.8.8.8"));
  rig.FarSends(far, far.Seal(UdpPacket("fe80::7", "fd00:a::5")));
  martians += 3;
  rig.HostSends(UdpPacket("fe80::5", "fd00:a::1"));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kMartian), martians);
  EXPECT_EQ(rig.AllDrops(), martians);
  EXPECT_EQ(rig.PuntsOf(PuntKind::kControl), 1) << "to the gateway itself";
  rig.HostSends(UdpPacket("10.0.0.5", "8.8.8.8"));
  EXPECT_TRUE(rig.FarReceives(far).has_value());
}

TEST(Deliver, GoesThroughARouterBehindTheOverlay) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  const Bytes packet = UdpPacket("10.1.0.7", "10.9.1.1");
  rig.FarSends(far, far.Seal(packet));
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNeedNeighbour), 1);
  EXPECT_EQ(rig.punts[0].punt.next_hop, Ip("10.0.0.9"));
  EXPECT_EQ(rig.punts[0].punt.port, GatewayRig::kOverlay);
  EXPECT_EQ(rig.punts[0].punt.from, 1);
  EXPECT_EQ(rig.punts[0].bytes, packet);

  // ARP has answered; what waited goes on as if it came now.
  const NeighbourIndex router =
      rig.dp().AddNeighbour(GatewayRig::kOverlay, Ip("10.0.0.9")).value();
  rig.dp().SetNeighbour(router, Mac(rig.host_mac));
  ASSERT_TRUE(rig.dp().Reinject(packet, 1, {}).ok());
  EXPECT_EQ(rig.HostReceives(), OneHopLess(packet));
  rig.dp().SetNeighbour(router, std::nullopt);
  rig.FarSends(far, far.Seal(packet));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedNeighbour), 2);
  rig.dp().RemoveNeighbour(router);
  rig.FarSends(far, far.Seal(packet));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedNeighbour), 3);
}

TEST(Deliver, TellsTheSenderWhatIsTooBigForTheLink) {
  GatewayRig rig({.overlay_mtu = 576});
  FarEnd far = Peer(1);
  rig.Publish(far);
  const Bytes packet =
      UdpPacket("10.1.0.7", "10.0.0.5", 600, [](naive::Ip* ip) { ip->flags = 0x4000; });
  rig.FarSends(far, far.Seal(packet));
  rig.FarSends(far, far.Seal(UdpPacket("fd00:b1::7", "fd00:a::5", 600)));
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kTooBig), 2);
  for (const CopiedPunt& punt : rig.punts) {
    EXPECT_EQ(punt.punt.mtu, 576);
    EXPECT_EQ(punt.punt.peer, 1);
  }
}

TEST(Route, FollowsTheTablesThatTheControlThreadSets) {
  GatewayRig rig;
  FarEnd far = Peer(1);
  rig.Publish(far);
  const PrefixRoute only[] = {
      {Prefix::Parse("172.16.0.0/12").value(), {.kind = Route::Kind::kPeer, .index = 1}}};
  rig.dp().SetForwarding(Forwarding::Build(only, {}).value());
  rig.HostSends(UdpPacket("10.0.0.5", "172.16.0.1"));
  EXPECT_TRUE(rig.FarReceives(far).has_value());
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNoRoute), 1);
  // A peer that the tables cannot hold is as good as none.
  const PrefixRoute beyond[] = {
      {Prefix::Parse("172.16.0.0/12").value(), {.kind = Route::Kind::kPeer, .index = 8}}};
  rig.dp().SetForwarding(Forwarding::Build(beyond, {}).value());
  rig.HostSends(UdpPacket("10.0.0.5", "172.16.0.1"));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kNoRoute), 1);
}

}  // namespace
}  // namespace noisegate::dataplane
