#include "crypto/peer_id.h"

#include <gtest/gtest.h>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

TEST(PeerId, EveryIdHasOneText) {
  SeededRandom random(1);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (int round = 0; round < 200; ++round) {
    PeerId id;
    random.Fill(id.bytes);
    const std::string text = id.ToString();
    ASSERT_EQ(text.size(), 43u);
    ASSERT_EQ(PeerId::Parse(text).value(), id);
    // Of the 64 texts that differ in the last character, the 16 with clear low bits are ids.
    size_t accepted = 0;
    for (char last : kAlphabet) {
      std::string other = text;
      other.back() = last;
      const absl::StatusOr<PeerId> parsed = PeerId::Parse(other);
      if (!parsed.ok()) continue;
      ++accepted;
      ASSERT_EQ(parsed->ToString(), other);
    }
    ASSERT_EQ(accepted, 16u);
  }
}

TEST(PeerId, OnlyBase64UrlCharactersAreTaken) {
  const std::string text = PeerId{}.ToString();
  for (size_t position : {size_t{0}, size_t{21}, size_t{42}}) {
    size_t accepted = 0;
    for (int c = 0; c < 256; ++c) {
      std::string other = text;
      other[position] = static_cast<char>(c);
      accepted += PeerId::Parse(other).ok() ? 1 : 0;
    }
    EXPECT_EQ(accepted, position == 42 ? 16u : 64u);
  }
}

TEST(PeerId, OtherSizesAreRefused) {
  const std::string text = PeerId{}.ToString();
  for (size_t size = 0; size < 100; ++size) {
    std::string other = text;
    other.resize(size, 'A');
    EXPECT_EQ(PeerId::Parse(other).ok(), size == 43) << size;
  }
  EXPECT_FALSE(PeerId::Parse(text + "=").ok());
  EXPECT_FALSE(PeerId::Parse(" " + text).ok());
  EXPECT_FALSE(PeerId::Parse(text + "\n").ok());
}

}  // namespace
}  // namespace noisegate::crypto
