// Signatures over messages, as libp2p makes them, and secp256k1, which only libp2p has.
#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/key.h"
#include "crypto/openssl.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

constexpr KeyType kTypes[] = {KeyType::kEd25519, KeyType::kP256, KeyType::kRsa,
                              KeyType::kSecp256k1};

TEST(KeyMessage, EveryTypeSignsWhatItsPublicHalfVerifies) {
  for (KeyType type : kTypes) {
    const PrivateKey key = PrivateKey::Generate(type).value();
    EXPECT_EQ(key.type(), type);
    for (size_t size : {0u, 1u, 100u, 5000u}) {
      const Bytes message(size, 3);
      const Bytes signature = key.SignMessage(message).value();
      EXPECT_TRUE(key.public_key().VerifyMessage(message, signature));
      for (size_t i = 0; i < signature.size(); i += 7) {
        Bytes forged = signature;
        forged[i] ^= 1;
        EXPECT_FALSE(key.public_key().VerifyMessage(message, forged)) << i;
        EXPECT_FALSE(key.public_key().VerifyMessage(message, std::span(signature).first(i))) << i;
      }
      Bytes longer = signature;
      longer.push_back(0);
      EXPECT_FALSE(key.public_key().VerifyMessage(message, longer));
      Bytes other = message;
      other.push_back(3);
      EXPECT_FALSE(key.public_key().VerifyMessage(other, signature));
    }
  }
}

TEST(KeyMessage, PublicKeysSurviveTheirPoint) {
  for (int i = 0; i < 8; ++i) {  // both parities of y
    const PublicKey key = PrivateKey::Generate(KeyType::kSecp256k1).value().public_key();
    const Bytes point = key.Point();
    EXPECT_EQ(PublicKey::FromSecp256k1Point(Fixed<33>(point))->pkix_der(), key.pkix_der());
  }
  const PublicKey ed = PrivateKey::Generate(KeyType::kEd25519).value().public_key();
  EXPECT_EQ(PublicKey::FromEd25519Point(Fixed<32>(ed.Point()))->pkix_der(), ed.pkix_der());
  EXPECT_TRUE(PrivateKey::Generate(KeyType::kP256).value().public_key().Point().empty());

  // x is not on the curve; not a compressed point at all.
  for (const uint8_t first : {0x02, 0x04, 0x00}) {
    Bytes bad(33, 0xff);
    bad[0] = first;
    EXPECT_FALSE(PublicKey::FromSecp256k1Point(Fixed<33>(bad)).ok());
  }
}

TEST(Secp256k1, IsNoIdentityInNoiseSwarm) {
  const PrivateKey key = PrivateKey::Generate(KeyType::kSecp256k1).value();
  const Bytes der = key.public_key().pkix_der();
  EXPECT_FALSE(PublicKey::FromPkixDer(der).ok());
  EXPECT_FALSE(PublicKey::FromPem(key.public_key().ToPem()).ok());
  EXPECT_TRUE(PublicKey::FromPkixDer(der, KeyUse::kLibp2p).ok());
  EXPECT_TRUE(PublicKey::FromPem(key.public_key().ToPem(), KeyUse::kLibp2p).ok());
  const std::array<uint8_t, 64> digest{};
  EXPECT_EQ(key.SignDigest(digest).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(key.public_key().VerifyDigest(digest, key.SignMessage(digest).value()));

  std::string directory = "/tmp/noisegate-key-XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/key.pem";
  ASSERT_TRUE(key.Save(path).ok());
  const absl::StatusOr<PrivateKey> refused = PrivateKey::Load(path);
  EXPECT_NE(std::string(refused.status().message()).find("only libp2p has them"),
            std::string::npos);
  EXPECT_EQ(PrivateKey::Load(path, KeyUse::kLibp2p)->public_key().pkix_der(), der);
  unlink(path.c_str());
  rmdir(directory.c_str());
}

// s of an ASN.1 signature.
Bignum SOf(const Bytes& signature) {
  const uint8_t* p = signature.data();
  const EcdsaSignature parts(d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(signature.size())));
  return Bignum(BN_dup(ECDSA_SIG_get0_s(parts.get())));
}

TEST(Secp256k1, SignsWithTheLowSAndTakesBoth) {
  BIGNUM* raw = nullptr;
  BN_hex2bn(&raw, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  const Bignum order(raw);
  const Bignum half(BN_dup(order.get()));
  BN_rshift1(half.get(), half.get());
  const PrivateKey key = PrivateKey::Generate(KeyType::kSecp256k1).value();
  for (uint8_t i = 0; i < 20; ++i) {  // each would be high in one of two
    const Bytes message(1, i);
    const Bytes signature = key.SignMessage(message).value();
    ASSERT_LE(BN_cmp(SOf(signature).get(), half.get()), 0);

    const uint8_t* p = signature.data();
    const EcdsaSignature parts(d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(signature.size())));
    BIGNUM* const high = BN_new();
    BN_sub(high, order.get(), ECDSA_SIG_get0_s(parts.get()));
    ECDSA_SIG_set0(parts.get(), BN_dup(ECDSA_SIG_get0_r(parts.get())), high);
    uint8_t* der = nullptr;
    const int size = i2d_ECDSA_SIG(parts.get(), &der);
    const Bytes with_high_s(der, der + size);
    OPENSSL_free(der);
    EXPECT_TRUE(key.public_key().VerifyMessage(message, with_high_s));
  }
}

}  // namespace
}  // namespace noisegate::crypto
