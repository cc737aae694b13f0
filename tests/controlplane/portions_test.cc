#include "controlplane/portions.h"

#include <gtest/gtest.h>

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;

// A source of `left` items, each of which costs `cost`.
struct Source {
  size_t left = 0;
  std::chrono::steady_clock::duration cost{};
  std::chrono::steady_clock::time_point now{1000s};

  size_t Take(const PortionLimits& limits) {
    return TakeInPortions(
        limits, [this] { return now; },
        [this](size_t n) {
          const size_t taken = std::min(n, left);
          left -= taken;
          now += cost * static_cast<int64_t>(taken);
          return taken;
        });
  }
};

TEST(Portions, TakesWhatThereIs) {
  Source source{.left = 40, .cost = 1us};
  EXPECT_EQ(source.Take({.portion = 16, .items = 1000, .time = 2ms}), 40u);
  EXPECT_EQ(source.Take({.portion = 16, .items = 1000, .time = 2ms}), 0u);
}

TEST(Portions, TakesNoMoreThanItMay) {
  Source source{.left = 5000, .cost = 0us};
  EXPECT_EQ(source.Take({.portion = 16, .items = 1000, .time = 2ms}), 1000u);
}

TEST(Portions, StopsWhenTimeIsUp) {
  Source source{.left = 5000, .cost = 100us};
  EXPECT_EQ(source.Take({.portion = 16, .items = 1000, .time = 2ms}), 32u);
  // However costly they are, some get their turn.
  source.cost = 10ms;
  EXPECT_EQ(source.Take({.portion = 16, .items = 1000, .time = 2ms}), 16u);
}

}  // namespace
}  // namespace noisegate::controlplane
