// The 12-byte nonce of ChaCha20-Poly1305, for the engines in crypto/ only.
#ifndef NOISEGATE_CRYPTO_AEAD_NONCE_H_
#define NOISEGATE_CRYPTO_AEAD_NONCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "crypto/aead.h"

namespace noisegate::crypto {

using AeadNonce = std::array<uint8_t, 12>;

// LE32(prefix) ‖ LE64(counter). Noise's prefix is 0.
inline AeadNonce MakeAeadNonce(uint32_t prefix, uint64_t counter) {
  AeadNonce nonce;
  for (size_t i = 0; i < 4; ++i) nonce[i] = static_cast<uint8_t>(prefix >> (8 * i));
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
  return nonce;
}

inline AeadNonce NonceOf(const AeadMessage& message) {
  return MakeAeadNonce(message.nonce_prefix, message.counter);
}

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_NONCE_H_
