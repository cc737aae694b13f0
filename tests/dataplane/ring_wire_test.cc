#include "dataplane/ring_wire.h"

#include <gtest/gtest.h>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

TEST(RingWire, CarriesFramesBothWaysQueueByQueue) {
  TestEal();
  RingEnd a("wire-test", 2), b("wire-test", 1);
  ASSERT_TRUE(a.ok());
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(b.queues(), 2);  // as the first end asked
  EXPECT_TRUE(a.Transmit(Bytes(60, 1), 0));
  EXPECT_TRUE(a.Transmit(Bytes(1500, 2), 1));
  EXPECT_TRUE(b.Transmit(Bytes(61, 3), 0));
  Bytes frame;
  ASSERT_TRUE(b.Receive(&frame));
  EXPECT_EQ(frame, Bytes(60, 1));
  ASSERT_TRUE(b.Receive(&frame));
  EXPECT_EQ(frame, Bytes(1500, 2));
  EXPECT_FALSE(b.Receive(&frame));
  ASSERT_TRUE(a.Receive(&frame));
  EXPECT_EQ(frame, Bytes(61, 3));
}

TEST(RingWire, HasTwoEndsThatCanBeTakenAgain) {
  TestEal();
  auto a = std::make_unique<RingEnd>("ends-test", 1);
  auto b = std::make_unique<RingEnd>("ends-test", 1);
  EXPECT_FALSE(RingEnd("ends-test", 1).ok());
  a->Transmit(Bytes(60, 1));
  a.reset();
  Bytes frame;
  EXPECT_FALSE(b->Receive(&frame));  // went with its sender's pool
  RingEnd c("ends-test", 1);
  ASSERT_TRUE(c.ok());
  c.Transmit(Bytes(60, 2));
  ASSERT_TRUE(b->Receive(&frame));
  EXPECT_EQ(frame, Bytes(60, 2));
}

TEST(RingWire, RefusesWhatDoesNotFit) {
  TestEal();
  RingEnd a("full-test", 1), b("full-test", 1);
  EXPECT_FALSE(a.Transmit(Bytes(10000)));
  uint32_t sent = 0;
  while (a.Transmit(Bytes(60, 1))) ++sent;
  EXPECT_EQ(sent, kRingSlots - 1);
  Bytes frame;
  EXPECT_TRUE(b.Receive(&frame));
  EXPECT_TRUE(a.Transmit(Bytes(60, 1)));
}

// Two gateways on one wire, as the demo has them: no far end played by a test.
TEST(RingWire, ConnectsTwoGatewaysBackToBack) {
  const EalInfo& eal = TestEal();
  struct Site {
    std::unique_ptr<RingEnd> host;
    std::unique_ptr<Dataplane> dp;
    SessionRef session;
  };
  Site sites[2];
  for (int i = 0; i < 2; ++i) {
    DataplaneOptions options;
    options.name = "site" + std::to_string(i);
    options.worker_lcores = {eal.worker_lcores[i]};
    options.ports.resize(2);
    options.ports[0] = {.name = "overlay", .side = Side::kOverlay, .kind = DeviceKind::kRing,
                        .device = "site-overlay" + std::to_string(i), .device_args = "",
                        .addresses = {}};
    options.ports[1] = {.name = "underlay", .side = Side::kUnderlay, .kind = DeviceKind::kRing,
                        .device = "between-sites", .device_args = "",
                        .addresses = {{Ip("192.0.2." + std::to_string(i)), 24}}};
    options.max_sessions = options.max_peers = options.max_neighbours = 8;
    options.mbufs = 4095;
    sites[i].host = std::make_unique<RingEnd>(options.ports[0].device, 1);
    sites[i].dp = std::move(Dataplane::Create(options)).value();
  }
  EXPECT_NE(sites[0].dp->port_info(1).mac, sites[1].dp->port_info(1).mac);
  for (int i = 0; i < 2; ++i) {
    Dataplane& dp = *sites[i].dp;
    const std::string other = std::to_string(1 - i), own = std::to_string(i);
    const PrefixRoute routes[] = {
        {Prefix::Parse("10." + other + ".0.0/16").value(), {.kind = Route::Kind::kPeer}},
        {Prefix::Parse("10." + own + ".0.0/16").value(), {.kind = Route::Kind::kConnected}}};
    dp.SetForwarding(Forwarding::Build(routes, {}).value());
    const NeighbourIndex next_hop = dp.AddNeighbour(1, Ip("192.0.2." + other)).value();
    dp.SetNeighbour(next_hop, sites[1 - i].dp->port_info(1).mac);
    dp.SetNeighbour(dp.AddNeighbour(0, Ip("10." + own + ".0.5")).value(),
                    Mac({2, 0, 0, 0, 0, 1}));
    SessionParams params;
    params.port = 1;
    params.local_address = Ip("192.0.2." + own);
    params.remote = {Ip("192.0.2." + other), 4242};
    params.next_hop = next_hop;
    params.role = i == 0 ? Role::kInitiator : Role::kResponder;
    params.confirmed = i == 0;
    std::fill_n(params.send_key.data(), 32, i == 0 ? 7 : 8);
    std::fill_n(params.receive_key.data(), 32, i == 0 ? 8 : 7);
    params.send_until = params.receive_until =
        std::chrono::steady_clock::now() + std::chrono::seconds(60);
    ASSERT_TRUE(dp.Publish(params).ok());
    ASSERT_TRUE(dp.Start().ok());
  }
  for (int i = 0; i < 100; ++i) {
    const int from = i % 2, to = 1 - from;
    const Bytes packet = UdpPacket("10." + std::to_string(from) + ".0.5",
                                   "10." + std::to_string(to) + ".0.5", 10 * i);
    const MacAddress mac = sites[from].dp->port_info(0).mac;
    Bytes frame(mac.bytes.begin(), mac.bytes.end());
    naive::Put(&frame, {2, 0, 0, 0, 0, 1, 8, 0});
    naive::Put(&frame, packet);
    ASSERT_TRUE(sites[from].host->Transmit(frame));
    Bytes received;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!sites[to].host->Receive(&received) &&
           std::chrono::steady_clock::now() < deadline) {
    }
    ASSERT_EQ(received.size(), frame.size());
    EXPECT_EQ(Bytes(received.begin() + 14, received.end()), OneHopLess(OneHopLess(packet)));
  }
  for (Site& site : sites) site.dp->Stop();
}

}  // namespace
}  // namespace noisegate::dataplane
