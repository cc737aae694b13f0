#include "dataplane/punt_budget.h"

#include <gtest/gtest.h>

#include "tests/dataplane/addresses.h"

namespace noisegate::dataplane {
namespace {

constexpr uint64_t kTicks = 1'000'000;  // a second
constexpr uint64_t kNow = 5 * kTicks;

AddressWords Host(uint32_t number) { return AddressWords::Of(IpAddress::V4(0x0a000000 + number)); }

// How many of `tries` are admitted at once.
template <typename F>
uint32_t Admitted(uint32_t tries, F&& admit) {
  uint32_t admitted = 0;
  for (uint32_t i = 0; i < tries; ++i) admitted += admit(i) ? 1 : 0;
  return admitted;
}

TEST(PuntBudget, LimitsEachKindByItself) {
  PuntBudget budget({.ticks_per_second = kTicks});
  const auto too_big = [&](uint32_t i) { return budget.Admit(PuntKind::kTooBig, Host(i), kNow); };
  EXPECT_EQ(Admitted(2000, too_big), 500u);
  EXPECT_TRUE(budget.Admit(PuntKind::kTtlExpired, Host(1), kNow));
  EXPECT_FALSE(budget.Admit(PuntKind::kTooBig, Host(5000), kNow + kTicks / 1000));
  EXPECT_TRUE(budget.Admit(PuntKind::kTooBig, Host(5000), kNow + kTicks / 500));
}

TEST(PuntBudget, WhoeverSendsMostLeavesSomethingToTheOthers) {
  struct Case {
    PuntKind kind;
    uint32_t each;
  };
  for (const Case& c : {Case{PuntKind::kTooBig, 50}, Case{PuntKind::kNoRoute, 50},
                        Case{PuntKind::kNeedSession, 2000}, Case{PuntKind::kNeedNeighbour, 2000},
                        Case{PuntKind::kLocal, 1000}}) {
    PuntBudget budget({.ticks_per_second = kTicks});
    EXPECT_EQ(Admitted(100'000, [&](uint32_t) { return budget.Admit(c.kind, Host(1), kNow); }),
              c.each);
    EXPECT_TRUE(budget.Admit(c.kind, Host(2), kNow));
  }
  PuntBudget budget({.ticks_per_second = kTicks});
  EXPECT_EQ(Admitted(100'000, [&](uint32_t) { return budget.Admit(PuntKind::kNeedSession, 7, kNow); }),
            2000u);
  EXPECT_TRUE(budget.Admit(PuntKind::kNeedSession, 8, kNow));
}

TEST(PuntBudget, AFloodOnOnePortLeavesTheOthersAlone) {
  PuntBudget budget({.ticks_per_second = kTicks, .ports = 2});
  EXPECT_EQ(Admitted(100'000, [&](uint32_t) { return budget.AdmitFrame(1, true, kNow); }), 5000u);
  EXPECT_EQ(Admitted(100'000, [&](uint32_t) { return budget.AdmitFrame(1, false, kNow); }), 1000u)
      << "pings from afar beside it";
  EXPECT_TRUE(budget.AdmitFrame(0, true, kNow)) << "the next hop's answer";
  EXPECT_TRUE(budget.AdmitFrame(0, false, kNow));
}

TEST(PuntBudget, HandshakesThatNobodyAwaitsDoNotCrowdOutInits) {
  PuntBudget budget({.ticks_per_second = kTicks});
  const IpAddress source = Ip("203.0.113.5");
  while (!budget.RefuseHandshake(2, source, kNow, nullptr).has_value()) {
  }
  EXPECT_EQ(budget.RefuseHandshake(3, source, kNow, nullptr), DropReason::kPuntLimited);
  const auto init = [&](uint32_t) {
    return !budget.RefuseHandshake(0, source, kNow, nullptr).has_value();
  };
  EXPECT_EQ(Admitted(1000, init), 20u);
  EXPECT_EQ(budget.RefuseHandshake(0, source, kNow, nullptr), DropReason::kInitLimited);
  const IpAddress addresses[] = {source};
  const KnownEndpoints known(addresses);
  EXPECT_EQ(budget.RefuseHandshake(0, source, kNow, &known), std::nullopt);
}

// What the config says is of the gateway, however many workers there are.
TEST(PuntBudget, WorkersShareWhatAPrefixAndAnEndpointMayBegin) {
  PuntBudget budget(
      {.ticks_per_second = kTicks, .workers = 8, .inits_per_prefix = 20, .inits_per_endpoint = 200});
  const IpAddress source = Ip("203.0.113.5");
  const IpAddress addresses[] = {source};
  const KnownEndpoints known(addresses);
  EXPECT_EQ(Admitted(1000,
                     [&](uint32_t) {
                       return !budget.RefuseHandshake(0, source, kNow, nullptr).has_value();
                     }),
            3u);
  EXPECT_EQ(Admitted(1000,
                     [&](uint32_t) {
                       return !budget.RefuseHandshake(0, source, kNow, &known).has_value();
                     }),
            25u);
}

}  // namespace
}  // namespace noisegate::dataplane
