#include "controlplane/half_open_table.h"

#include <gtest/gtest.h>

#include "tests/sim/gateway_node.h"

namespace noisegate::controlplane {
namespace {

using sim::SeededRandom;
using std::chrono::seconds;

constexpr auto kLife = seconds(10);

class HalfOpen : public testing::Test {
 protected:
  static HalfOpenTable::TimePoint At(int second) {
    return HalfOpenTable::TimePoint(seconds(second));
  }
  static Path From(uint32_t number) { return {0, sim::TestEndpoint(number)}; }

  // A handshake begun by somebody at that path.
  HalfOpenTable::Entry Entry(const Path& path, int second) {
    std::vector<uint8_t> init;
    InitiatorHandshake initiator(random_, &init);
    return {path, At(second), *AnswerInit(init, random_)};
  }

  SeededRandom random_{1};
};

TEST_F(HalfOpen, FindsTheAnswerToTheSameInitAgain) {
  HalfOpenTable table(16, kLife, random_);
  HalfOpenTable::Entry entry = Entry(From(1), 0);
  const auto e = entry.answered.initiator_ephemeral;
  const auto resp = entry.answered.resp;
  table.Insert(std::move(entry));
  table.Insert(Entry(From(1), 1));
  ASSERT_NE(table.Find(From(1), e), nullptr);
  EXPECT_EQ(table.Find(From(1), e)->answered.resp, resp);
  EXPECT_EQ(table.Find(From(2), e), nullptr);  // the same init from elsewhere is another
  EXPECT_EQ(table.Of(From(1)).size(), 2u);
  EXPECT_EQ(table.Of(From(1))[0]->created, At(1));  // newest first
}

TEST_F(HalfOpen, ForgetsInTheOrderOfAge) {
  HalfOpenTable table(16, kLife, random_);
  for (int i = 0; i < 5; ++i) table.Insert(Entry(From(1 + i % 2), i));
  EXPECT_EQ(table.NextExpiry(), At(10));
  table.Expire(At(12));
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.NextExpiry(), At(13));
  table.Expire(At(99));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.NextExpiry(), std::nullopt);
  EXPECT_FALSE(table.Contains(From(1)));
}

TEST_F(HalfOpen, TakesOutOneAndLeavesTheOthersInOrder) {
  HalfOpenTable table(16, kLife, random_);
  for (int i = 0; i < 3; ++i) table.Insert(Entry(From(1), i));
  EXPECT_EQ(table.Take(table.Of(From(1))[1]).created, At(1));
  ASSERT_EQ(table.Of(From(1)).size(), 2u);
  EXPECT_EQ(table.Of(From(1))[0]->created, At(2));
  EXPECT_EQ(table.Of(From(1))[1]->created, At(0));
  EXPECT_EQ(table.NextExpiry(), At(10));
}

TEST_F(HalfOpen, IsNeverLargerThanItsCapacityAndEvictsByLot) {
  constexpr uint32_t kCapacity = 50;
  HalfOpenTable table(kCapacity, kLife, random_);
  for (uint32_t i = 0; i < 500; ++i) {
    table.Insert(Entry(From(i), static_cast<int>(i)));
    ASSERT_LE(table.size(), kCapacity);
    ASSERT_TRUE(table.Contains(From(i)));  // the newest always has its chance
  }
  // By age only the last 50 would be left; by lot some older ones are.
  uint32_t older = 0;
  for (uint32_t i = 300; i < 450; ++i) older += table.Contains(From(i)) ? 1 : 0;
  EXPECT_GT(older, 5u);
}

TEST_F(HalfOpen, OnePathCannotFillIt) {
  HalfOpenTable table(1000, kLife, random_);
  table.Insert(Entry(From(1), 0));
  for (int i = 0; i < 300; ++i) table.Insert(Entry(From(2), i));
  EXPECT_EQ(table.Of(From(2)).size(), HalfOpenTable::kMaxPerPath);
  EXPECT_TRUE(table.Contains(From(1)));
}

}  // namespace
}  // namespace noisegate::controlplane
