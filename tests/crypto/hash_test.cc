#include "crypto/hash.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

constexpr HashKind kKinds[] = {HashKind::kBlake2b, HashKind::kSha256};

// OpenSSL, as another implementation of both.
const EVP_MD* Other(HashKind kind) {
  return kind == HashKind::kBlake2b ? EVP_blake2b512() : EVP_sha256();
}

Bytes OtherHash(HashKind kind, const Bytes& data) {
  Bytes digest(HashSize(kind));
  EVP_Digest(data.data(), data.size(), digest.data(), nullptr, Other(kind), nullptr);
  return digest;
}

Bytes OtherHmac(HashKind kind, const Bytes& key, const Bytes& data) {
  Bytes mac(HashSize(kind));
  HMAC(Other(kind), key.data(), static_cast<int>(key.size()), data.data(), data.size(), mac.data(),
       nullptr);
  return mac;
}

Bytes Joined(const Bytes& a, const Bytes& b) {
  Bytes joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

TEST(Hash, JoinsItsPartsAndAgreesWithOpenSsl) {
  SeededRandom random(1);
  for (HashKind kind : kKinds) {
    for (size_t size = 0; size < 300; ++size) {
      const Bytes a = random.Get(size);
      const Bytes b = random.Get(random.Below(150));
      Bytes digest(HashSize(kind));
      Hash(kind, {a, b}, digest);
      ASSERT_EQ(digest, OtherHash(kind, Joined(a, b))) << size;
    }
  }
}

TEST(Hash, MayOverwriteItsInput) {
  for (HashKind kind : kKinds) {
    Bytes h(HashSize(kind), 7);
    const Bytes want = OtherHash(kind, Joined(h, {1, 2}));
    Hash(kind, {h, Bytes{1, 2}}, h);
    EXPECT_EQ(h, want);
  }
}

TEST(Hmac, AgreesWithOpenSslForAllKeySizes) {
  SeededRandom random(2);
  for (HashKind kind : kKinds) {
    for (size_t size = 0; size < 300; ++size) {  // beyond both block sizes, 64 and 128
      const Bytes key = random.Get(size);
      const Bytes a = random.Get(random.Below(100));
      const Bytes b = random.Get(random.Below(100));
      Bytes mac(HashSize(kind));
      Hmac(kind, key, {a, b}, mac);
      ASSERT_EQ(mac, OtherHmac(kind, key, Joined(a, b))) << size;
    }
  }
}

TEST(NoiseHkdf, IsWhatTheSpecificationSays) {
  SeededRandom random(3);
  for (HashKind kind : kKinds) {
    for (size_t input_size : {size_t{0}, size_t{32}, HashSize(kind)}) {
      const Bytes chaining_key = random.Get(HashSize(kind));
      const Bytes input = random.Get(input_size);
      const Bytes temp = OtherHmac(kind, chaining_key, input);
      const Bytes want1 = OtherHmac(kind, temp, {1});
      const Bytes want2 = OtherHmac(kind, temp, Joined(want1, {2}));
      Bytes output1(HashSize(kind));
      Bytes output2(HashSize(kind));
      NoiseHkdf(kind, chaining_key, input, output1, output2);
      EXPECT_EQ(output1, want1);
      EXPECT_EQ(output2, want2);

      Bytes in_place = chaining_key;
      NoiseHkdf(kind, in_place, input, in_place, output2);
      EXPECT_EQ(in_place, want1);
      EXPECT_EQ(output2, want2);
    }
  }
}

TEST(Blake2b256, HashesAbc) {
  EXPECT_EQ(ToHex(Blake2b256({AsBytes("a"), AsBytes("bc")})),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

Bytes OtherBlake2bMac(const Bytes& key, const Bytes& data) {
  size_t size = 16;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_end()};
  Bytes mac(size);
  EVP_Q_mac(nullptr, "BLAKE2BMAC", nullptr, nullptr, params, key.data(), key.size(), data.data(),
            data.size(), mac.data(), mac.size(), nullptr);
  return mac;
}

TEST(Blake2bMac128, AgreesWithOpenSslForAllKeySizes) {
  EXPECT_EQ(ToHex(Blake2bMac128(AsBytes("key"), {AsBytes("abc")})),
            "2cf02ae16ac225ee731f9d359d8a1c38");
  SeededRandom random(4);
  for (size_t size = 1; size <= 64; ++size) {
    const Bytes key = random.Get(size);
    const Bytes a = random.Get(random.Below(200));
    const Bytes b = random.Get(random.Below(200));
    ASSERT_EQ(ToHex(Blake2bMac128(key, {a, b})), ToHex(OtherBlake2bMac(key, Joined(a, b))));
  }
}

}  // namespace
}  // namespace noisegate::crypto
