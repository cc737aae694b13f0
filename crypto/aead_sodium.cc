// The portable engine: one message after the other through libsodium.
#include <sodium.h>

#include "absl/status/status.h"
#include "crypto/aead_engines.h"

namespace noisegate::crypto {
namespace {

class SodiumEngine final : public AeadEngine {
 public:
  std::string_view name() const override { return "sodium"; }

  void Seal(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) {
      SealOne(Key(message), message.counter, Aad(message), {message.text, message.text_size},
              {message.text, message.text_size + kAeadTagSize});
    }
  }

  void Open(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) {
      message.ok = OpenOne(Key(message), message.counter, Aad(message),
                           {message.text, message.text_size + kAeadTagSize},
                           {message.text, message.text_size});
    }
  }

 private:
  static std::span<const uint8_t, kAeadKeySize> Key(const AeadMessage& message) {
    return std::span<const uint8_t, kAeadKeySize>(message.key, kAeadKeySize);
  }
  static std::span<const uint8_t> Aad(const AeadMessage& message) {
    return {message.aad.data(), message.aad_size};
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeSodiumEngine() {
  if (sodium_init() < 0) return absl::InternalError("libsodium cannot be initialised");
  return std::make_unique<SodiumEngine>();
}

}  // namespace noisegate::crypto
