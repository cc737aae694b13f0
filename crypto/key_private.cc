// PrivateKey: making, decoding and signing. Files are in key_file.cc.
#include "crypto/key_private.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "absl/status/status.h"
#include "crypto/pem.h"
#include "crypto/random.h"

namespace noisegate::crypto {
namespace {

constexpr size_t kMaxPkcs8Size = 4096;  // bytes; 2.4 KB at RSA-4096
constexpr size_t kGeneratedRsaBits = 2048;

absl::Status OutOfMemory(const char* what) {
  return absl::InternalError(std::string("OpenSSL cannot ") + what);
}

EvpKey GenerateEvp(KeyType type) {
  switch (type) {
    case KeyType::kEd25519:
      break;  // libsodium's
    case KeyType::kP256:
      return EvpKey(EVP_EC_gen("P-256"));
    case KeyType::kSecp256k1:
      return EvpKey(EVP_EC_gen("secp256k1"));
    case KeyType::kRsa:
      return EvpKey(EVP_RSA_gen(kGeneratedRsaBits));
  }
  return nullptr;
}

absl::StatusOr<PublicKey> PublicHalf(EVP_PKEY* evp, KeyUse use) {
  // A file may have asked for compressed points; the identity is always the uncompressed one.
  if (EVP_PKEY_is_a(evp, "EC") != 0 &&
      EVP_PKEY_set_utf8_string_param(evp, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                     "uncompressed") != 1) {
    return OutOfMemory("encode the public key");
  }
  uint8_t* der = nullptr;
  const int size = i2d_PUBKEY(evp, &der);
  if (size < 0) return OutOfMemory("encode the public key");
  absl::StatusOr<PublicKey> key = PublicKey::FromPkixDer(std::span(der, size), use);
  OPENSSL_free(der);
  return key;
}

bool HalvesMatch(EVP_PKEY* evp) {
  const EvpKeyContext context(EVP_PKEY_CTX_new(evp, nullptr));
  return context != nullptr && EVP_PKEY_check(context.get()) == 1;
}

absl::StatusOr<std::vector<uint8_t>> SignEvp(EVP_PKEY* evp, KeyType type,
                                             std::span<const uint8_t> signed_bytes) {
  const OpenSslErrorScope errors;
  const EvpKeyContext context(EVP_PKEY_CTX_new(evp, nullptr));
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(evp));
  std::vector<uint8_t> signature(size);
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) != 1 ||
      (type == KeyType::kRsa &&
       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) ||
      EVP_PKEY_sign(context.get(), signature.data(), &size, signed_bytes.data(),
                    signed_bytes.size()) != 1) {
    return OutOfMemory("sign");
  }
  signature.resize(size);
  return signature;
}

// Of the two signatures (r, s) and (r, n - s), both good, the one with the lower s: the only one
// that libraries in the habit of blockchains take.
absl::StatusOr<std::vector<uint8_t>> WithLowS(EVP_PKEY* evp, std::vector<uint8_t> signature) {
  Bignum order;
  BIGNUM* raw_order = nullptr;
  EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_EC_ORDER, &raw_order);
  order.reset(raw_order);
  const uint8_t* p = signature.data();
  const EcdsaSignature parts(
      d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(signature.size())));  // NOLINT: their type
  if (order == nullptr || parts == nullptr) return OutOfMemory("sign");
  const BIGNUM* const s = ECDSA_SIG_get0_s(parts.get());
  Bignum other(BN_new());
  if (other == nullptr || BN_sub(other.get(), order.get(), s) != 1) return OutOfMemory("sign");
  if (BN_cmp(s, other.get()) <= 0) return signature;
  Bignum r(BN_dup(ECDSA_SIG_get0_r(parts.get())));
  if (r == nullptr || ECDSA_SIG_set0(parts.get(), r.get(), other.get()) != 1) {
    return OutOfMemory("sign");
  }
  r.release();  // `parts` owns both now
  other.release();
  uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size < 0) return OutOfMemory("sign");
  signature.assign(der, der + size);
  OPENSSL_free(der);
  return signature;
}

absl::StatusOr<std::vector<uint8_t>> SignSha256(EVP_PKEY* evp, std::span<const uint8_t> message) {
  const OpenSslErrorScope errors;
  const DigestContext context(EVP_MD_CTX_new());
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(evp));
  std::vector<uint8_t> signature(size);
  // For RSA this is PKCS#1 v1.5, OpenSSL's default padding for it.
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, evp) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return OutOfMemory("sign");
  }
  signature.resize(size);
  return signature;
}

std::vector<uint8_t> SignEd25519(const uint8_t* secret, std::span<const uint8_t> message) {
  std::vector<uint8_t> signature(crypto_sign_ed25519_BYTES);
  crypto_sign_ed25519_detached(signature.data(), nullptr, message.data(), message.size(), secret);
  return signature;
}

}  // namespace

PrivateKey::PrivateKey(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

EvpKey PrivateKey::Rep::ToEvp() const {
  if (evp == nullptr) {
    return EvpKey(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, ed25519.data(),
                                               crypto_sign_ed25519_SEEDBYTES));
  }
  EVP_PKEY_up_ref(evp.get());
  return EvpKey(evp.get());
}

absl::StatusOr<PrivateKey> PrivateKey::Rep::FromEvp(EvpKey evp, KeyUse use) {
  absl::StatusOr<PublicKey> public_key = PublicHalf(evp.get(), use);
  if (!public_key.ok()) return public_key.status();
  return PrivateKey(std::make_unique<Rep>(Rep{*std::move(public_key), {}, std::move(evp)}));
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(KeyType type) {
  const OpenSslErrorScope errors;
  if (type == KeyType::kEd25519) {
    Secret<32> seed;
    SystemRandom().Fill(seed.span());
    return FromEd25519Seed(seed.span());
  }
  EvpKey evp = GenerateEvp(type);
  if (evp == nullptr) return OutOfMemory("generate a key");
  return Rep::FromEvp(std::move(evp), KeyUse::kLibp2p);
}

absl::StatusOr<PrivateKey> PrivateKey::FromEd25519Seed(std::span<const uint8_t, 32> seed) {
  const OpenSslErrorScope errors;
  Secret<crypto_sign_ed25519_SECRETKEYBYTES> secret;
  std::array<uint8_t, crypto_sign_ed25519_PUBLICKEYBYTES> point;
  crypto_sign_ed25519_seed_keypair(point.data(), secret.data(), seed.data());
  const EvpKey evp(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()));
  if (evp == nullptr) return OutOfMemory("take an Ed25519 key");
  absl::StatusOr<PublicKey> public_key = PublicHalf(evp.get(), KeyUse::kNoiseSwarm);
  if (!public_key.ok()) return public_key.status();
  return PrivateKey(std::make_unique<Rep>(Rep{*std::move(public_key), std::move(secret), nullptr}));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPkcs8Der(std::span<const uint8_t> der, KeyUse use) {
  const OpenSslErrorScope errors;
  if (der.size() > kMaxPkcs8Size) return absl::InvalidArgumentError("too long for a PKCS#8 key");
  const uint8_t* p = der.data();
  const Pkcs8Info info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &p, static_cast<long>(der.size())));  // NOLINT: their type
  if (info == nullptr || p != der.data() + der.size()) {
    return absl::InvalidArgumentError("not a PKCS#8 private key");
  }
  EvpKey evp(EVP_PKCS82PKEY(info.get()));
  if (evp == nullptr) return absl::InvalidArgumentError("PKCS#8 key is of an unknown kind");
  if (EVP_PKEY_is_a(evp.get(), "ED25519") != 0) {
    Secret<32> seed;
    size_t size = seed.size();
    if (EVP_PKEY_get_raw_private_key(evp.get(), seed.data(), &size) != 1 || size != seed.size()) {
      return absl::InvalidArgumentError("PKCS#8 Ed25519 key without its seed");
    }
    return FromEd25519Seed(seed.span());
  }
  // The kind and size before the check: only those are cheap enough to be checked.
  absl::StatusOr<PrivateKey> key = Rep::FromEvp(std::move(evp), use);
  if (key.ok() && !HalvesMatch(key->rep_->evp.get())) {
    return absl::InvalidArgumentError("PKCS#8 private key does not match its public key");
  }
  return key;
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem, KeyUse use) {
  absl::StatusOr<PemBody> body = DecodePem(pem, "PRIVATE KEY");
  if (!body.ok()) return body.status();
  return FromPkcs8Der(body->der(), use);
}

const PublicKey& PrivateKey::public_key() const { return rep_->public_key; }

absl::StatusOr<std::vector<uint8_t>> PrivateKey::SignDigest(
    std::span<const uint8_t, 64> digest) const {
  switch (type()) {
    case KeyType::kEd25519:
      return SignEd25519(rep_->ed25519.data(), digest);
    case KeyType::kP256:
      return SignEvp(rep_->evp.get(), type(), digest.first(32));
    case KeyType::kRsa:
      return SignEvp(rep_->evp.get(), type(), digest);
    case KeyType::kSecp256k1:
      return absl::FailedPreconditionError("a secp256k1 key is no identity in Noise Swarm");
  }
  return absl::InternalError("unreachable");
}

absl::StatusOr<std::vector<uint8_t>> PrivateKey::SignMessage(
    std::span<const uint8_t> message) const {
  if (type() == KeyType::kEd25519) return SignEd25519(rep_->ed25519.data(), message);
  absl::StatusOr<std::vector<uint8_t>> signature = SignSha256(rep_->evp.get(), message);
  if (!signature.ok() || type() != KeyType::kSecp256k1) return signature;
  return WithLowS(rep_->evp.get(), *std::move(signature));
}

}  // namespace noisegate::crypto
