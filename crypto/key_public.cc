// PublicKey: what may be an identity, and how its signatures are judged.
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/key.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace noisegate::crypto {

struct PublicKey::Rep {
  KeyType type;
  std::array<uint8_t, 32> ed25519{};  // kEd25519 only
  EvpKey evp;                         // the others
  std::vector<uint8_t> der;
  PeerId id;
};

namespace {

// A key has one PKIX DER that counts. For Ed25519 (RFC 8410), P-256 and secp256k1 (RFC 5480, named
// curve, uncompressed point) it is a fixed prefix and the point; for RSA (RFC 8017) only the
// algorithm is at a fixed place. Matching these first keeps hostile bytes away from OpenSSL's
// general decoders.
constexpr std::array<uint8_t, 12> kEd25519Prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::array<uint8_t, 27> kP256Prefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::array<uint8_t, 24> kSecp256k1Prefix = {
    0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
    0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00, 0x04};
constexpr std::array<uint8_t, 15> kRsaAlgorithm = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr size_t kRsaAlgorithmOffset = 4;  // behind 30 82 hh ll
constexpr size_t kEd25519DerSize = kEd25519Prefix.size() + 32;
constexpr size_t kP256DerSize = kP256Prefix.size() + 64;
constexpr size_t kSecp256k1DerSize = kSecp256k1Prefix.size() + 64;
constexpr size_t kMaxRsaDerSize = 600;  // 550 at 4,096 bits and a 31-bit exponent

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 4096;
constexpr int kMaxRsaExponentBits = 31;  // what the original's library takes

template <size_t N>
bool HasAt(std::span<const uint8_t> der, size_t offset, const std::array<uint8_t, N>& want) {
  return der.size() >= offset + N && std::equal(want.begin(), want.end(), der.begin() + offset);
}

// y < 2^255-19, the sign bit of x aside.
bool IsCanonicalY(std::span<const uint8_t, 32> y) {
  if ((y[31] & 0x7f) != 0x7f) return true;
  for (size_t i = 30; i > 0; --i) {
    if (y[i] != 0xff) return true;
  }
  return y[0] < 0xed;
}

// The y of the eight points whose order divides 8. Together with any sign of x they also cover the
// encodings of (0, 1) and (0, -1) with a negative zero.
constexpr std::array<std::array<uint8_t, 32>, 5> kSmallOrderY = {{
    {0x01},  // order 1
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // order 2
    {0x00},                                                        // order 4
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},  // order 8
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},  // order 8
}};

// libsodium's own check multiplies by the group order as well, for three times the cost of this: a
// key with a torsion part harms nobody but its owner.
absl::Status CheckEd25519Point(std::span<const uint8_t, 32> point) {
  std::array<uint8_t, 32> y;
  std::ranges::copy(point, y.begin());
  y[31] &= 0x7f;
  if (!IsCanonicalY(point)) {
    return absl::InvalidArgumentError("Ed25519 public key is not in its canonical encoding");
  }
  if (std::ranges::find(kSmallOrderY, y) != kSmallOrderY.end()) {
    return absl::InvalidArgumentError("Ed25519 public key is of small order");
  }
  std::array<uint8_t, 32> sum;
  if (crypto_core_ed25519_add(sum.data(), point.data(), point.data()) != 0) {
    return absl::InvalidArgumentError("Ed25519 public key is not on the curve");
  }
  return absl::OkStatus();
}

// A key that OpenSSL takes and writes back as the very same bytes, or null.
EvpKey DecodeExactly(std::span<const uint8_t> der) {
  const uint8_t* p = der.data();
  EvpKey evp(d2i_PUBKEY(nullptr, &p, static_cast<long>(der.size())));  // NOLINT: OpenSSL's type
  if (evp == nullptr || p != der.data() + der.size()) return nullptr;
  uint8_t* again = nullptr;
  const int size = i2d_PUBKEY(evp.get(), &again);
  const bool same = size >= 0 && std::ranges::equal(der, std::span(again, size));
  OPENSSL_free(again);
  return same ? std::move(evp) : nullptr;
}

Bignum GetBignum(const EVP_PKEY* evp, const char* name) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(evp, name, &value);
  return Bignum(value);
}

// Also where verifying stays cheap: an attacker chooses this key, and an exponent of 1 verifies
// anything.
absl::Status CheckRsa(const EVP_PKEY* evp) {
  const int bits = EVP_PKEY_get_bits(evp);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return absl::InvalidArgumentError(absl::StrCat("RSA key has ", bits, " bits; ", kMinRsaBits,
                                                   " to ", kMaxRsaBits, " are accepted"));
  }
  const Bignum n = GetBignum(evp, OSSL_PKEY_PARAM_RSA_N);
  const Bignum e = GetBignum(evp, OSSL_PKEY_PARAM_RSA_E);
  if (n == nullptr || e == nullptr || BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 ||
      BN_is_one(e.get()) != 0 || BN_num_bits(e.get()) > kMaxRsaExponentBits) {
    return absl::InvalidArgumentError("RSA modulus or exponent is not acceptable");
  }
  return absl::OkStatus();
}

// `signed_bytes` under PKCS#1 v1.5 without DigestInfo, or ECDSA: no digest is set, so nothing is
// hashed.
bool VerifyEvp(EVP_PKEY* evp, KeyType type, std::span<const uint8_t> signed_bytes,
               std::span<const uint8_t> signature) {
  const OpenSslErrorScope errors;
  const EvpKeyContext context(EVP_PKEY_CTX_new(evp, nullptr));
  if (context == nullptr || EVP_PKEY_verify_init(context.get()) != 1) return false;
  if (type == KeyType::kRsa &&
      (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(evp)) ||
       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1)) {
    return false;
  }
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), signed_bytes.data(),
                         signed_bytes.size()) == 1;
}

bool VerifySha256(EVP_PKEY* evp, KeyType type, std::span<const uint8_t> message,
                  std::span<const uint8_t> signature) {
  const OpenSslErrorScope errors;
  if (type == KeyType::kRsa && signature.size() != static_cast<size_t>(EVP_PKEY_get_size(evp))) {
    return false;
  }
  const DigestContext context(EVP_MD_CTX_new());
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, evp) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

bool VerifyEd25519(std::span<const uint8_t, 32> point, std::span<const uint8_t> message,
                   std::span<const uint8_t> signature) {
  return signature.size() == crypto_sign_ed25519_BYTES &&
         crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                             point.data()) == 0;
}

}  // namespace

absl::StatusOr<PublicKey> PublicKey::FromPkixDer(std::span<const uint8_t> der, KeyUse use) {
  const OpenSslErrorScope errors;
  auto rep = std::make_shared<Rep>();
  if (der.size() == kEd25519DerSize && HasAt(der, 0, kEd25519Prefix)) {
    rep->type = KeyType::kEd25519;
    std::ranges::copy(der.subspan(kEd25519Prefix.size()), rep->ed25519.begin());
    if (absl::Status status = CheckEd25519Point(rep->ed25519); !status.ok()) return status;
  } else if (der.size() == kP256DerSize && HasAt(der, 0, kP256Prefix)) {
    rep->type = KeyType::kP256;
    rep->evp = DecodeExactly(der);
    if (rep->evp == nullptr) return absl::InvalidArgumentError("P-256 point is not on the curve");
  } else if (der.size() == kSecp256k1DerSize && HasAt(der, 0, kSecp256k1Prefix)) {
    if (use != KeyUse::kLibp2p) {
      return absl::InvalidArgumentError(
          "a secp256k1 key is no identity in Noise Swarm; only libp2p has them");
    }
    rep->type = KeyType::kSecp256k1;
    rep->evp = DecodeExactly(der);
    if (rep->evp == nullptr) {
      return absl::InvalidArgumentError("secp256k1 point is not on the curve");
    }
  } else if (der.size() <= kMaxRsaDerSize && HasAt(der, kRsaAlgorithmOffset, kRsaAlgorithm)) {
    rep->type = KeyType::kRsa;
    rep->evp = DecodeExactly(der);
    if (rep->evp == nullptr) return absl::InvalidArgumentError("RSA key is not canonical DER");
    if (absl::Status status = CheckRsa(rep->evp.get()); !status.ok()) return status;
  } else {
    return absl::InvalidArgumentError(
        "not the canonical DER of an Ed25519, P-256 or RSA (2,048 to 4,096 bits) public key");
  }
  rep->der.assign(der.begin(), der.end());
  rep->id = PeerId::OfPkixDer(der);
  return PublicKey(std::move(rep));
}

absl::StatusOr<PublicKey> PublicKey::FromPem(std::string_view pem, KeyUse use) {
  absl::StatusOr<PemBody> body = DecodePem(pem, "PUBLIC KEY");
  if (!body.ok()) return body.status();
  return FromPkixDer(body->der(), use);
}

absl::StatusOr<PublicKey> PublicKey::FromEd25519Point(
    std::span<const uint8_t, kEd25519PointSize> point) {
  std::array<uint8_t, kEd25519DerSize> der;
  std::ranges::copy(point, std::ranges::copy(kEd25519Prefix, der.begin()).out);
  return FromPkixDer(der);
}

absl::StatusOr<PublicKey> PublicKey::FromSecp256k1Point(
    std::span<const uint8_t, kSecp256k1PointSize> compressed) {
  const OpenSslErrorScope errors;
  const EcGroup curve(EC_GROUP_new_by_curve_name(NID_secp256k1));
  const EcPoint point(curve == nullptr ? nullptr : EC_POINT_new(curve.get()));
  std::array<uint8_t, 65> uncompressed;
  if (point == nullptr ||
      EC_POINT_oct2point(curve.get(), point.get(), compressed.data(), compressed.size(), nullptr) !=
          1 ||
      EC_POINT_point2oct(curve.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                         uncompressed.data(), uncompressed.size(),
                         nullptr) != uncompressed.size()) {
    return absl::InvalidArgumentError("not a compressed point of secp256k1");
  }
  std::array<uint8_t, kSecp256k1DerSize> der;
  const auto rest = std::ranges::copy(kSecp256k1Prefix, der.begin()).out;
  std::copy(uncompressed.begin() + 1, uncompressed.end(), rest);
  return FromPkixDer(der, KeyUse::kLibp2p);
}

std::vector<uint8_t> PublicKey::Point() const {
  if (rep_->type == KeyType::kEd25519) return {rep_->ed25519.begin(), rep_->ed25519.end()};
  if (rep_->type != KeyType::kSecp256k1) return {};
  const std::span<const uint8_t> x = std::span(rep_->der).subspan(kSecp256k1Prefix.size(), 32);
  std::vector<uint8_t> compressed = {
      static_cast<uint8_t>(2 + (rep_->der.back() & 1))};  // y's parity
  compressed.insert(compressed.end(), x.begin(), x.end());
  return compressed;
}

KeyType PublicKey::type() const { return rep_->type; }
const std::vector<uint8_t>& PublicKey::pkix_der() const { return rep_->der; }
const PeerId& PublicKey::id() const { return rep_->id; }

std::string PublicKey::ToPem() const {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  PEM_write_bio(bio.get(), "PUBLIC KEY", "", rep_->der.data(), static_cast<int>(rep_->der.size()));
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);  // NOLINT: OpenSSL's type
  return std::string(data, static_cast<size_t>(size));
}

bool PublicKey::VerifyDigest(std::span<const uint8_t, 64> digest,
                             std::span<const uint8_t> signature) const {
  switch (rep_->type) {
    case KeyType::kEd25519:
      return VerifyEd25519(rep_->ed25519, digest, signature);
    case KeyType::kP256:
      return VerifyEvp(rep_->evp.get(), rep_->type, digest.first(32), signature);
    case KeyType::kRsa:
      return VerifyEvp(rep_->evp.get(), rep_->type, digest, signature);
    case KeyType::kSecp256k1:
      return false;
  }
  return false;
}

bool PublicKey::VerifyMessage(std::span<const uint8_t> message,
                              std::span<const uint8_t> signature) const {
  if (rep_->type == KeyType::kEd25519) return VerifyEd25519(rep_->ed25519, message, signature);
  return VerifySha256(rep_->evp.get(), rep_->type, message, signature);
}

}  // namespace noisegate::crypto
