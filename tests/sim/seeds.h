// Running a story under many seeds.
//
// NOISEGATE_SEED=n runs only that seed, to look at what failed; NOISEGATE_SEEDS=n changes how many run.
#ifndef NOISEGATE_TESTS_SIM_SEEDS_H_
#define NOISEGATE_TESTS_SIM_SEEDS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace noisegate::sim {

// Calls story(seed) for `count` seeds; stops at, and names, the first that fails.
template <typename Story>
void ForEachSeed(uint64_t count, Story story) {
  uint64_t first = 1;
  if (const char* const only = std::getenv("NOISEGATE_SEED")) {
    first = std::strtoull(only, nullptr, 10);
    count = 1;
  } else if (const char* const many = std::getenv("NOISEGATE_SEEDS")) {
    count = std::strtoull(many, nullptr, 10);
  }
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("NOISEGATE_SEED=" + std::to_string(seed));
    story(seed);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace noisegate::sim

#endif  // NOISEGATE_TESTS_SIM_SEEDS_H_
