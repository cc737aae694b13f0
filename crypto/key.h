// Identity keys: Ed25519, ECDSA P-256 and RSA, as PKCS#8 PEM files (RFC 5958) and PKIX DER (RFC
// 5280).
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

// kP256 is ECDSA on P-256; kRsa has 2,048 to 4,096 bits.
enum class KeyType : uint8_t { kEd25519, kP256, kRsa };

// A well-formed public key. Immutable and cheap to copy; any thread. A moved-from key may only be
// assigned to or destroyed.
class PublicKey {
 public:
  // Refuses what docs/protocol.md refuses: other algorithms and curves, RSA under 2,048 or over
  // 4,096 bits or with an exponent that is even, 1 or over 31 bits, Ed25519 points of small order,
  // compressed P-256 points, and any DER but the one canonical form, since the peer id is a hash
  // over it.
  static absl::StatusOr<PublicKey> FromPkixDer(std::span<const uint8_t> der);
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem);  // "PUBLIC KEY"

  KeyType type() const;
  const std::vector<uint8_t>& pkix_der() const;
  std::string ToPem() const;
  const PeerId& id() const;

  // `digest` is the 64-byte channel digest (ChannelDigest in channel_binding.h). Ed25519 signs it
  // as the message; ECDSA takes its leftmost 32 bytes, ASN.1 signature; RSA is PKCS#1 v1.5 without
  // DigestInfo. False for anything malformed.
  bool VerifyDigest(std::span<const uint8_t, 64> digest, std::span<const uint8_t> signature) const;

 private:
  struct Rep;
  explicit PublicKey(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

// Wiped when destroyed. Not copyable. SignDigest may be called from several threads at once.
class PrivateKey {
 public:
  // From the operating system's randomness. RSA keys have 2,048 bits.
  static absl::StatusOr<PrivateKey> Generate(KeyType type);
  static absl::StatusOr<PrivateKey> FromEd25519Seed(std::span<const uint8_t, 32> seed);
  // Also refuses a key whose private and public halves do not match.
  static absl::StatusOr<PrivateKey> FromPkcs8Der(std::span<const uint8_t> der);
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);  // "PRIVATE KEY", not encrypted

  // Refuses a file that group or others can read or that another user (but root) owns, and anything
  // but a regular file, also behind a symlink; the message says what to do.
  static absl::StatusOr<PrivateKey> Load(const std::string& path);
  // PKCS#8 PEM, mode 0600, on disk when it returns. Never overwrites (AlreadyExists); leaves no
  // file behind when it fails.
  absl::Status Save(const std::string& path) const;

  const PublicKey& public_key() const;
  KeyType type() const { return public_key().type(); }
  const PeerId& id() const { return public_key().id(); }
  // As VerifyDigest expects it. Fails only where OpenSSL runs out of memory or entropy.
  absl::StatusOr<std::vector<uint8_t>> SignDigest(std::span<const uint8_t, 64> digest) const;

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
