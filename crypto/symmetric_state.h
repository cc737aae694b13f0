// SymmetricState of the Noise Protocol Framework, revision 34, section 5.2.
#ifndef NOISEGATE_CRYPTO_SYMMETRIC_STATE_H_
#define NOISEGATE_CRYPTO_SYMMETRIC_STATE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/cipher_state.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

namespace noisegate::crypto {

// What Split() gives: one key for each direction.
struct TransportKeys {
  Secret<32> initiator_to_responder;
  Secret<32> responder_to_initiator;
};

// The chaining key, the handshake hash and the cipher state of a running handshake. HandshakeState
// (noise.h) drives it. Not thread-safe; wiped when destroyed; a copy is only made by Clone().
class SymmetricState {
 public:
  SymmetricState(HashKind hash, std::string_view protocol_name);
  SymmetricState Clone() const;

  void MixKey(std::span<const uint8_t> input);
  void MixHash(std::span<const uint8_t> data);
  // nullopt where the nonces are used up, which no handshake comes near.
  std::optional<std::vector<uint8_t>> EncryptAndHash(std::span<const uint8_t> plaintext);
  // nullopt where the tag is bad; the state is then unchanged.
  std::optional<std::vector<uint8_t>> DecryptAndHash(std::span<const uint8_t> ciphertext);

  bool has_key() const { return cipher_.has_key(); }
  // h, HashSize(hash) bytes. Valid as long as this object is unchanged.
  std::span<const uint8_t> handshake_hash() const { return {h_.data(), hash_size()}; }
  TransportKeys Split() const;

 private:
  friend class SymmetricStateTestPeer;

  size_t hash_size() const { return HashSize(hash_); }
  std::span<uint8_t> chaining_key() { return {ck_.data(), hash_size()}; }
  std::span<const uint8_t> chaining_key() const { return {ck_.data(), hash_size()}; }

  HashKind hash_;
  Secret<kMaxHashSize> ck_;
  std::array<uint8_t, kMaxHashSize> h_{};  // public: a hash over what goes over the wire
  CipherState cipher_;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_SYMMETRIC_STATE_H_
