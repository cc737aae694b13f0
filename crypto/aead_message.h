// One message of a burst. In a header of its own, and a lean one, for code compiled for a
// particular instruction set (crypto/lanes/kernel.h says why).
#ifndef NOISEGATE_CRYPTO_AEAD_MESSAGE_H_
#define NOISEGATE_CRYPTO_AEAD_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace noisegate::crypto {

inline constexpr size_t kAeadKeySize = 32;  // bytes
inline constexpr size_t kAeadTagSize = 16;  // bytes

// Points at memory of the caller; owns nothing.
struct AeadMessage {
  const uint8_t* key;  // kAeadKeySize bytes
  uint64_t counter;    // nonce = LE32(nonce_prefix) ‖ LE64(counter)
  uint8_t* text;       // sealed or opened in place; no alignment needed
  uint32_t text_size;  // bytes, without the tag
  uint8_t aad_size;    // 0 … 16 bytes of `aad`
  bool ok;             // out, Open only: the tag was right
  std::array<uint8_t, 16> aad;
  uint32_t nonce_prefix = 0;  // 0 in Noise; other values are for public test vectors
  // The tag stands at text + text_size: written by Seal, judged by Open.
  uint8_t* tag() const { return text + text_size; }
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_MESSAGE_H_
