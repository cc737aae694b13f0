// ChaCha20-Poly1305 (RFC 8439) over bursts of messages.
//
//   AeadMessage burst[64];  // fill in key, counter, text, sizes
//   engine.Seal(burst);     // text is now ciphertext, 16 bytes of tag behind it
//   engine.Open(burst);     // burst[i].ok says whether message i was authentic
//
// The nonce is 4 zero bytes and the little-endian 64-bit counter, as in Noise. The associated data
// is 0 to 16 bytes held by the message itself, because here it is never more than a header word.
//
// Which implementation runs is MakeAeadEngine()'s to choose: a kind by name is that one, for every
// burst, and kAuto is the fastest for the shape of each.
#ifndef NOISEGATE_CRYPTO_AEAD_H_
#define NOISEGATE_CRYPTO_AEAD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/aead_message.h"

namespace noisegate::crypto {

// Seals and opens bursts. Messages of one burst may have any sizes and any keys, but their memory
// must not overlap. One engine serves one thread; make one for each worker.
class AeadEngine {
 public:
  virtual ~AeadEngine() = default;

  // The name that config, `show` and benchmarks use: "lanes", "ipsec_mb", "sodium", "openssl", "null";
  // for kAuto that of what it chose, "lanes+ipsec_mb+openssl" where that depends on the burst.
  virtual std::string_view name() const = 0;

  // The instruction set that it runs on, as `show` tells it: "avx512_ifma", "avx2", "sse",
  // "generic".
  virtual std::string_view isa() const = 0;

  // Encrypts every message and writes its tag behind it. Cannot fail.
  virtual void Seal(std::span<AeadMessage> burst) = 0;

  // Sets every message's `ok`. Where it is true the text is now plaintext; where it is false the
  // text and tag are as they were, so that it can be tried under another key. The tag is compared
  // in constant time.
  virtual void Open(std::span<AeadMessage> burst) = 0;
};

enum class AeadEngineKind : uint8_t {
  kAuto,     // the fastest that this CPU runs, burst by burst
  kLanes,    // our own, a message in every vector lane (docs/adr/0009-lanes.md); needs AVX2
  kIpsecMb,  // Intel ipsec-mb's best for this CPU
  kSodium,   // libsodium: portable, and the oracle of the tests
  kOpenssl,  // OpenSSL's, fast for long messages; not in the config
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
