#include "crypto/shake.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "crypto/channel_binding.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

Bytes OtherShake256(const Bytes& data, size_t size) {
  Bytes out(size);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_shake256(), nullptr);
  EVP_DigestUpdate(context, data.data(), data.size());
  EVP_DigestFinalXOF(context, out.data(), out.size());
  EVP_MD_CTX_free(context);
  return out;
}

TEST(Shake256, AgreesWithOpenSslAcrossBlockBoundaries) {
  SeededRandom random(1);
  for (size_t size = 0; size < 420; ++size) {  // three blocks of 136
    const Bytes data = random.Get(size);
    Bytes out(1 + random.Below(420));
    Shake256(data, out);
    ASSERT_EQ(out, OtherShake256(data, out.size())) << size;
  }
}

TEST(CShake256, WithoutCustomizationIsShake256) {
  const Bytes data = {1, 2, 3};
  Bytes out(100);
  CShake256("", data, out);
  EXPECT_EQ(out, OtherShake256(data, out.size()));
}

// Sample 3 of NIST's cSHAKE examples.
TEST(CShake256, MatchesTheSampleOfTheStandard) {
  Bytes out(64);
  CShake256("Email Signature", FromHex("00010203"), out);
  EXPECT_EQ(ToHex(out),
            "d008828e2b80ac9d2218ffee1d070c48b8e4c87bff32c9699d5b6896eee0edd1"
            "64020e2be0560858d9c00c037e34a96937c561a74c412bb4c746469527281c8c");
}

// Where the encoded length takes more bytes, and where the prefix fills a block or just not;
// computed with another implementation of Keccak.
TEST(CShake256, TakesCustomizationOfAnySize) {
  const struct {
    size_t size;
    const char* want;
  } kCases[] = {
      {32, "9df05e4bac9e0ea4bce362facc3fc9bf199c9df0cad1cbff8650db0a997e5ef0"},
      {131, "575d2c69ef4c92b3c7a585de627a2df4b4678fb9b069ee1dabde9f1f44f4d2f7"},
      {132, "ae9784206f8f6e45a8022cc5dcde93b94b0bfbd8d549b79df8cd4155a133314a"},
      {136, "98718374a2e28409f8422f3f9f5d1a2eea1ecdae1c2f4385213c48aed0abafd2"},
      {300, "43b3c75775a9e301059a90b220ad156c754ee348cca4a6ff3d936682aae6bf62"},
      {8192, "4eaaefdc9a333a97560d3169d6122a4401001115c694d8be820fcc04b58883d6"},
  };
  for (const auto& test : kCases) {
    Bytes out(32);
    CShake256(std::string(test.size, 'S'), AsBytes("data"), out);
    EXPECT_EQ(ToHex(out), test.want) << test.size;
  }
}

TEST(CShake256, OutputSpansBlocks) {
  Bytes out(300);
  CShake256("long output", {}, out);
  EXPECT_EQ(ToHex(std::span(out).last(32)),
            "a491ebcf46c11777a6fff38257e958c931c3d612915ace02cce3b341e7f94322");
}

TEST(ChannelDigest, DependsOnEveryByteOfTheHandshakeHash) {
  std::array<uint8_t, 64> hash{};
  const ChannelDigestBytes zero = ChannelDigest(hash);
  for (uint8_t& byte : hash) {
    byte = 1;
    EXPECT_NE(ChannelDigest(hash), zero);
    byte = 0;
  }
}

}  // namespace
}  // namespace noisegate::crypto
