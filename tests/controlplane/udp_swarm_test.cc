#include "controlplane/udp_swarm.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace noisegate::controlplane {
namespace {

using dataplane::Endpoint;

Endpoint Parse(const std::string& text) {
  auto endpoint = Endpoint::Parse(text);
  EXPECT_TRUE(endpoint.ok()) << text;
  return *endpoint;
}

// On a free port of the address.
std::unique_ptr<UdpSwarm> Bind(const std::string& address) {
  auto parsed = dataplane::IpAddress::Parse(address);
  EXPECT_TRUE(parsed.ok()) << address;
  auto swarm = UdpSwarm::Bind({*parsed, 0});
  EXPECT_TRUE(swarm.ok()) << swarm.status();
  return swarm.ok() ? std::move(*swarm) : nullptr;
}

struct Received {
  Endpoint source;
  std::vector<uint8_t> bytes;
};

// Waits until `count` datagrams are there, or for 5 s.
std::vector<Received> ReceiveSome(UdpSwarm& swarm, size_t count) {
  std::vector<Received> received;
  while (received.size() < count) {
    pollfd readable{.fd = swarm.event_fd(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, 5'000) <= 0) break;
    swarm.Receive(count - received.size(),
                  [&](const Endpoint& source, uint16_t stripe, std::span<const uint8_t> bytes) {
                    EXPECT_EQ(stripe, 0);
                    received.push_back({source, {bytes.begin(), bytes.end()}});
                  });
  }
  return received;
}

class UdpSwarmOnLoopback : public testing::TestWithParam<const char*> {};

TEST_P(UdpSwarmOnLoopback, CarriesEverySizeBothWays) {
  auto a = Bind(GetParam()), b = Bind(GetParam());
  ASSERT_TRUE(a && b);
  const Endpoint at_a = a->LocalEndpoints().at(0), at_b = b->LocalEndpoints().at(0);
  ASSERT_NE(at_a.port, 0);
  const size_t largest = a->Mtu(at_b);
  EXPECT_GT(largest, 60'000u) << "loopback carries 64 KiB";
  for (const size_t size : {size_t{0}, size_t{1}, size_t{36}, size_t{1472}, largest}) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + size);
    ASSERT_TRUE(a->Tell(0, at_b, bytes).ok());
    a->Flush();
    const auto there = ReceiveSome(*b, 1);
    ASSERT_EQ(there.size(), 1u) << size;
    EXPECT_EQ(there[0].source, at_a);
    EXPECT_EQ(there[0].bytes, bytes);
    ASSERT_TRUE(b->Tell(0, there[0].source, there[0].bytes).ok());
    b->Flush();
    const auto back = ReceiveSome(*a, 1);
    ASSERT_EQ(back.size(), 1u) << size;
    EXPECT_EQ(back[0].bytes, bytes);
  }
  EXPECT_EQ(a->counters().sent, 5u);
  EXPECT_EQ(a->counters().received, 5u);
}

TEST_P(UdpSwarmOnLoopback, SendsMoreThanOneBatchInOrder) {
  auto a = Bind(GetParam()), b = Bind(GetParam());
  ASSERT_TRUE(a && b);
  const Endpoint at_b = b->LocalEndpoints().at(0);
  constexpr size_t kCount = 150;
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(a->Tell(0, at_b, std::vector<uint8_t>{static_cast<uint8_t>(i)}).ok());
  }
  a->Flush();
  const auto received = ReceiveSome(*b, kCount);
  ASSERT_EQ(received.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(received[i].bytes.at(0), i);
}

INSTANTIATE_TEST_SUITE_P(Families, UdpSwarmOnLoopback, testing::Values("127.0.0.1", "::1"));

TEST(UdpSwarm, BoundToTheIpv6WildcardCarriesBothFamilies) {
  auto all = Bind("::");
  auto v4 = Bind("127.0.0.1"), v6 = Bind("::1");
  ASSERT_TRUE(all && v4 && v6);
  const uint16_t port = all->LocalEndpoints().at(0).port;
  for (UdpSwarm* other : {v4.get(), v6.get()}) {
    const Endpoint at_other = other->LocalEndpoints().at(0);
    ASSERT_TRUE(other->Tell(0, {at_other.address, port}, std::vector<uint8_t>{1}).ok());
    other->Flush();
    const auto there = ReceiveSome(*all, 1);
    ASSERT_EQ(there.size(), 1u);
    EXPECT_EQ(there[0].source, at_other) << "IPv4 looks the same through an IPv6 socket";
    EXPECT_GT(all->Mtu(at_other), 60'000u);
    ASSERT_TRUE(all->Tell(0, there[0].source, there[0].bytes).ok());
    all->Flush();
    EXPECT_EQ(ReceiveSome(*other, 1).size(), 1u);
  }
}

TEST(UdpSwarm, WildcardListsTheHostsAddresses) {
  auto v4 = Bind("0.0.0.0"), all = Bind("::");
  ASSERT_TRUE(v4 && all);
  const auto has = [](const UdpSwarm& swarm, const std::string& address) {
    const auto endpoints = swarm.LocalEndpoints();
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
      return e.port != 0 && e.address.ToString() == address;
    });
  };
  EXPECT_TRUE(has(*v4, "127.0.0.1"));
  EXPECT_FALSE(has(*v4, "::1"));
  EXPECT_TRUE(has(*all, "127.0.0.1"));
  EXPECT_TRUE(has(*all, "::1"));
}

TEST(UdpSwarm, RefusesWhatCanNeverBeSent) {
  auto v4 = Bind("127.0.0.1"), v6 = Bind("::1");
  ASSERT_TRUE(v4 && v6);
  const std::vector<uint8_t> bytes(1);
  EXPECT_EQ(v4->Mtu(Parse("[::1]:1")), 0u);
  EXPECT_EQ(v6->Mtu(Parse("127.0.0.1:1")), 0u);
  EXPECT_FALSE(v4->Tell(1, Parse("127.0.0.1:1"), bytes).ok()) << "another stripe";
  EXPECT_FALSE(v4->Tell(0, Parse("[::1]:1"), bytes).ok()) << "another family";
  EXPECT_FALSE(v6->Tell(0, Parse("127.0.0.1:1"), bytes).ok()) << "another family";
  EXPECT_FALSE(v4->Tell(0, Parse("0.0.0.0:1"), bytes).ok());
  EXPECT_FALSE(v4->Tell(0, Parse("224.0.0.1:1"), bytes).ok());
  EXPECT_FALSE(v4->Tell(0, {Parse("127.0.0.1:1").address, 0}, bytes).ok());
  EXPECT_FALSE(v4->Tell(0, Parse("127.0.0.1:1"), std::vector<uint8_t>(65'528)).ok());
}

TEST(UdpSwarm, OneRefusedDatagramDoesNotHoldUpTheOthers) {
  auto a = Bind("127.0.0.1"), b = Bind("127.0.0.1");
  ASSERT_TRUE(a && b);
  const Endpoint at_b = b->LocalEndpoints().at(0);
  const std::vector<uint8_t> too_large(65'520);  // no IPv4 packet holds it
  ASSERT_TRUE(a->Tell(0, at_b, std::vector<uint8_t>{1}).ok());
  ASSERT_TRUE(a->Tell(0, at_b, too_large).ok());
  ASSERT_TRUE(a->Tell(0, at_b, std::vector<uint8_t>{2}).ok());
  a->Flush();
  const auto received = ReceiveSome(*b, 2);
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[1].bytes.at(0), 2);
  EXPECT_EQ(a->counters().sent, 2u);
  EXPECT_EQ(a->counters().send_failed, 1u);
}

TEST(UdpSwarm, BindNamesTheEndpointThatIsTaken) {
  auto first = Bind("127.0.0.1");
  ASSERT_TRUE(first);
  const Endpoint taken = first->LocalEndpoints().at(0);
  auto second = UdpSwarm::Bind(taken);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(std::string(second.status().message()).find(taken.ToString()), std::string::npos)
      << second.status();
}

}  // namespace
}  // namespace noisegate::controlplane
