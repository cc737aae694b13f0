// OpenSSL's ChaCha20-Poly1305: one message after the other, each over all vector lanes. What it
// costs to begin a message is much, what each byte costs is little.
#include <algorithm>
#include <cstdlib>

#include "absl/status/status.h"
#include "crypto/aead_engines.h"
#include "crypto/aead_nonce.h"
#include "crypto/openssl.h"

namespace noisegate::crypto {
namespace {

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpenSslFree<EVP_CIPHER_CTX_free>>;

enum class Direction : int { kOpen = 0, kSeal = 1 };  // as OpenSSL's `enc`

// None of these calls fails once the context is made; going on would send plaintext.
void Require(int result) {
  if (result != 1) std::abort();
}

class OpensslEngine final : public AeadEngine {
 public:
  explicit OpensslEngine(CipherContext context) : context_(std::move(context)) {}

  std::string_view name() const override { return "openssl"; }
  std::string_view isa() const override { return "generic"; }  // OpenSSL does not tell

  void Seal(std::span<AeadMessage> burst) override {
    int n = 0;
    for (AeadMessage& message : burst) {
      Transform(message, Direction::kSeal);
      Require(EVP_CipherFinal_ex(context_.get(), message.tag(), &n));
      Require(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagSize,
                                  message.tag()));
    }
  }

  void Open(std::span<AeadMessage> burst) override {
    int n = 0;
    for (AeadMessage& message : burst) {
      Transform(message, Direction::kOpen);
      Require(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagSize,
                                  message.tag()));
      std::array<uint8_t, 1> nothing;
      message.ok = EVP_CipherFinal_ex(context_.get(), nothing.data(), &n) == 1;
      // It decrypts in place whatever the tag. Sealing again what was wrongly opened gives back the
      // ciphertext, as both add the same keystream.
      if (!message.ok) {
        ERR_clear_error();
        Transform(message, Direction::kSeal);
      }
    }
  }

 private:
  void Transform(AeadMessage& message, Direction direction) {
    const AeadNonce nonce = NonceOf(message);
    int n = 0;
    Require(EVP_CipherInit_ex(context_.get(), nullptr, nullptr, message.key, nonce.data(),
                              static_cast<int>(direction)));
    if (message.aad_size > 0) {
      Require(EVP_CipherUpdate(context_.get(), nullptr, &n, message.aad.data(), message.aad_size));
    }
    for (uint32_t at = 0; at < message.text_size;) {
      const uint32_t size = std::min(kMostAtOnce, message.text_size - at);
      uint8_t* const piece = message.text + at;
      Require(EVP_CipherUpdate(context_.get(), piece, &n, piece, static_cast<int>(size)));
      at += size;
    }
  }

  static constexpr uint32_t kMostAtOnce = 1 << 30;  // bytes that fit OpenSSL's int

  const CipherContext context_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeOpensslEngine() {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr || EVP_CipherInit_ex(context.get(), EVP_chacha20_poly1305(), nullptr,
                                              nullptr, nullptr, 1) != 1) {
    return absl::InternalError("OpenSSL has no ChaCha20-Poly1305");
  }
  return std::make_unique<OpensslEngine>(std::move(context));
}

}  // namespace noisegate::crypto
