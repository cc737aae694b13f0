#include "crypto/key.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <array>

#include "crypto/openssl.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

constexpr std::array<uint8_t, 64> kDigest = {0xd1, 0x6e, 0x57};

Bytes PkixOf(EVP_PKEY* key) {
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  Bytes bytes(der, der + (size > 0 ? size : 0));
  OPENSSL_free(der);
  return bytes;
}

Bytes Pkcs8Of(EVP_PKEY* key) {
  const Pkcs8Info info(EVP_PKEY2PKCS8(key));
  uint8_t* der = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &der);
  Bytes bytes(der, der + (size > 0 ? size : 0));
  OPENSSL_free(der);
  return bytes;
}

EvpKey GenerateOther(const char* type) { return EvpKey(EVP_PKEY_Q_keygen(nullptr, nullptr, type)); }

// An RSA public key with any modulus size and exponent. The modulus is just an odd number.
Bytes RsaPkix(int bits, uint64_t exponent, bool odd = true) {
  const Bignum n(BN_new());
  BN_rand(n.get(), bits, BN_RAND_TOP_ONE, odd ? BN_RAND_BOTTOM_ODD : BN_RAND_BOTTOM_ANY);
  if (!odd) BN_clear_bit(n.get(), 0);
  const Bignum e(BN_new());
  BN_set_word(e.get(), exponent);
  OSSL_PARAM_BLD* const build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e.get());
  OSSL_PARAM* const params = OSSL_PARAM_BLD_to_param(build);
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(context.get());
  EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  const EvpKey owner(key);
  return PkixOf(key);
}

Bytes Ed25519Pkix(std::span<const uint8_t> point) {
  Bytes der = FromHex("302a300506032b6570032100");
  der.insert(der.end(), point.begin(), point.end());
  return der;
}

bool Accepts(const Bytes& der) { return PublicKey::FromPkixDer(der).ok(); }

std::string Reason(const Bytes& der) {
  return std::string(PublicKey::FromPkixDer(der).status().message());
}

// One key of each type for the whole program, as making an RSA key takes its time.
const PrivateKey& SomeKey(KeyType type) {
  static const PrivateKey* const keys[] = {
      new PrivateKey(PrivateKey::Generate(KeyType::kEd25519).value()),
      new PrivateKey(PrivateKey::Generate(KeyType::kP256).value()),
      new PrivateKey(PrivateKey::Generate(KeyType::kRsa).value())};
  return *keys[static_cast<size_t>(type)];
}

EVP_PKEY* SomeRsa() {
  static EVP_PKEY* const key = EVP_RSA_gen(2048);
  return key;
}

class EveryKeyType : public testing::TestWithParam<KeyType> {};

TEST_P(EveryKeyType, SignsWhatItsPublicHalfVerifies) {
  const PrivateKey& key = SomeKey(GetParam());
  EXPECT_EQ(key.type(), GetParam());
  EXPECT_EQ(key.public_key().type(), GetParam());
  const Bytes signature = key.SignDigest(kDigest).value();
  EXPECT_TRUE(key.public_key().VerifyDigest(kDigest, signature));

  for (size_t i = 0; i < signature.size(); ++i) {
    Bytes forged = signature;
    forged[i] ^= 1;
    EXPECT_FALSE(key.public_key().VerifyDigest(kDigest, forged)) << "byte " << i;
    EXPECT_FALSE(key.public_key().VerifyDigest(kDigest, std::span(signature).first(i)));
  }
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_FALSE(key.public_key().VerifyDigest(kDigest, longer));
  std::array<uint8_t, 64> other = kDigest;
  other[0] ^= 1;
  EXPECT_FALSE(key.public_key().VerifyDigest(other, signature));
  const PrivateKey stranger = PrivateKey::Generate(GetParam()).value();
  EXPECT_FALSE(stranger.public_key().VerifyDigest(kDigest, signature));
}

TEST_P(EveryKeyType, PublicKeySurvivesDerAndPem) {
  const PrivateKey& key = SomeKey(GetParam());
  const PublicKey& original = key.public_key();
  EXPECT_EQ(original.id(), PeerId::OfPkixDer(original.pkix_der()));
  for (const PublicKey& copy :
       {PublicKey::FromPkixDer(original.pkix_der()).value(),
        PublicKey::FromPem(original.ToPem()).value(), PublicKey(original)}) {
    EXPECT_EQ(copy.type(), original.type());
    EXPECT_EQ(copy.id(), original.id());
    EXPECT_EQ(copy.pkix_der(), original.pkix_der());
    EXPECT_TRUE(copy.VerifyDigest(kDigest, key.SignDigest(kDigest).value()));
  }
}

TEST_P(EveryKeyType, DerThatIsNotExactlyTheCanonicalOneIsRefused) {
  const Bytes der = SomeKey(GetParam()).public_key().pkix_der();
  ASSERT_TRUE(Accepts(der));
  for (size_t size = 0; size < der.size(); ++size) {
    ASSERT_FALSE(Accepts(Bytes(der.begin(), der.begin() + static_cast<long>(size)))) << size;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(Accepts(longer));
  // Any change of the frame around the key itself.
  const size_t frame = GetParam() == KeyType::kEd25519 ? 12
                       : GetParam() == KeyType::kP256  ? 27
                                                       : 32;
  for (size_t i = 0; i < frame; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = der;
      changed[i] ^= static_cast<uint8_t>(1 << bit);
      ASSERT_FALSE(Accepts(changed)) << "bit " << bit << " of byte " << i;
    }
  }
}

std::string TypeName(const testing::TestParamInfo<KeyType>& info) {
  constexpr const char* kNames[] = {"Ed25519", "P256", "Rsa"};
  return kNames[static_cast<size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(All, EveryKeyType,
                         testing::Values(KeyType::kEd25519, KeyType::kP256, KeyType::kRsa),
                         TypeName);

TEST(PublicKey, OtherAlgorithmsAreRefused) {
  const OpenSslErrorScope errors;
  for (const char* type : {"ED448", "X25519", "X448"}) {
    EXPECT_FALSE(Accepts(PkixOf(GenerateOther(type).get()))) << type;
  }
  for (const char* curve : {"P-224", "P-384", "P-521", "secp256k1", "brainpoolP256r1"}) {
    EXPECT_FALSE(Accepts(PkixOf(EvpKey(EVP_EC_gen(curve)).get()))) << curve;
  }
  // id-RSASSA-PSS ends in 10 where rsaEncryption ends in 1.
  Bytes pss = SomeKey(KeyType::kRsa).public_key().pkix_der();
  ASSERT_EQ(pss[16], 1);
  pss[16] = 10;
  EXPECT_FALSE(Accepts(pss));
}

TEST(PublicKey, P256PointsAreUncompressedAndOnTheCurve) {
  const OpenSslErrorScope errors;
  const EvpKey key(EVP_EC_gen("P-256"));
  Bytes der = PkixOf(key.get());
  EXPECT_TRUE(Accepts(der));
  der.back() ^= 1;
  EXPECT_FALSE(Accepts(der));
  // x = p is 0 written a second way, and beyond the field.
  const Bytes p = FromHex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
  std::copy(p.begin(), p.end(), der.begin() + 27);
  EXPECT_FALSE(Accepts(der));

  EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                 "compressed");
  const Bytes compressed = PkixOf(key.get());
  EXPECT_EQ(compressed.size(), 59u);
  EXPECT_FALSE(Accepts(compressed));
}

TEST(PublicKey, P256WithExplicitParametersIsRefused) {
  const OpenSslErrorScope errors;
  const EvpKey key(EVP_EC_gen("P-256"));
  EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_ENCODING,
                                 OSSL_PKEY_EC_ENCODING_EXPLICIT);
  const Bytes der = PkixOf(key.get());
  EXPECT_GT(der.size(), 200u);
  EXPECT_FALSE(Accepts(der));
}

TEST(PublicKey, RsaSizeAndExponentAreBounded) {
  const struct {
    int bits;
    uint64_t exponent;
    bool want;
  } kCases[] = {
      {1024, 65537, false},       {2047, 65537, false},     {2048, 65537, true},
      {2049, 65537, true},        {3072, 65537, true},      {4096, 65537, true},
      {4097, 65537, false},       {8192, 65537, false},     {2048, 1, false},
      {2048, 2, false},           {2048, 3, true},          {2048, 65536, false},
      {2048, 0, false},           {4096, 0x7fffffff, true}, {2048, 0x80000001, false},
      {2048, 0x100000001, false},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(Accepts(RsaPkix(test.bits, test.exponent)), test.want)
        << test.bits << " bits, exponent " << test.exponent;
  }
  EXPECT_FALSE(Accepts(RsaPkix(2048, 65537, /*odd=*/false)));
  EXPECT_NE(Reason(RsaPkix(2047, 65537)).find("2047 bits"), std::string::npos);
  EXPECT_NE(Reason(RsaPkix(1024, 65537)).find("2,048 to 4,096 bits"), std::string::npos);
}

// All eight points of the torsion group, from one of order 8 by addition.
TEST(PublicKey, Ed25519SmallOrderPointsAreRefused) {
  const Bytes torsion = FromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  std::array<uint8_t, 32> point;
  std::copy(torsion.begin(), torsion.end(), point.begin());
  for (int order = 0; order < 8; ++order) {
    EXPECT_NE(Reason(Ed25519Pkix(point)).find("small order"), std::string::npos) << ToHex(point);
    ASSERT_EQ(crypto_core_ed25519_add(point.data(), point.data(), torsion.data()), 0);
  }
  EXPECT_EQ(ToHex(point), ToHex(torsion)) << "eight times around";
}

// y in p … 2^255-1 with either sign of x.
TEST(PublicKey, Ed25519NonCanonicalEncodingsAreRefused) {
  for (int low = 0xed; low <= 0xff; ++low) {
    for (int sign : {0x7f, 0xff}) {
      Bytes point(32, 0xff);
      point[0] = static_cast<uint8_t>(low);
      point[31] = static_cast<uint8_t>(sign);
      EXPECT_NE(Reason(Ed25519Pkix(point)).find("canonical"), std::string::npos) << ToHex(point);
    }
  }
  // Zero x with the sign set.
  Bytes minus_zero(32, 0);
  minus_zero[0] = 1;
  minus_zero[31] = 0x80;
  EXPECT_FALSE(Accepts(Ed25519Pkix(minus_zero)));
}

TEST(PublicKey, Ed25519PointsOffTheCurveAreRefused) {
  SeededRandom random(1);
  size_t on_curve = 0;
  for (int i = 0; i < 200; ++i) {
    const Bytes point = random.Get(32);
    // 2·(8·P) = 16·P exists exactly if P does.
    std::array<uint8_t, 32> sum;
    const bool exists = crypto_core_ed25519_add(sum.data(), point.data(), point.data()) == 0;
    on_curve += exists ? 1 : 0;
    EXPECT_EQ(Accepts(Ed25519Pkix(point)), exists) << ToHex(point);
  }
  EXPECT_NEAR(static_cast<double>(on_curve), 100, 40);
}

TEST(PublicKey, P256SignsTheLeftmost32Bytes) {
  const PrivateKey& key = SomeKey(KeyType::kP256);
  const Bytes signature = key.SignDigest(kDigest).value();
  std::array<uint8_t, 64> digest = kDigest;
  digest[32] ^= 1;
  EXPECT_TRUE(key.public_key().VerifyDigest(digest, signature));
  digest[31] ^= 1;
  EXPECT_FALSE(key.public_key().VerifyDigest(digest, signature));
}

TEST(PublicKey, RsaPaddingIsPkcs1WithoutDigestInfo) {
  const OpenSslErrorScope errors;
  EVP_PKEY* const evp = SomeRsa();
  const PrivateKey key = PrivateKey::FromPkcs8Der(Pkcs8Of(evp)).value();
  const auto sign = [&](int padding, const EVP_MD* digest_info) {
    const EvpKeyContext context(EVP_PKEY_CTX_new(evp, nullptr));
    EVP_PKEY_sign_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), padding);
    if (digest_info != nullptr) EVP_PKEY_CTX_set_signature_md(context.get(), digest_info);
    Bytes signature(256);
    size_t size = signature.size();
    EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &size, kDigest.data(), 64), 1);
    return signature;
  };
  EXPECT_TRUE(key.public_key().VerifyDigest(kDigest, sign(RSA_PKCS1_PADDING, nullptr)));
  EXPECT_FALSE(key.public_key().VerifyDigest(kDigest, sign(RSA_PKCS1_PADDING, EVP_sha512())));
  EXPECT_FALSE(key.public_key().VerifyDigest(kDigest, sign(RSA_PKCS1_PSS_PADDING, EVP_sha512())));

  // 00 01 ff…ff 00 ‖ digest, by hand.
  const Bytes signature = key.SignDigest(kDigest).value();
  const EvpKeyContext context(EVP_PKEY_CTX_new(evp, nullptr));
  EVP_PKEY_encrypt_init(context.get());
  EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING);
  Bytes padded(256);
  size_t size = padded.size();
  ASSERT_EQ(EVP_PKEY_encrypt(context.get(), padded.data(), &size, signature.data(), 256), 1);
  Bytes want(256, 0xff);
  want[0] = 0;
  want[1] = 1;
  want[256 - 65] = 0;
  std::copy(kDigest.begin(), kDigest.end(), want.end() - 64);
  EXPECT_EQ(ToHex(padded), ToHex(want));
}

TEST(PrivateKey, Ed25519SeedGivesTheKeyOfRfc8032) {
  const Bytes seed = FromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const PrivateKey key = PrivateKey::FromEd25519Seed(Fixed<32>(seed)).value();
  EXPECT_EQ(ToHex(key.public_key().pkix_der()),
            "302a300506032b6570032100"
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST(PrivateKey, Pkcs8WithTrailingBytesIsRefused) {
  const EvpKey evp(EVP_EC_gen("P-256"));
  Bytes der = Pkcs8Of(evp.get());
  EXPECT_TRUE(PrivateKey::FromPkcs8Der(der).ok());
  der.push_back(0);
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(der).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der({}).ok());
}

TEST(PrivateKey, Pkcs8OfOtherKindsIsRefused) {
  const OpenSslErrorScope errors;
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(Pkcs8Of(GenerateOther("ED448").get())).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(Pkcs8Of(GenerateOther("X25519").get())).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(Pkcs8Of(EvpKey(EVP_EC_gen("secp256k1")).get())).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(Pkcs8Of(EvpKey(EVP_RSA_gen(1024)).get())).ok());
}

TEST(PrivateKey, HalvesThatDoNotMatchAreRefused) {
  const OpenSslErrorScope errors;
  const Bytes a = Pkcs8Of(EvpKey(EVP_EC_gen("P-256")).get());
  const Bytes b = Pkcs8Of(EvpKey(EVP_EC_gen("P-256")).get());
  ASSERT_EQ(a.size(), 138u);
  Bytes mixed = a;  // the public half ends it: 04 ‖ x ‖ y
  std::copy(b.end() - 65, b.end(), mixed.end() - 65);
  EXPECT_TRUE(PrivateKey::FromPkcs8Der(a).ok());
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(mixed).ok());

  Bytes rsa = Pkcs8Of(SomeRsa());
  EXPECT_TRUE(PrivateKey::FromPkcs8Der(rsa).ok());
  rsa[rsa.size() / 4] ^= 4;  // within n
  EXPECT_FALSE(PrivateKey::FromPkcs8Der(rsa).ok());
}

TEST(PrivateKey, IdentityOfACompressedP256FileIsTheUncompressedOne) {
  const OpenSslErrorScope errors;
  const EvpKey evp(EVP_EC_gen("P-256"));
  const PeerId want = PeerId::OfPkixDer(PkixOf(evp.get()));
  EVP_PKEY_set_utf8_string_param(evp.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                 "compressed");
  const Bytes der = Pkcs8Of(evp.get());
  ASSERT_LT(der.size(), 138u);
  EXPECT_EQ(PrivateKey::FromPkcs8Der(der)->id(), want);
}

TEST(PrivateKey, PemErrorsSayWhatToDo) {
  const auto reason = [](std::string_view pem) {
    return std::string(PrivateKey::FromPem(pem).status().message());
  };
  EXPECT_NE(reason("").find("-----BEGIN PRIVATE KEY-----"), std::string::npos);
  EXPECT_NE(reason("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n")
                .find("openssl pkcs8 -in OLD -topk8 -nocrypt"),
            std::string::npos);
  EXPECT_NE(
      reason("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
          .find("encrypted"),
      std::string::npos);
  EXPECT_NE(reason(std::string(100000, 'x')).find("too long"), std::string::npos);
  EXPECT_FALSE(
      PrivateKey::FromPem(PrivateKey::Generate(KeyType::kEd25519)->public_key().ToPem()).ok());
}

TEST(PrivateKey, MovesWithItsKey) {
  PrivateKey a = PrivateKey::Generate(KeyType::kEd25519).value();
  const PeerId id = a.id();
  PrivateKey b = std::move(a);
  EXPECT_EQ(b.id(), id);
  a = std::move(b);
  EXPECT_EQ(a.id(), id);
  EXPECT_TRUE(a.public_key().VerifyDigest(kDigest, a.SignDigest(kDigest).value()));
}

}  // namespace
}  // namespace noisegate::crypto
