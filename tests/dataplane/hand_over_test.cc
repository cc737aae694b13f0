// Several workers: each packet reaches the one that owns its session, and none is lost on the way.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

TEST(HandOver, DatagramsReachTheWorkerOfTheirPort) {
  GatewayRig rig({.workers = 3});  // one queue, so that worker 0 receives everything
  std::vector<FarEnd> ends;
  for (WorkerIndex w = 0; w < 3; ++w) {
    ends.push_back({.worker = w, .seed = static_cast<uint8_t>(w + 1)});
    rig.Publish(ends.back());
  }
  for (int round = 0; round < 50; ++round) {
    for (FarEnd& end : ends) rig.FarSends(end, end.Seal(UdpPacket("10.1.0.7", "10.0.0.5")));
  }
  for (int i = 0; i < 150; ++i) ASSERT_TRUE(rig.HostReceives().has_value());
  rig.Settle();
  for (const WorkerCounters& worker : rig.dp().ReadWorkers()) EXPECT_EQ(worker.opened, 50);
  EXPECT_EQ(rig.AllDrops(), 0);
  // Two thirds went to another worker, and as many came back to be sent.
  EXPECT_EQ(rig.Counters().handed_over, 200);
}

TEST(HandOver, QueuesAreSharedOut) {
  GatewayRig rig({.workers = 2, .wire_queues = 2});
  std::vector<FarEnd> ends = {{.worker = 0, .seed = 1}, {.worker = 1, .seed = 2}};
  for (const FarEnd& end : ends) rig.Publish(end);
  for (int i = 0; i < 50; ++i) {
    for (FarEnd& end : ends) {
      rig.FarSends(end, end.Seal(UdpPacket("10.1.0.7", "10.0.0.5")), end.worker);
    }
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().handed_over, 0);
  EXPECT_EQ(rig.Counters().delivered, 100);
  for (const WorkerCounters& worker : rig.dp().ReadWorkers()) EXPECT_EQ(worker.opened, 50);
}

TEST(HandOver, MoreQueuesThanWorkersAreAllPolled) {
  GatewayRig rig({.workers = 1, .wire_queues = 4});
  FarEnd far;
  rig.Publish(far);
  for (uint16_t q = 0; q < 4; ++q) {
    rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "10.0.0.5")), q);
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 4);
}

TEST(HandOver, PacketsGoToAWorkerThatHasASession) {
  GatewayRig rig({.workers = 4});
  FarEnd far{.worker = 2};
  const SessionRef session = rig.Publish(far);
  for (int i = 0; i < 20; ++i) rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7", i));
  for (int i = 0; i < 20; ++i) {
    const std::optional<Bytes> datagram = rig.FarReceives(far);
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(far.Open(*datagram), OneHopLess(UdpPacket("10.0.0.5", "10.1.0.7", i)));  // in order
  }
  rig.Settle();
  EXPECT_EQ(rig.dp().ReadWorkers()[2].sealed, 20);
  ASSERT_TRUE(rig.dp().Retire(session).ok());
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
}

TEST(HandOver, DoesNotGoInCirclesWhenTheOtherWorkersSessionIsTooOld) {
  GatewayRig rig({.workers = 3});
  for (WorkerIndex w = 1; w < 3; ++w) {
    FarEnd far{.worker = w, .seed = static_cast<uint8_t>(w)};
    SessionParams params = rig.Params(far);
    params.send_until = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
    rig.Publish(params);
  }
  rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
  EXPECT_EQ(rig.Counters().handed_over, 1);
}

TEST(HandOver, SpreadsFlowsOverTheWorkersAndKeepsEachOnOne) {
  GatewayRig rig({.workers = 4});
  std::vector<FarEnd> ends;
  for (WorkerIndex w = 1; w < 4; ++w) {  // worker 0, which receives, has none
    ends.push_back({.worker = w, .seed = static_cast<uint8_t>(w)});
    rig.Publish(ends.back());
  }
  const int kFlows = 60, kPackets = 5;
  for (int i = 0; i < kPackets; ++i) {
    for (int flow = 0; flow < kFlows; ++flow) {
      rig.HostSends(UdpPacket("10.0.0.5", "10.1.0." + std::to_string(flow), 20));
    }
  }
  std::vector<std::set<int>> workers_of_flow(kFlows);
  std::set<int> used;
  for (int i = 0; i < kFlows * kPackets; ++i) {
    const std::optional<Bytes> datagram = rig.FarReceives(ends[0]);
    ASSERT_TRUE(datagram.has_value());
    for (const FarEnd& end : ends) {
      const std::optional<Bytes> message = end.Open(*datagram);
      if (!message.has_value()) continue;
      workers_of_flow[(*message)[19]].insert(end.worker);
      used.insert(end.worker);
    }
  }
  EXPECT_EQ(used.size(), 3);
  for (const std::set<int>& workers : workers_of_flow) EXPECT_EQ(workers.size(), 1);
}

TEST(HandOver, SpreadsTheFlowsOfAPortWithFewerQueuesThanWorkers) {
  GatewayRig rig({.workers = 4});  // one queue: worker 0 receives everything, and has a session, too
  std::vector<FarEnd> ends;
  for (WorkerIndex w = 0; w < 4; ++w) {
    ends.push_back({.worker = w, .seed = static_cast<uint8_t>(w + 1)});
    rig.Publish(ends.back());
  }
  const int kFlows = 60, kPackets = 5;
  for (int i = 0; i < kPackets; ++i) {
    for (int flow = 0; flow < kFlows; ++flow) {
      rig.HostSends(UdpPacket("10.0.0.5", "10.1.0." + std::to_string(flow), 20,
                              [&](naive::Ip* ip) { ip->identification = static_cast<uint16_t>(i); }));
    }
  }
  std::vector<std::set<int>> workers_of_flow(kFlows);
  std::vector<int> next_of_flow(kFlows);
  for (int i = 0; i < kFlows * kPackets; ++i) {
    const std::optional<Bytes> datagram = rig.FarReceives(ends[0]);
    ASSERT_TRUE(datagram.has_value());
    for (const FarEnd& end : ends) {
      const std::optional<Bytes> message = end.Open(*datagram);
      if (!message.has_value()) continue;
      const int flow = (*message)[19];
      workers_of_flow[flow].insert(end.worker);
      EXPECT_EQ((*message)[5], next_of_flow[flow]++) << "flow " << flow << " is out of order";
    }
  }
  std::map<int, int> flows_of_worker;
  for (const std::set<int>& workers : workers_of_flow) {
    ASSERT_EQ(workers.size(), 1);
    ++flows_of_worker[*workers.begin()];
  }
  EXPECT_EQ(flows_of_worker.size(), 4);
  for (const auto& [worker, flows] : flows_of_worker) EXPECT_GE(flows, 5) << worker;
  EXPECT_EQ(rig.AllDrops(), 0);
}

TEST(HandOver, LeavesFlowsWhereTheDeviceHasPutThem) {
  GatewayRig rig({.workers = 2, .wire_queues = 2});
  std::vector<FarEnd> ends = {{.worker = 0, .seed = 1}, {.worker = 1, .seed = 2}};
  for (const FarEnd& end : ends) rig.Publish(end);
  for (int flow = 0; flow < 20; ++flow) {
    rig.HostSends(UdpPacket("10.0.0.5", "10.1.0." + std::to_string(flow)), flow % 2);
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().handed_over, 0);
  for (const WorkerCounters& worker : rig.dp().ReadWorkers()) EXPECT_EQ(worker.sealed, 10);
}

TEST(Reinject, GoesToTheWorkerOfItsFlow) {
  GatewayRig rig({.workers = 4});
  std::vector<FarEnd> ends;
  for (WorkerIndex w = 0; w < 4; ++w) {
    ends.push_back({.worker = w, .seed = static_cast<uint8_t>(w + 1)});
    rig.Publish(ends.back());
  }
  for (int flow = 0; flow < 20; ++flow) {
    const Bytes packet = UdpPacket("10.0.0.5", "10.1.0." + std::to_string(flow));
    const auto worker_of = [&](const std::optional<Bytes>& datagram) {
      for (const FarEnd& end : ends) {
        if (end.Open(datagram.value_or(Bytes())).has_value()) return int{end.worker};
      }
      return -1;
    };
    rig.HostSends(packet);
    const int worker = worker_of(rig.FarReceives(ends[0]));
    ASSERT_TRUE(rig.dp().Reinject(packet, kNoPeer, {}).ok());
    EXPECT_EQ(worker_of(rig.FarReceives(ends[0])), worker) << flow;
  }
}

TEST(Reinject, KeepsTheTimeThatAPacketMayStillWait) {
  GatewayRig rig({.workers = 2});
  const TimePoint until(std::chrono::seconds(77));
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7");
  ASSERT_TRUE(rig.dp().Reinject(packet, kNoPeer, until).ok());
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
  EXPECT_EQ(rig.punts.back().punt.waits_until, until);
  // The same on the way over another worker, whose session is too old; and a new packet has no such time,
  // though its buffer may be the one of before.
  FarEnd far{.worker = 1};
  SessionParams params = rig.Params(far);
  params.send_until = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
  rig.Publish(params);
  ASSERT_TRUE(rig.dp().Reinject(packet, kNoPeer, until).ok());
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 2);
  EXPECT_EQ(rig.punts.back().punt.waits_until, until);
  for (int i = 0; i < 200; ++i) rig.HostSends(packet);
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 202);
  EXPECT_EQ(rig.punts.back().punt.waits_until, TimePoint());
}

TEST(Reinject, GoesToAWorkerThatHasASession) {
  GatewayRig rig({.workers = 3});
  FarEnd far{.worker = 2};
  rig.Publish(far);
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7");
  ASSERT_TRUE(rig.dp().Reinject(packet, kNoPeer, {}).ok());
  EXPECT_EQ(far.Open(rig.FarReceives(far).value_or(Bytes())), OneHopLess(packet));
  EXPECT_FALSE(rig.dp().Reinject(packet, 8, {}).ok());
  // To a host of the overlay, as an ICMP error goes.
  ASSERT_TRUE(rig.dp().Reinject(UdpPacket("10.0.0.1", "10.0.0.5"), kNoPeer, {}).ok());
  EXPECT_EQ(rig.HostReceives(), OneHopLess(UdpPacket("10.0.0.1", "10.0.0.5")));
  // Relaying needs the permission that it needed before.
  ASSERT_TRUE(rig.dp().Reinject(UdpPacket("10.2.0.7", "10.1.0.7"), 2, {}).ok());
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kRelayDenied), 1);
}

}  // namespace
}  // namespace noisegate::dataplane
