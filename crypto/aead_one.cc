// SealOne and OpenOne.
#include <sodium.h>

#include <cassert>

#include "crypto/aead.h"
#include "crypto/aead_nonce.h"

namespace noisegate::crypto {

void SealOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
             std::span<const uint8_t> aad, std::span<const uint8_t> plaintext,
             std::span<uint8_t> sealed) {
  assert(sealed.size() == plaintext.size() + kAeadTagSize);
  const AeadNonce nonce = MakeAeadNonce(counter);
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      sealed.data(), sealed.data() + plaintext.size(), nullptr, plaintext.data(), plaintext.size(),
      aad.data(), aad.size(), nullptr, nonce.data(), key.data());
}

bool OpenOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
             std::span<const uint8_t> aad, std::span<const uint8_t> sealed,
             std::span<uint8_t> plaintext) {
  if (sealed.size() < kAeadTagSize) return false;
  const size_t size = sealed.size() - kAeadTagSize;
  assert(plaintext.size() == size);
  const AeadNonce nonce = MakeAeadNonce(counter);
  // Without an output libsodium only verifies. With one it would write zeros where the tag is bad, in
  // place over the ciphertext. Block 0 of the keystream made the Poly1305 key, the text starts at 1.
  if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(nullptr, nullptr, sealed.data(), size,
                                                         sealed.data() + size, aad.data(),
                                                         aad.size(), nonce.data(), key.data()) != 0) {
    return false;
  }
  crypto_stream_chacha20_ietf_xor_ic(plaintext.data(), sealed.data(), size, nonce.data(), 1,
                                     key.data());
  return true;
}

}  // namespace noisegate::crypto
