#include "perf/rate_search.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace noisegate::perf {
namespace {

RateSearchOptions Options() {
  return {.min_rate = 1e3,
          .max_rate = 1e7,
          .loss_ratios = {0, 0.01},
          .phases = {{.seconds = 0.1, .width = 0.2}, {.seconds = 1, .width = 0.01}}};
}

// A device that takes so many packets per second and drops the rest.
double Loss(double capacity, double rate) { return std::max(0.0, 1 - capacity / rate); }

TEST(RateSearch, FindsTheCapacityWithinItsWidth) {
  for (const double capacity : {1'500.0, 123'456.0, 9.9e6}) {
    const auto rates =
        SearchRates(Options(), [&](double rate, double) { return Loss(capacity, rate); });
    ASSERT_EQ(rates.size(), 2u);
    EXPECT_LE(rates[0], capacity);
    EXPECT_GE(rates[0], capacity / 1.011);
    EXPECT_LE(rates[1], capacity / 0.99);
    EXPECT_GE(rates[1], capacity / 0.99 / 1.011);
  }
}

TEST(RateSearch, StopsAtWhatTheGeneratorCanDo) {
  const auto rates = SearchRates(Options(), [](double, double) { return 0.0; });
  EXPECT_EQ(rates[0], 1e7);
}

TEST(RateSearch, GivesNothingBelowTheLeastRate) {
  const auto rates = SearchRates(Options(), [](double rate, double) { return Loss(500, rate); });
  EXPECT_EQ(rates[0], 0);
}

// Buffers hide a loss that only a long trial shows.
TEST(RateSearch, BelievesLongTrialsMore) {
  const auto rates = SearchRates(Options(), [](double rate, double seconds) {
    return Loss(seconds < 1 ? 200'000 : 100'000, rate);
  });
  EXPECT_LE(rates[0], 100'000);
  EXPECT_GE(rates[0], 100'000 / 1.011);
}

TEST(RateSearch, RecoversFromAShortTrialThatWasUnlucky) {
  int trials = 0;
  const auto rates = SearchRates(Options(), [&](double rate, double seconds) {
    const bool unlucky = seconds < 1 && ++trials % 3 == 0;
    return unlucky ? 0.5 : Loss(100'000, rate);
  });
  EXPECT_GE(rates[0], 100'000 / 1.011);
}

}  // namespace
}  // namespace noisegate::perf
