// CipherState of the Noise Protocol Framework, revision 34, section 5.1, with ChaChaPoly.
#ifndef NOISEGATE_CRYPTO_CIPHER_STATE_H_
#define NOISEGATE_CRYPTO_CIPHER_STATE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "crypto/secret.h"

namespace noisegate::crypto {

// A key and the nonce that comes next. Without a key it passes text through unchanged, which is
// what the first messages of a handshake need. Used inside the handshake, and by protocols whose
// transport numbers its messages implicitly (libp2p); Noise Swarm puts the counter on the wire and
// uses aead.h instead.
//
// Not thread-safe. Wiped when destroyed; a copy is only made by Clone().
class CipherState {
 public:
  CipherState() = default;
  explicit CipherState(Secret<32> key) : key_(std::move(key)), has_key_(true) {}
  CipherState Clone() const;

  bool has_key() const { return has_key_; }
  uint64_t nonce() const { return nonce_; }

  // Ciphertext and tag, or the plaintext itself where there is no key. nullopt once 2^64-1 messages
  // were sealed: the last nonce is reserved.
  std::optional<std::vector<uint8_t>> EncryptWithAd(std::span<const uint8_t> ad,
                                                    std::span<const uint8_t> plaintext);

  // nullopt where the tag is bad, or the nonces are used up; the state is then unchanged.
  std::optional<std::vector<uint8_t>> DecryptWithAd(std::span<const uint8_t> ad,
                                                    std::span<const uint8_t> ciphertext);

 private:
  friend class SymmetricStateTestPeer;

  Secret<32> key_;
  bool has_key_ = false;
  uint64_t nonce_ = 0;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_CIPHER_STATE_H_
