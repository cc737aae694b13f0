// Every packet leaves by exactly one way, counted: also under a storm of everything at once, and also
// when the gateway stops in the middle of it.

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

// One of many kinds of frame for the underlay.
Bytes AnyFarFrame(GatewayRig& rig, std::vector<FarEnd>& ends, std::mt19937& random) {
  FarEnd& far = ends[random() % ends.size()];
  const std::string source = "10." + std::to_string(far.peer) + ".0.7";
  Bytes datagram = far.Seal(UdpPacket(source, "10.0.0.5", random() % 200));
  switch (random() % 12) {
    case 0:
      datagram.back() ^= 1;
      break;
    case 1:
      datagram = far.SealWith(4 + random() % 20, UdpPacket(source, "10.0.0.5"));
      break;
    case 2:
      datagram = far.SealWith(random() % 4, Bytes(32, 0));
      break;
    case 3:
      datagram.resize(random() % datagram.size());
      break;
    case 4:
      datagram = far.Seal(UdpPacket(source, "10.2.0.1", 30));  // relay, permitted or not
      break;
    case 5:
      datagram = far.Seal(UdpPacket("172.16.0.1", "10.0.0.5"));
      break;
    case 6: {
      Bytes frame = rig.FarFrame(far, datagram);
      frame[random() % frame.size()] ^= 1 << random() % 8;
      return frame;
    }
    case 7:
      return Bytes(14 + random() % 100, static_cast<uint8_t>(random()));
    default:
      break;
  }
  return rig.FarFrame(far, datagram);
}

Bytes AnyHostPacket(std::mt19937& random) {
  const std::string destination = "10." + std::to_string(random() % 5) + ".0.5";
  const unsigned ttl = random() % 8 == 0 ? 1 : 64;
  // Don't fragment: or what leaves would be more than what came.
  return UdpPacket("10.0.0.5", destination, random() % 1600, [ttl](naive::Ip* ip) {
    ip->ttl = ttl;
    ip->flags = 0x4000;
  });
}

TEST(Conservation, WhatComesInGoesSomewhere) {
  for (const uint16_t workers : {1, 3}) {
    GatewayRig rig({.workers = workers, .overlay_mtu = 2000,
                    .relay = {{.from = 1, .to = 2}}});
    std::vector<FarEnd> ends;
    for (PeerIndex peer = 1; peer <= 3; ++peer) {
      ends.push_back({.peer = peer, .worker = static_cast<WorkerIndex>(peer % workers),
                      .address = "198.51.100." + std::to_string(peer),
                      .seed = static_cast<uint8_t>(peer)});
      rig.Publish(ends.back());
    }
    std::mt19937 random(workers);
    uint64_t received_at_host = 0, received_far = 0;
    Bytes frame;
    const int kFrames = 3000;
    for (int i = 0; i < kFrames; ++i) {
      rig.FarSendsFrame(AnyFarFrame(rig, ends, random));
      rig.HostSends(AnyHostPacket(random));
      if (i % 100 != 99) continue;
      rig.Settle();
      received_at_host += rig.DrainHost();
      received_far += rig.DrainFar();
    }
    rig.Settle();
    received_at_host += rig.DrainHost();
    received_far += rig.DrainFar();
    const WorkerCounters counters = rig.Counters();
    EXPECT_EQ(counters.delivered, received_at_host);
    EXPECT_EQ(counters.sealed, received_far);
    EXPECT_EQ(counters.punted, rig.punts.size());
    EXPECT_EQ(2u * kFrames,
              counters.delivered + counters.sealed + counters.punted + rig.AllDrops());
    EXPECT_GT(counters.delivered, 500);
    EXPECT_GT(counters.relayed, 10);
  }
}

TEST(Conservation, HoldsWhenTheGatewayStopsInTheMiddle) {
  for (int round = 0; round < 10; ++round) {
    GatewayRig rig({.workers = 3});
    FarEnd far{.worker = 2};
    rig.Publish(far);
    for (int i = 0; i < 300; ++i) {
      rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "10.0.0.5")));
      rig.FarSends(far, far.SealWith(1, Bytes(48, 0)));
    }
    rig.dp().Stop();
    const WorkerCounters workers = rig.Counters();
    const WorkerCounters control = rig.dp().ReadControlCounters();
    const uint64_t shutdown = control.drops[static_cast<size_t>(DropReason::kShutdown)];
    const uint64_t received = rig.dp().ReadPorts()[GatewayRig::kUnderlay].rx_packets;
    const uint64_t left = rig.DrainHost();
    // Punts were counted when they went into the ring, and again when they were thrown out of it.
    EXPECT_EQ(received, left + shutdown + rig.AllDrops());
    EXPECT_LE(workers.punted, shutdown);
  }
}

TEST(Dataplane, StopsTwiceAndStartsOnce) {
  GatewayRig rig;
  EXPECT_FALSE(rig.dp().Start().ok());
  rig.dp().Stop();
  rig.dp().Stop();
  EXPECT_FALSE(rig.dp().Start().ok());
}

TEST(Dataplane, SleepsWhenThereIsNothingToDo) {
  for (const bool busy_poll : {false, true}) {
    GatewayRig rig({.change = [busy_poll](DataplaneOptions* options) {
      options->busy_poll = busy_poll;
    }});
    FarEnd far;
    rig.Publish(far);
    rig.FarSends(far, far.Seal({}));
    rig.Settle();
    rig.Settle();
    if (busy_poll) {
      EXPECT_EQ(rig.Counters().sleeps, 0);
    } else {
      EXPECT_GT(rig.Counters().sleeps, 0);
    }
    // And wakes up.
    rig.HostSends(UdpPacket("10.0.0.5", "10.1.0.7"));
    EXPECT_TRUE(rig.FarReceives(far).has_value());
  }
}

TEST(Dataplane, NamesWhatIsWrongWithItsOptions) {
  TestEal();
  const auto with = [](const std::function<void(DataplaneOptions*)>& change) {
    DataplaneOptions options;
    options.worker_lcores = {TestEal().worker_lcores[0]};
    options.ports.resize(1);
    options.ports[0].name = "p0";
    change(&options);
    return std::string(Dataplane::Create(options).status().message());
  };
  EXPECT_EQ(with([](DataplaneOptions*) {}), "");
  EXPECT_NE(with([](DataplaneOptions* o) { o->worker_lcores.clear(); }).find("workers"),
            std::string::npos);
  EXPECT_NE(with([](DataplaneOptions* o) { o->listen_port = 0; }).find("listen_port"),
            std::string::npos);
  EXPECT_NE(with([](DataplaneOptions* o) { o->ports.push_back(o->ports[0]); }).find("p0"),
            std::string::npos);
  EXPECT_NE(with([](DataplaneOptions* o) {
              o->ports[0].kind = DeviceKind::kAfXdp;
              o->ports[0].device = "nosuch0";
            }).find("port p0: device \"nosuch0\""),
            std::string::npos);
  EXPECT_NE(with([](DataplaneOptions* o) { o->max_sessions = 1u << 30; }).find("max_sessions"),
            std::string::npos);
}

}  // namespace
}  // namespace noisegate::dataplane
