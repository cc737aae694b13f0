#include "crypto/secret.h"

#include <gtest/gtest.h>

#include <array>
#include <new>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

TEST(Secret, LeavesZerosBehindWhenMoved) {
  Secret<4> a(Fixed<4>({1, 2, 3, 4}));
  Secret<4> b(std::move(a));
  EXPECT_EQ(ToHex(b.span()), "01020304");
  EXPECT_EQ(ToHex(a.span()), "00000000");  // NOLINT(bugprone-use-after-move): that is the promise
  a = std::move(b);
  EXPECT_EQ(ToHex(a.span()), "01020304");
  EXPECT_EQ(ToHex(b.span()), "00000000");  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, IsWipedWhenDestroyed) {
  alignas(Secret<32>) std::array<uint8_t, sizeof(Secret<32>)> memory;
  auto* const secret = new (memory.data()) Secret<32>(Fixed<32>(Bytes(32, 0xaa)));
  ASSERT_EQ(memory[17], 0xaa);
  secret->~Secret();
  for (const volatile uint8_t& byte : memory) EXPECT_EQ(byte, 0);
}

TEST(Secret, CompareAndClone) {
  const Secret<2> a(Fixed<2>({1, 2}));
  EXPECT_TRUE(a == a.Clone());
  EXPECT_FALSE(a == Secret<2>(Fixed<2>({1, 3})));
}

}  // namespace
}  // namespace noisegate::crypto
