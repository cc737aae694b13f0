#include "dataplane/replay_window.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

namespace noisegate::dataplane {
namespace {

constexpr uint64_t kWindow = ReplayWindow::kWindowSize;

// The same promise, kept with everything ever seen.
class NaiveWindow {
 public:
  bool Accept(uint64_t counter) {
    if (counter >= kCounterClose) return false;
    if (!seen_.empty() && counter + kWindow < *seen_.rbegin()) return false;
    return seen_.insert(counter).second;
  }

 private:
  std::set<uint64_t> seen_;
};

TEST(ReplayWindow, GivesTheAnswersOfTheOriginal) {
  std::ifstream file(NOISEGATE_SOURCE_DIR "/tests/vectors/noiseswarm/replay_filter.json");
  ASSERT_TRUE(file.is_open());
  const nlohmann::json vectors = nlohmann::json::parse(file);
  EXPECT_EQ(vectors["window_bits"], kWindow);
  EXPECT_EQ(vectors["limit"], kCounterClose);
  ASSERT_GT(vectors["sequences"].size(), 10u);
  for (const auto& sequence : vectors["sequences"]) {
    ReplayWindow window;
    int position = 0;
    for (const auto& step : sequence["sequence"]) {
      const uint64_t counter = step["counter"];
      const bool want = step["accept"];
      EXPECT_TRUE(window.Check(counter) || !want);
      EXPECT_EQ(window.Accept(counter), want)
          << sequence["name"] << ", step " << position << ", counter " << counter;
      ++position;
    }
  }
}

TEST(ReplayWindow, RejectsSecondCopyInOneBurst) {
  ReplayWindow window;
  EXPECT_TRUE(window.Check(4));
  EXPECT_TRUE(window.Check(4));  // both copies are opened before either is accepted
  EXPECT_TRUE(window.Accept(4));
  EXPECT_FALSE(window.Accept(4));
  EXPECT_FALSE(window.Check(4));
}

TEST(ReplayWindow, CheckChangesNothing) {
  ReplayWindow window;
  ASSERT_TRUE(window.Accept(10));
  EXPECT_TRUE(window.Check(1000000));  // a forger's counter
  EXPECT_EQ(window.last(), 10u);
  EXPECT_TRUE(window.Accept(4));
}

TEST(ReplayWindow, RefusesTheClosingCounterAndBeyond) {
  ReplayWindow window;
  for (uint64_t counter :
       {uint64_t{kCounterClose}, uint64_t{1} << 31, uint64_t{1} << 32, ~uint64_t{0}}) {
    EXPECT_FALSE(window.Check(counter));
    EXPECT_FALSE(window.Accept(counter));
  }
  EXPECT_TRUE(window.Accept(kCounterLastMessage));
}

// Steps that together visit reordering, duplicates, jumps to the window's edges and past the ring.
uint64_t NextCounter(std::mt19937_64* random, uint64_t last) {
  const uint64_t back[] = {0, 1, 63, 64, 65, kWindow - 1, kWindow, kWindow + 1, 8191, 8192, 8193};
  switch ((*random)() % 8) {
    case 0:
      return last + 1 + (*random)() % 10000;
    case 1: {
      const uint64_t step = back[(*random)() % std::size(back)];
      return last > step ? last - step : 0;
    }
    case 2:
      return last > kWindow ? last - (*random)() % (kWindow + 100) : (*random)() % (last + 1);
    case 3:
      return last + back[(*random)() % std::size(back)];
    default:
      return last + 1 - (*random)() % 3 % (last + 1);
  }
}

TEST(ReplayWindow, EqualsASetOfAllCounters) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    ReplayWindow window;
    NaiveWindow naive;
    uint64_t last = seed % 2 == 0 ? 4 : kCounterClose - 200000;
    for (int i = 0; i < 20000; ++i) {
      const uint64_t counter = NextCounter(&random, last);
      const bool want = naive.Accept(counter);
      EXPECT_EQ(window.Check(counter), want) << "seed " << seed << ", step " << i;
      ASSERT_EQ(window.Accept(counter), want) << "seed " << seed << ", step " << i;
      if (want && counter > last) last = counter;
    }
  }
}

}  // namespace
}  // namespace noisegate::dataplane
