#include "dataplane/init_limiter.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/dataplane/addresses.h"

namespace noisegate::dataplane {
namespace {

constexpr uint64_t kSecond = 2'400'000'000;  // ticks
constexpr uint64_t kStart = 77 * kSecond;

InitLimiter::Options Options() {
  return {.ticks_per_second = kSecond,
          .inits_per_prefix = 20,
          .inits_per_endpoint = 50,
          .inits_of_strangers = 1000,
          .seed = {1, 2, 3}};
}

int AdmittedOf(int inits, InitLimiter* limiter, uint64_t now, const IpAddress& source,
               const KnownEndpoints* known = nullptr) {
  int admitted = 0;
  for (int i = 0; i < inits; ++i) admitted += limiter->Admit(now, source, known);
  return admitted;
}

TEST(InitLimiter, AdmitsASecondsWorthAtOnceAndThenTheRate) {
  InitLimiter limiter(Options());
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1")), 20);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart + kSecond / 2, Ip("192.0.2.1")), 10);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart + 100 * kSecond, Ip("192.0.2.1")), 20);
}

TEST(InitLimiter, HoldsAPrefixTogether) {
  InitLimiter limiter(Options());
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1")), 20);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.254")), 0);  // the same /24
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.3.1")), 20);   // the next
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("2001:db8:1::1")), 20);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("2001:db8:1:ffff::")), 0);  // the same /48
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("2001:db8:2::1")), 20);
}

TEST(InitLimiter, HoldsForgedSourcesToABudgetOfTheirOwn) {
  InitLimiter limiter(Options());
  std::mt19937 random(5);
  int admitted = 0;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 20000; ++i) {
      admitted += limiter.Admit(kStart + second * kSecond, IpAddress::V4(random()), nullptr);
    }
  }
  EXPECT_GE(admitted, 9900);
  EXPECT_LE(admitted, 10000);
}

TEST(InitLimiter, KeepsKnownEndpointsOutOfStrangersReach) {
  InitLimiter limiter(Options());
  const IpAddress addresses[] = {Ip("192.0.2.1"), Ip("2001:db8::1")};
  const KnownEndpoints known(addresses);
  std::mt19937 random(6);
  for (int i = 0; i < 100000; ++i) limiter.Admit(kStart, IpAddress::V4(random()), &known);
  AdmittedOf(1000, &limiter, kStart, Ip("192.0.2.2"), &known);  // a stranger next door
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1"), &known), 50);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("2001:db8::1"), &known), 50);
}

TEST(InitLimiter, KnownEndpointsCostStrangersNothing) {
  InitLimiter limiter(Options());
  const IpAddress addresses[] = {Ip("192.0.2.1")};
  const KnownEndpoints known(addresses);
  EXPECT_EQ(AdmittedOf(1000, &limiter, kStart, Ip("192.0.2.1"), &known), 50);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.2"), &known), 20);
}

TEST(InitLimiter, HoldsAllEndpointsTogetherToOneMoreBudget) {
  InitLimiter::Options options = Options();
  options.inits_of_endpoints = 100;
  InitLimiter limiter(options);
  std::vector<IpAddress> addresses;
  for (uint32_t i = 0; i < 50; ++i) addresses.push_back(IpAddress::V4(0xc0000200 + i));
  const KnownEndpoints known(addresses);
  int admitted = 0;
  for (const IpAddress& address : addresses) {
    admitted += AdmittedOf(50, &limiter, kStart, address, &known);
  }
  EXPECT_EQ(admitted, 100);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("198.51.100.1"), &known), 20) << "a stranger";
}

TEST(InitLimiter, ReadsAReplacedTableOfEndpoints) {
  InitLimiter limiter(Options());
  const IpAddress addresses[] = {Ip("192.0.2.1")};
  const KnownEndpoints before({}), after(addresses);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1"), &before), 20);
  EXPECT_EQ(AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1"), &after), 50);
}

TEST(InitLimiter, APrefixThatKeepsAskingCannotWashItsBucketOut) {
  InitLimiter::Options options = Options();
  options.inits_of_strangers = 1000000;
  InitLimiter limiter(options);
  std::mt19937 random(7);
  int admitted = AdmittedOf(100, &limiter, kStart, Ip("192.0.2.1"));
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 500; ++i) limiter.Admit(kStart, IpAddress::V4(random()), nullptr);
    admitted += AdmittedOf(10, &limiter, kStart, Ip("192.0.2.1"));
  }
  EXPECT_EQ(admitted, 20);
}

TEST(InitLimiter, ZeroAdmitsNone) {
  InitLimiter::Options options = Options();
  options.inits_per_prefix = 0;
  InitLimiter limiter(options);
  EXPECT_EQ(AdmittedOf(10, &limiter, kStart, Ip("192.0.2.1")), 0);
}

TEST(TokenBucket, StartsFullAndGivesOneTokenAnInterval) {
  TokenBucket bucket;
  int taken = 0;
  for (uint64_t now = 1000; now < 2000; ++now) taken += bucket.Take(now, 10, 50);
  EXPECT_GE(taken, 104);
  EXPECT_LE(taken, 105);  // 5 at once, then 100 in 1,000 ticks
}

}  // namespace
}  // namespace noisegate::dataplane
