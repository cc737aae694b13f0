#include "crypto/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

TEST(Random, Uint64IsLittleEndian) {
  FixedRandom random({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(random.Uint64(), 0x0807060504030201u);
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  SeededRandom random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) {
    const uint64_t value = random.Below(seen.size());
    ASSERT_LT(value, seen.size());
    ++seen[value];
  }
  for (int count : seen) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(random.Below(1), 0u);
}

// 2^64 mod 3·2^62 is 2^62: values below it would make the smallest third come up twice as often.
TEST(Random, BelowDrawsAgainRatherThanBeBiased) {
  FixedRandom random({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f,  // 2^62 - 1: refused
                      0, 0, 0, 0, 0, 0, 0, 0x40});                     // 2^62: taken
  EXPECT_EQ(random.Below(uint64_t{3} << 62), uint64_t{1} << 62);
  EXPECT_EQ(random.left(), 0u);
}

TEST(SystemRandom, DoesNotRepeat) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(SystemRandom().Uint64());
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace noisegate::crypto
