#include "crypto/cipher_state.h"

#include <limits>

#include "crypto/aead.h"

namespace noisegate::crypto {
namespace {

// Reserved by the specification for Rekey, so that no message ever shares it.
constexpr uint64_t kLastNonce = std::numeric_limits<uint64_t>::max();

}  // namespace

CipherState CipherState::Clone() const {
  CipherState copy;
  copy.key_ = key_.Clone();
  copy.has_key_ = has_key_;
  copy.nonce_ = nonce_;
  return copy;
}

std::optional<std::vector<uint8_t>> CipherState::EncryptWithAd(std::span<const uint8_t> ad,
                                                               std::span<const uint8_t> plaintext) {
  if (!has_key_) return std::vector<uint8_t>(plaintext.begin(), plaintext.end());
  if (nonce_ == kLastNonce) return std::nullopt;
  std::vector<uint8_t> ciphertext(plaintext.size() + kAeadTagSize);
  SealOne(key_.span(), nonce_, ad, plaintext, ciphertext);
  ++nonce_;
  return ciphertext;
}

std::optional<std::vector<uint8_t>> CipherState::DecryptWithAd(
    std::span<const uint8_t> ad, std::span<const uint8_t> ciphertext) {
  if (!has_key_) return std::vector<uint8_t>(ciphertext.begin(), ciphertext.end());
  if (nonce_ == kLastNonce || ciphertext.size() < kAeadTagSize) return std::nullopt;
  std::vector<uint8_t> plaintext(ciphertext.size() - kAeadTagSize);
  if (!OpenOne(key_.span(), nonce_, ad, ciphertext, plaintext)) return std::nullopt;
  ++nonce_;
  return plaintext;
}

}  // namespace noisegate::crypto
