#include "controlplane/memory_swarm.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/controlplane/bytes.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Endpoint;
using dataplane::IpAddress;

const Endpoint kA{IpAddress::V4(0x0a000001), 1};
const Endpoint kB{IpAddress::V4(0x0a000002), 2};

// All that waits at `swarm`, as "source: text".
std::vector<std::string> ReceiveAll(DatagramSwarm& swarm) {
  std::vector<std::string> received;
  swarm.Receive(SIZE_MAX, [&](const Endpoint& source, uint16_t, std::span<const uint8_t> bytes) {
    received.push_back(source.ToString() + ": " + std::string(bytes.begin(), bytes.end()));
  });
  return received;
}

TEST(MemorySwarm, DeliversInOrderWithTheSource) {
  MemorySwitch network;
  auto a = network.Attach(kA), b = network.Attach(kB);
  ASSERT_TRUE(a->Tell(0, kB, Bytes("one")).ok());
  ASSERT_TRUE(a->Tell(0, kB, Bytes("two")).ok());
  EXPECT_EQ(ReceiveAll(*b), (std::vector<std::string>{"10.0.0.1:1: one", "10.0.0.1:1: two"}));
  EXPECT_TRUE(ReceiveAll(*a).empty());
}

TEST(MemorySwarm, ReceivesNoMoreThanTheLimit) {
  MemorySwitch network;
  auto a = network.Attach(kA), b = network.Attach(kB);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(a->Tell(0, kB, Bytes("x")).ok());
  const auto ignore = [](const Endpoint&, uint16_t, std::span<const uint8_t>) {};
  EXPECT_EQ(b->Receive(2, ignore), 2u);
  EXPECT_EQ(b->Receive(2, ignore), 1u);
  EXPECT_EQ(b->Receive(2, ignore), 0u);
}

TEST(MemorySwarm, MayTellItselfWhileReceiving) {
  MemorySwitch network;
  auto a = network.Attach(kA);
  ASSERT_TRUE(a->Tell(0, kA, Bytes("x")).ok());
  int received = 0;
  a->Receive(5, [&](const Endpoint&, uint16_t, std::span<const uint8_t> bytes) {
    ++received;
    EXPECT_TRUE(a->Tell(0, kA, bytes).ok());
  });
  EXPECT_EQ(received, 5);
}

TEST(MemorySwarm, LosesWhatIsForNobodyAndWhatIsTooMany) {
  MemorySwitch network({.queue_datagrams = 2});
  auto a = network.Attach(kA);
  EXPECT_TRUE(a->Tell(0, kB, Bytes("nobody")).ok());
  EXPECT_EQ(network.lost(), 1u);
  auto b = network.Attach(kB);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(a->Tell(0, kB, Bytes("x")).ok());
  EXPECT_EQ(network.lost(), 2u);
  EXPECT_EQ(ReceiveAll(*b).size(), 2u);
  b.reset();
  EXPECT_TRUE(a->Tell(0, kB, Bytes("gone")).ok());
  EXPECT_EQ(network.lost(), 3u);
}

TEST(MemorySwarm, RefusesDatagramsOverItsMtu) {
  MemorySwitch network({.mtu = 10});
  auto a = network.Attach(kA), b = network.Attach(kB);
  EXPECT_EQ(a->Mtu(kB), 10u);
  EXPECT_TRUE(a->Tell(0, kB, std::vector<uint8_t>(10)).ok());
  EXPECT_FALSE(a->Tell(0, kB, std::vector<uint8_t>(11)).ok());
  EXPECT_EQ(ReceiveAll(*b).size(), 1u);
}

// Which of 1,000 datagrams arrive.
std::vector<std::string> Survivors(uint64_t seed) {
  MemorySwitch network({.loss = 0.25, .seed = seed});
  auto a = network.Attach(kA), b = network.Attach(kB);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(a->Tell(0, kB, Bytes(std::to_string(i))).ok());
  return ReceiveAll(*b);
}

TEST(MemorySwarm, LosesBySeed) {
  const auto survivors = Survivors(1);
  EXPECT_NEAR(survivors.size(), 750, 60);
  EXPECT_EQ(survivors, Survivors(1));
  EXPECT_NE(survivors, Survivors(2));
}

TEST(MemorySwarm, FilterSeesAndLoses) {
  MemorySwitch network;
  auto a = network.Attach(kA), b = network.Attach(kB);
  network.SetFilter(
      [](const Endpoint& source, const Endpoint& destination, std::span<const uint8_t> bytes) {
        EXPECT_EQ(source, kA);
        EXPECT_EQ(destination, kB);
        return bytes.size() != 3;
      });
  EXPECT_TRUE(a->Tell(0, kB, Bytes("three")).ok());
  EXPECT_TRUE(a->Tell(0, kB, Bytes("two")).ok());
  EXPECT_EQ(ReceiveAll(*b).size(), 1u);
}

}  // namespace
}  // namespace noisegate::controlplane
