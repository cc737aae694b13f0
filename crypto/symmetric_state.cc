#include "crypto/symmetric_state.h"

#include <algorithm>

namespace noisegate::crypto {

SymmetricState::SymmetricState(HashKind hash, std::string_view protocol_name) : hash_(hash) {
  const std::span<const uint8_t> name(reinterpret_cast<const uint8_t*>(protocol_name.data()),
                                      protocol_name.size());
  if (name.size() <= hash_size()) {
    std::ranges::copy(name, h_.begin());  // the rest stays zero
  } else {
    Hash(hash_, {name}, {h_.data(), hash_size()});
  }
  std::ranges::copy(handshake_hash(), ck_.data());
}

SymmetricState SymmetricState::Clone() const {
  SymmetricState copy(hash_, {});
  copy.ck_ = ck_.Clone();
  copy.h_ = h_;
  copy.cipher_ = cipher_.Clone();
  return copy;
}

void SymmetricState::MixKey(std::span<const uint8_t> input) {
  Secret<kMaxHashSize> temp;
  NoiseHkdf(hash_, chaining_key(), input, chaining_key(), {temp.data(), hash_size()});
  cipher_ = CipherState(Secret<32>(temp.span().first<32>()));
}

void SymmetricState::MixHash(std::span<const uint8_t> data) {
  Hash(hash_, {handshake_hash(), data}, {h_.data(), hash_size()});
}

std::optional<std::vector<uint8_t>> SymmetricState::EncryptAndHash(
    std::span<const uint8_t> plaintext) {
  std::optional<std::vector<uint8_t>> ciphertext =
      cipher_.EncryptWithAd(handshake_hash(), plaintext);
  if (ciphertext) MixHash(*ciphertext);
  return ciphertext;
}

std::optional<std::vector<uint8_t>> SymmetricState::DecryptAndHash(
    std::span<const uint8_t> ciphertext) {
  std::optional<std::vector<uint8_t>> plaintext =
      cipher_.DecryptWithAd(handshake_hash(), ciphertext);
  if (plaintext) MixHash(ciphertext);
  return plaintext;
}

TransportKeys SymmetricState::Split() const {
  Secret<kMaxHashSize> first;
  Secret<kMaxHashSize> second;
  NoiseHkdf(hash_, chaining_key(), {}, {first.data(), hash_size()}, {second.data(), hash_size()});
  return {Secret<32>(first.span().first<32>()), Secret<32>(second.span().first<32>())};
}

}  // namespace noisegate::crypto
