// Next hops between the cache that decides, a data plane that only remembers, and the wire.
#include "controlplane/neighbours.h"

#include <gtest/gtest.h>

#include "tests/controlplane/fake_dataplane.h"

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;
using dataplane::DropReason;
using dataplane::IpAddress;
using dataplane::MacAddress;

constexpr MacAddress kMac = {{2, 0, 0, 0, 0, 9}};

IpAddress Host(uint32_t number) { return IpAddress::V4(0xc0000200 + number); }  // 192.0.2.0/24

// One underlay port with 192.0.2.1, room for `known` neighbours here and `entries` in the data plane.
struct Link {
  Link(size_t known, uint32_t entries)
      : dataplane(Options(entries)),
        addresses(Config(), dataplane),
        neighbours(dataplane, addresses, known,
                   [this](dataplane::PortIndex, std::span<const uint8_t>) { ++unreachable; }) {
    neighbours.AdvanceTo(now);
  }

  static dataplane::DataplaneOptions Options(uint32_t entries) {
    dataplane::DataplaneOptions options;
    options.ports.resize(1);
    options.max_neighbours = entries;
    return options;
  }
  static config::Config Config() {
    config::Config config;
    config.ports.resize(1);
    config.ports[0].addresses = {*dataplane::Prefix::Parse("192.0.2.1/24")};
    return config;
  }
  // The host says `operation` to us.
  void Says(uint32_t host, dataplane::ArpMessage::Operation operation) {
    neighbours.Learn(0, {.operation = operation,
                         .sender_mac = kMac,
                         .sender = Host(host),
                         .target_mac = {},
                         .target = Host(1)});
  }
  void Answers(uint32_t host) { Says(host, dataplane::ArpMessage::Operation::kReply); }
  void Asks(uint32_t host) { Says(host, dataplane::ArpMessage::Operation::kRequest); }
  // What the data plane has of a host; null where nothing.
  const FakeDataplane::Neighbour* In(uint32_t host) const {
    for (const auto& [index, neighbour] : dataplane.neighbours) {
      if (neighbour.address == Host(host)) return &neighbour;
    }
    return nullptr;
  }

  TimePoint now{1000s};
  int unreachable = 0;
  FakeDataplane dataplane;
  LocalAddresses addresses;
  Neighbours neighbours;
};

TEST(Neighbours, AHeldNextHopStaysInTheDataPlaneUntilItIsReleased) {
  Link link(16, 16);
  const auto first = link.neighbours.Hold(0, Host(2));
  const auto second = link.neighbours.Hold(0, Host(2));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(link.In(2)->mac, std::nullopt);
  link.neighbours.Release(0, Host(2));
  EXPECT_NE(link.In(2), nullptr);
  link.neighbours.Release(0, Host(2));
  EXPECT_EQ(link.In(2), nullptr) << "nobody knows it or wants it";
}

// The cache is asked first: what it has no room for must leave nothing behind in the data plane.
TEST(Neighbours, WhatCannotBePinnedIsNotEntered) {
  Link link(4, 16);
  for (uint32_t host = 2; host <= 5; ++host) ASSERT_TRUE(link.neighbours.Hold(0, Host(host)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(link.neighbours.Hold(0, Host(6)).status()));
  EXPECT_EQ(link.dataplane.neighbours.size(), 4u);
}

TEST(Neighbours, WhatCannotBeEnteredIsNotPinned) {
  Link link(4, 2);
  ASSERT_TRUE(link.neighbours.Hold(0, Host(2)).ok());
  ASSERT_TRUE(link.neighbours.Hold(0, Host(3)).ok());
  for (uint32_t host = 4; host < 100; ++host) {
    EXPECT_TRUE(absl::IsResourceExhausted(link.neighbours.Hold(0, Host(host)).status()));
  }
  link.neighbours.Release(0, Host(2));
  EXPECT_TRUE(link.neighbours.Hold(0, Host(50)).ok()) << "the cache has evicted those before it";
}

TEST(Neighbours, AMacThatIsKnownAlreadyComesWithTheEntry) {
  Link link(16, 1);
  ASSERT_TRUE(link.neighbours.Hold(0, Host(2)).ok());
  link.Asks(3);  // and becomes known, but the data plane has no room
  EXPECT_EQ(link.In(3), nullptr);
  link.neighbours.Release(0, Host(2));
  link.neighbours.SendPacket(0, Host(3), Bytes{1, 2, 3}, /*from=*/7, {});
  ASSERT_NE(link.In(3), nullptr);
  EXPECT_EQ(link.In(3)->mac, kMac);
  ASSERT_EQ(link.dataplane.reinjected.size(), 1u) << "at once: a worker can send it now";
  EXPECT_EQ(link.dataplane.reinjected[0].first, 7u);
}

TEST(Neighbours, WhatWaitsGoesOnWithTheAnswerAndIsGivenUpWithoutOne) {
  Link link(16, 16);
  link.neighbours.Send(0, Host(2), Bytes(60));
  link.neighbours.SendPacket(0, Host(2), Bytes{1}, 7, {});
  link.neighbours.Send(0, Host(3), Bytes(60));
  link.neighbours.SendPacket(0, Host(3), Bytes{2}, 7, {});
  EXPECT_EQ(link.neighbours.waiting(), 4u);
  EXPECT_EQ(link.dataplane.TakeFrames().size(), 2u) << "two questions";
  link.Answers(2);
  const auto frames = link.dataplane.TakeFrames();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(std::equal(kMac.bytes.begin(), kMac.bytes.end(), frames[0].second.begin()));
  EXPECT_EQ(link.dataplane.reinjected.size(), 1u);
  for (int i = 0; i < 50; ++i) link.neighbours.AdvanceTo(link.now += 100ms);
  EXPECT_EQ(link.neighbours.waiting(), 0u);
  EXPECT_EQ(link.dataplane.drops(DropReason::kNoNeighbour), 2u);
  EXPECT_EQ(link.unreachable, 1) << "of the packet; the frame was our own";
}

}  // namespace
}  // namespace noisegate::controlplane
