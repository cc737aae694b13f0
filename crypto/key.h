// Identity keys: Ed25519, ECDSA P-256, RSA and, for libp2p only, ECDSA secp256k1; as PKCS#8 PEM
// files (RFC 5958) and PKIX DER (RFC 5280).
//
//   absl::StatusOr<PrivateKey> key = PrivateKey::Load("/etc/noisegate/key.pem");
//   absl::StatusOr<std::vector<uint8_t>> signature =
//   key->SignDigest(ChannelDigest(handshake_hash)); bool good =
//   key->public_key().VerifyDigest(ChannelDigest(handshake_hash), *signature);
#ifndef NOISEGATE_CRYPTO_KEY_H_
#define NOISEGATE_CRYPTO_KEY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/peer_id.h"

namespace noisegate::crypto {

// kP256 and kSecp256k1 are ECDSA on these curves; kRsa has 2,048 to 4,096 bits.
enum class KeyType : uint8_t { kEd25519, kP256, kRsa, kSecp256k1 };

// Which protocol a key is an identity of. Noise Swarm knows all types but kSecp256k1.
enum class KeyUse : uint8_t { kNoiseSwarm, kLibp2p };

inline constexpr size_t kEd25519PointSize = 32;    // bytes
inline constexpr size_t kSecp256k1PointSize = 33;  // bytes, compressed

// A well-formed public key. Immutable and cheap to copy; any thread. A moved-from key may only be
// assigned to or destroyed.
class PublicKey {
 public:
  // Refuses what docs/protocol.md refuses: other algorithms and curves, RSA under 2,048 or over
  // 4,096 bits or with an exponent that is even, 1 or over 31 bits, Ed25519 points of small order,
  // compressed points, and any DER but the one canonical form, since the peer id is a hash over it.
  static absl::StatusOr<PublicKey> FromPkixDer(std::span<const uint8_t> der,
                                               KeyUse use = KeyUse::kNoiseSwarm);
  // "PUBLIC KEY"
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem, KeyUse use = KeyUse::kNoiseSwarm);

  // From the bare point, as libp2p has it, with the same checks.
  static absl::StatusOr<PublicKey> FromEd25519Point(
      std::span<const uint8_t, kEd25519PointSize> point);
  static absl::StatusOr<PublicKey> FromSecp256k1Point(
      std::span<const uint8_t, kSecp256k1PointSize> compressed);

  KeyType type() const;
  const std::vector<uint8_t>& pkix_der() const;
  // kEd25519PointSize bytes, or kSecp256k1PointSize compressed; empty for the other types.
  std::vector<uint8_t> Point() const;
  std::string ToPem() const;
  const PeerId& id() const;

  // `digest` is the 64-byte channel digest (ChannelDigest in channel_binding.h). Ed25519 signs it
  // as the message; ECDSA takes its leftmost 32 bytes, ASN.1 signature; RSA is PKCS#1 v1.5 without
  // DigestInfo. False for anything malformed, and for kSecp256k1.
  bool VerifyDigest(std::span<const uint8_t, 64> digest, std::span<const uint8_t> signature) const;

  // A signature over any message, as libp2p makes them (specification: peer-ids): Ed25519 over the
  // message; ECDSA over its SHA-256, ASN.1 signature; RSA PKCS#1 v1.5 with SHA-256. Anything
  // malformed is false; a high S, which some libp2p nodes refuse, is not malformed.
  bool VerifyMessage(std::span<const uint8_t> message, std::span<const uint8_t> signature) const;

 private:
  struct Rep;
  explicit PublicKey(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

// Wiped when destroyed. Not copyable. Signing may be done by several threads at once.
class PrivateKey {
 public:
  // From the operating system's randomness. RSA keys have 2,048 bits.
  static absl::StatusOr<PrivateKey> Generate(KeyType type);
  static absl::StatusOr<PrivateKey> FromEd25519Seed(std::span<const uint8_t, 32> seed);
  // Also refuses a key whose private and public halves do not match.
  static absl::StatusOr<PrivateKey> FromPkcs8Der(std::span<const uint8_t> der,
                                                 KeyUse use = KeyUse::kNoiseSwarm);
  // "PRIVATE KEY", not encrypted
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem, KeyUse use = KeyUse::kNoiseSwarm);

  // Refuses a file that group or others can read or that another user (but root) owns, and anything
  // but a regular file, also behind a symlink; the message says what to do.
  static absl::StatusOr<PrivateKey> Load(const std::string& path, KeyUse use = KeyUse::kNoiseSwarm);
  // PKCS#8 PEM, mode 0600, on disk when it returns. Never overwrites (AlreadyExists); leaves no
  // file behind when it fails.
  absl::Status Save(const std::string& path) const;

  const PublicKey& public_key() const;
  KeyType type() const { return public_key().type(); }
  const PeerId& id() const { return public_key().id(); }
  // As VerifyDigest expects it. FailedPrecondition for kSecp256k1, else fails only where OpenSSL
  // runs out of memory or entropy.
  absl::StatusOr<std::vector<uint8_t>> SignDigest(std::span<const uint8_t, 64> digest) const;
  // As VerifyMessage expects it; kSecp256k1 always with the low S.
  absl::StatusOr<std::vector<uint8_t>> SignMessage(std::span<const uint8_t> message) const;

  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey();

 private:
  struct Rep;
  explicit PrivateKey(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_KEY_H_
