// The portable engine, and SealOne and OpenOne: one message after the other through libsodium.
#include <sodium.h>

#include <cassert>

#include "absl/status/status.h"
#include "crypto/aead_engines.h"
#include "crypto/aead_nonce.h"

namespace noisegate::crypto {
namespace {

void Seal(const uint8_t* key, const AeadNonce& nonce, std::span<const uint8_t> aad,
          std::span<const uint8_t> plaintext, uint8_t* sealed) {
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(sealed, sealed + plaintext.size(), nullptr,
                                                     plaintext.data(), plaintext.size(), aad.data(),
                                                     aad.size(), nullptr, nonce.data(), key);
}

bool Open(const uint8_t* key, const AeadNonce& nonce, std::span<const uint8_t> aad,
          std::span<const uint8_t> ciphertext, const uint8_t* tag, uint8_t* plaintext) {
  // Without an output libsodium only verifies. With one it would write zeros where the tag is bad,
  // in place over the ciphertext. Block 0 of the keystream made the Poly1305 key, the text starts
  // at 1.
  if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(nullptr, nullptr, ciphertext.data(),
                                                         ciphertext.size(), tag, aad.data(),
                                                         aad.size(), nonce.data(), key) != 0) {
    return false;
  }
  if (ciphertext.empty()) return true;  // an empty span may point nowhere, which libsodium forbids
  crypto_stream_chacha20_ietf_xor_ic(plaintext, ciphertext.data(), ciphertext.size(), nonce.data(),
                                     1, key);
  return true;
}

class SodiumEngine final : public AeadEngine {
 public:
  std::string_view name() const override { return "sodium"; }
  std::string_view isa() const override { return "generic"; }  // libsodium does not tell

  void Seal(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) {
      crypto::Seal(message.key, NonceOf(message), {message.aad.data(), message.aad_size},
                   {message.text, message.text_size}, message.text);
    }
  }

  void Open(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) {
      message.ok =
          crypto::Open(message.key, NonceOf(message), {message.aad.data(), message.aad_size},
                       {message.text, message.text_size}, message.tag(), message.text);
    }
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeSodiumEngine() {
  if (sodium_init() < 0) return absl::InternalError("libsodium cannot be initialised");
  return std::make_unique<SodiumEngine>();
}

void SealOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
             std::span<const uint8_t> aad, std::span<const uint8_t> plaintext,
             std::span<uint8_t> sealed) {
  assert(sealed.size() == plaintext.size() + kAeadTagSize);
  Seal(key.data(), MakeAeadNonce(0, counter), aad, plaintext, sealed.data());
}

bool OpenOne(std::span<const uint8_t, kAeadKeySize> key, uint64_t counter,
             std::span<const uint8_t> aad, std::span<const uint8_t> sealed,
             std::span<uint8_t> plaintext) {
  if (sealed.size() < kAeadTagSize) return false;
  const size_t size = sealed.size() - kAeadTagSize;
  assert(plaintext.size() == size);
  return Open(key.data(), MakeAeadNonce(0, counter), aad, sealed.first(size), sealed.data() + size,
              plaintext.data());
}

}  // namespace noisegate::crypto
