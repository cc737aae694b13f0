// The 12-byte nonce of Noise's ChaChaPoly.
#ifndef NOISEGATE_CRYPTO_AEAD_NONCE_H_
#define NOISEGATE_CRYPTO_AEAD_NONCE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace noisegate::crypto {

using AeadNonce = std::array<uint8_t, 12>;

// 4 zero bytes ‖ LE64(counter).
inline AeadNonce MakeAeadNonce(uint64_t counter) {
  AeadNonce nonce{};
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
  return nonce;
}

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_NONCE_H_
