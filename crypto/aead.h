// ChaCha20-Poly1305 (RFC 8439) over bursts of messages.
//
//   AeadMessage burst[64];  // fill in key, counter, text, sizes
//   engine.Seal(burst);     // text is now ciphertext, 16 bytes of tag behind it
//   engine.Open(burst);     // burst[i].ok says whether message i was authentic
//
// The nonce is 4 zero bytes and the little-endian 64-bit counter, as in Noise. The associated data
// is 0 to 16 bytes held by the message itself, because here it is never more than a header word.
#ifndef NOISEGATE_CRYPTO_AEAD_H_
#define NOISEGATE_CRYPTO_AEAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::crypto {

inline constexpr size_t kAeadKeySize = 32;  // bytes
inline constexpr size_t kAeadTagSize = 16;  // bytes

// One message of a burst. Points at memory of the caller; owns nothing.
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

// Seals and opens bursts. Messages of one burst may have any sizes and any keys, but their memory
// must not overlap. One engine serves one thread; make one for each worker.
class AeadEngine {
 public:
  virtual ~AeadEngine() = default;

  // The name that config, `show` and benchmarks use: "ipsec_mb", "sodium", "lanes", "null".
  virtual std::string_view name() const = 0;

  // Encrypts every message and writes its tag behind it. Cannot fail.
  virtual void Seal(std::span<AeadMessage> burst) = 0;

  // Sets every message's `ok`. Where it is true the text is now plaintext; where it is false the
  // text and tag are as they were, so that it can be tried under another key. The tag is compared
  // in constant time.
  virtual void Open(std::span<AeadMessage> burst) = 0;
};

enum class AeadEngineKind : uint8_t {
  kAuto,     // the fastest that this CPU runs
  kIpsecMb,  // Intel ipsec-mb's best for this CPU
  kSodium,   // libsodium: portable, and the oracle of the tests
};

// Makes an engine. InvalidArgument where this CPU cannot run the kind.
absl::StatusOr<std::unique_ptr<AeadEngine>> MakeAeadEngine(AeadEngineKind kind);

// One message at a time, for handshakes: the same cipher through libsodium, any associated data.
// `sealed` is plaintext.size() + kAeadTagSize bytes. Both may start at the same address, else must
// not overlap. Any thread.
void SealOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
             std::span<const uint8_t> aad, std::span<const uint8_t> plaintext,
             std::span<uint8_t> sealed);

// `plaintext` is sealed.size() - kAeadTagSize bytes. False where `sealed` is shorter than a tag or
// not authentic; nothing is written then. Both may start at the same address. Any thread.
[[nodiscard]] bool OpenOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
                           std::span<const uint8_t> aad, std::span<const uint8_t> sealed,
                           std::span<uint8_t> plaintext);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_H_
