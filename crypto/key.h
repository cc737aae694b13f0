// Identity keys: Ed25519, ECDSA P-256 and RSA, as PKCS#8 PEM files and PKIX DER, through OpenSSL.
#ifndef NOISEGATE_CRYPTO_KEY_H_
#define NOISEGATE_CRYPTO_KEY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/peer_id.h"

namespace noisegate::crypto {

enum class KeyType : uint8_t { kEd25519, kP256, kRsa };

// A verified-to-be-well-formed public key. Immutable; any thread.
class PublicKey {
 public:
  // Refuses what docs/protocol.md refuses: other algorithms and curves, RSA under 2,048 or over 4,096
  // bits, Ed25519 points of small order or not canonical, DER that does not re-encode to itself.
  static absl::StatusOr<PublicKey> FromPkixDer(std::span<const uint8_t> der);
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem);  // "PUBLIC KEY"

  KeyType type() const;
  const std::vector<uint8_t>& pkix_der() const;
  std::string ToPem() const;
  const PeerId& id() const;

  // `digest` is the 64-byte channel digest (ChannelDigest in channel_binding.h). Ed25519 signs it as
  // the message; ECDSA takes its leftmost 32 bytes, ASN.1 signature; RSA is PKCS#1 v1.5 without
  // DigestInfo. False for anything malformed.
  bool VerifyDigest(std::span<const uint8_t, 64> digest, std::span<const uint8_t> signature) const;

  PublicKey(const PublicKey&);
  PublicKey(PublicKey&&) noexcept;
  PublicKey& operator=(PublicKey&&) noexcept;
  ~PublicKey();

 private:
  struct Rep;
  explicit PublicKey(std::shared_ptr<const Rep> rep);
  std::shared_ptr<const Rep> rep_;
  friend class PrivateKey;
};

// Wiped when destroyed. Not copyable.
class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(KeyType type);
  static absl::StatusOr<PrivateKey> FromEd25519Seed(std::span<const uint8_t, 32> seed);
  static absl::StatusOr<PrivateKey> FromPkcs8Der(std::span<const uint8_t> der);
  // Refuses a file that group or others can read or that another user owns, and anything but a
  // regular file; the message says what to do.
  static absl::StatusOr<PrivateKey> Load(const std::string& path);
  // PKCS#8 PEM, mode 0600, never overwrites (AlreadyExists).
  absl::Status Save(const std::string& path) const;

  const PublicKey& public_key() const;
  KeyType type() const { return public_key().type(); }
  const PeerId& id() const { return public_key().id(); }
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
