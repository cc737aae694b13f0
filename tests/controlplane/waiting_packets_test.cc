#include "controlplane/waiting_packets.h"

#include <gtest/gtest.h>

#include <string>

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;

class WaitingPacketsTest : public testing::Test {
 protected:
  bool Add(int key, const std::string& text) {
    return waiting_.Add(now_, key, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  std::vector<std::string> Take(int key) {
    std::vector<std::string> texts;
    for (const auto& packet : waiting_.Take(key)) {
      texts.emplace_back(packet.bytes.begin(), packet.bytes.end());
    }
    return texts;
  }

  WaitingPackets<int>::TimePoint now_{1000s};
  WaitingPackets<int> waiting_{{.packets_per_key = 3, .packets = 5, .bytes = 100, .life = 1s}};
};

using Texts = std::vector<std::string>;

TEST_F(WaitingPacketsTest, GivesBackInOrderOfArrivalAndOnlyOnce) {
  EXPECT_TRUE(Add(1, "a"));
  EXPECT_TRUE(Add(2, "x"));
  EXPECT_TRUE(Add(1, "b"));
  EXPECT_EQ(Take(1), (Texts{"a", "b"}));
  EXPECT_EQ(Take(1), Texts{});
  EXPECT_EQ(Take(2), Texts{"x"});
  EXPECT_EQ(waiting_.bytes(), 0u);
}

TEST_F(WaitingPacketsTest, BringsTheTagBack) {
  const uint8_t byte = 7;
  EXPECT_TRUE(waiting_.Add(now_, 1, {&byte, 1}, 42));
  EXPECT_EQ(waiting_.Take(1).at(0).tag, 42u);
}

TEST_F(WaitingPacketsTest, RefusesTheNewestPastEachLimit) {
  EXPECT_TRUE(Add(1, "a"));
  EXPECT_TRUE(Add(1, "b"));
  EXPECT_TRUE(Add(1, "c"));
  EXPECT_FALSE(Add(1, "d")) << "packets for one key";
  EXPECT_FALSE(Add(2, std::string(98, 'x'))) << "bytes in all";
  EXPECT_TRUE(Add(2, std::string(97, 'x')));
  EXPECT_TRUE(Add(3, ""));
  EXPECT_FALSE(Add(4, "")) << "packets in all";
  EXPECT_EQ(Take(1), (Texts{"a", "b", "c"}));
}

TEST_F(WaitingPacketsTest, ExpiresEachPacketAfterItsLife) {
  EXPECT_TRUE(Add(1, "a"));
  now_ += 400ms;
  EXPECT_TRUE(Add(2, "b"));
  EXPECT_TRUE(Add(1, "c"));
  now_ += 599ms;
  EXPECT_EQ(waiting_.Expire(now_), 0u);
  now_ += 1ms;
  EXPECT_EQ(waiting_.Expire(now_), 1u);
  EXPECT_EQ(Take(1), Texts{"c"});
  now_ += 1s;
  EXPECT_EQ(waiting_.Expire(now_), 1u);
  EXPECT_EQ(waiting_.size(), 0u);
  EXPECT_EQ(waiting_.bytes(), 0u);
}

TEST_F(WaitingPacketsTest, OneThatComesBackKeepsItsExpiry) {
  const uint8_t byte = 7;
  EXPECT_TRUE(Add(1, "a"));
  now_ += 600ms;
  const auto packets = waiting_.Take(1);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_TRUE(Add(2, "b"));
  EXPECT_TRUE(waiting_.Add(now_, 1, {&byte, 1}, 0, packets[0].expires));
  EXPECT_EQ(waiting_.next_expiry(), packets[0].expires) << "though it came last";
  now_ += 400ms;
  EXPECT_EQ(waiting_.Expire(now_), 1u);
  EXPECT_EQ(Take(2), Texts{"b"});
  EXPECT_FALSE(waiting_.Add(now_, 1, {&byte, 1}, 0, packets[0].expires)) << "its time is over";
}

TEST_F(WaitingPacketsTest, MakesRoomAgainWhenPacketsLeave) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Add(1, "x"));
  now_ += 1s;
  EXPECT_EQ(waiting_.Expire(now_), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Add(1, "y"));
  EXPECT_EQ(Take(1).size(), 3u);
  EXPECT_TRUE(Add(1, "z"));
}

TEST_F(WaitingPacketsTest, HoldsNothingWhereTheLimitIsZero) {
  waiting_.set_limits({.packets_per_key = 0});
  EXPECT_FALSE(Add(1, "a"));
  EXPECT_EQ(waiting_.Expire(now_ + 1h), 0u);
}

}  // namespace
}  // namespace noisegate::controlplane
