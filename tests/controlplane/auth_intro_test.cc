#include "controlplane/auth_intro.h"

#include <gtest/gtest.h>

#include "tests/crypto/test_bytes.h"

namespace noisegate::controlplane {
namespace {

using crypto::Bytes;
using crypto::FromHex;
using crypto::ToHex;

AuthIntro Example() {
  return {.public_key = Bytes(44, 0x11),
          .signature = Bytes(64, 0x22),
          .capabilities = {.version = 1, .stripes = 8, .features = 1}};
}

TEST(AuthIntro, ParsesToWhatWasSerialized) {
  for (const uint32_t version : {0u, 1u, 7u}) {
    AuthIntro intro = Example();
    if (version == 0) intro.capabilities = {};
    intro.capabilities.version = version;
    const auto parsed = ParseAuthIntro(SerializeAuthIntro(intro));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, intro);
  }
}

TEST(AuthIntro, OfAnOriginalPeerIsTwoFieldsAndNoMore) {
  AuthIntro intro{.public_key = {0xaa}, .signature = {0xbb, 0xcc}, .capabilities = {}};
  EXPECT_EQ(ToHex(SerializeAuthIntro(intro)), "0a01aa1202bbcc");
  const auto parsed = ParseAuthIntro(FromHex("0a01aa1202bbcc"));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->capabilities.is_original());
  EXPECT_EQ(parsed->capabilities.stripes, 1u);
}

TEST(AuthIntro, CarriesCapabilitiesInFieldFifteen) {
  AuthIntro intro{.public_key = {0xaa},
                  .signature = {0xbb},
                  .capabilities = {.version = 1, .stripes = 4, .features = 1}};
  EXPECT_EQ(ToHex(SerializeAuthIntro(intro)), "0a01aa1201bb7a06080110041801");
}

TEST(AuthIntro, SkipsFieldsItDoesNotKnow) {
  // Field 9 as a varint, field 16 as bytes, and field 9 inside the capabilities.
  const auto parsed = ParseAuthIntro(FromHex("0a01aa4805820103deadbe1201bb7a0408014863"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->signature, Bytes{0xbb});
  EXPECT_EQ(parsed->capabilities.version, 1u);
}

TEST(AuthIntro, KeepsStripesWithinBounds) {
  AuthIntro intro = Example();
  intro.capabilities.stripes = 0;
  EXPECT_EQ(ParseAuthIntro(SerializeAuthIntro(intro))->capabilities.stripes, 1u);
  intro.capabilities.stripes = UINT32_MAX;
  EXPECT_EQ(ParseAuthIntro(SerializeAuthIntro(intro))->capabilities.stripes, kMaxStripes);
}

TEST(AuthIntro, RefusesWhatIsMissingTooLongOrNoProtobuf) {
  const struct {
    const char* name;
    Bytes bytes;
  } kCases[] = {
      {"empty", {}},
      {"no signature", FromHex("0a01aa")},
      {"no key", FromHex("1201bb")},
      {"empty key", FromHex("0a001201bb")},
      {"empty signature", FromHex("0a01aa1200")},
      {"length beyond the end", FromHex("0a05aa1201bb")},
      {"field number zero", FromHex("0a01aa1201bb0201cc")},
      {"garbage", FromHex("ffffffffffffffffffffff")},
      {"key too long",
       SerializeAuthIntro({Bytes(kMaxPublicKeySize + 1), Bytes(64), Capabilities()})},
      {"signature too long",
       SerializeAuthIntro({Bytes(44), Bytes(kMaxSignatureSize + 1), Capabilities()})},
  };
  for (const auto& test : kCases) EXPECT_FALSE(ParseAuthIntro(test.bytes)) << test.name;

  // Padding that a parser would skip: the whole is bounded all the same.
  Bytes padded = SerializeAuthIntro(Example());
  while (padded.size() <= kMaxAuthIntroSize) padded.insert(padded.end(), {0x48, 0x01});
  EXPECT_FALSE(ParseAuthIntro(padded));
}

}  // namespace
}  // namespace noisegate::controlplane
