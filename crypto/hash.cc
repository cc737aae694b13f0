#include "crypto/hash.h"

#include <sodium.h>

#include <cassert>
#include <cstring>

#include "crypto/secret.h"

namespace noisegate::crypto {
namespace {

// One running BLAKE2b or SHA-256, wiped when it ends.
class Hasher {
 public:
  explicit Hasher(HashKind kind) : kind_(kind) {
    if (kind_ == HashKind::kBlake2b) {
      crypto_generichash_blake2b_init(&state_.blake2b, nullptr, 0, HashSize(kind_));
    } else {
      crypto_hash_sha256_init(&state_.sha256);
    }
  }
  ~Hasher() { sodium_memzero(&state_, sizeof(state_)); }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Update(std::span<const uint8_t> data) {
    if (kind_ == HashKind::kBlake2b) {
      crypto_generichash_blake2b_update(&state_.blake2b, data.data(), data.size());
    } else {
      crypto_hash_sha256_update(&state_.sha256, data.data(), data.size());
    }
  }

  void Final(std::span<uint8_t> digest) {
    assert(digest.size() == HashSize(kind_));
    if (kind_ == HashKind::kBlake2b) {
      crypto_generichash_blake2b_final(&state_.blake2b, digest.data(), digest.size());
    } else {
      crypto_hash_sha256_final(&state_.sha256, digest.data());
    }
  }

 private:
  const HashKind kind_;
  union {
    crypto_generichash_blake2b_state blake2b;
    crypto_hash_sha256_state sha256;
  } state_;
};

constexpr size_t kMaxBlockSize = 128;
constexpr size_t BlockSize(HashKind kind) { return kind == HashKind::kBlake2b ? 128 : 64; }

void Blake2b(std::span<const uint8_t> key, HashParts parts, std::span<uint8_t> digest) {
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, key.data(), key.size(), digest.size());
  for (std::span<const uint8_t> part : parts) {
    crypto_generichash_blake2b_update(&state, part.data(), part.size());
  }
  crypto_generichash_blake2b_final(&state, digest.data(), digest.size());
  sodium_memzero(&state, sizeof(state));
}

}  // namespace

void Hash(HashKind kind, HashParts parts, std::span<uint8_t> digest) {
  Hasher hasher(kind);
  for (std::span<const uint8_t> part : parts) hasher.Update(part);
  hasher.Final(digest);
}

void Hmac(HashKind kind, std::span<const uint8_t> key, HashParts parts, std::span<uint8_t> mac) {
  const size_t block_size = BlockSize(kind);
  Secret<kMaxBlockSize> pad;
  if (key.size() > block_size) {
    Hash(kind, {key}, pad.span().first(HashSize(kind)));
  } else if (!key.empty()) {
    std::memcpy(pad.data(), key.data(), key.size());
  }
  const std::span<uint8_t> block(pad.data(), block_size);

  for (uint8_t& byte : block) byte ^= 0x36;
  Hasher inner(kind);
  inner.Update(block);
  for (std::span<const uint8_t> part : parts) inner.Update(part);
  Secret<kMaxHashSize> inner_digest;
  const std::span<uint8_t> inner_span(inner_digest.data(), HashSize(kind));
  inner.Final(inner_span);

  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  Hasher outer(kind);
  outer.Update(block);
  outer.Update(inner_span);
  outer.Final(mac);
}

void NoiseHkdf(HashKind kind, std::span<const uint8_t> chaining_key, std::span<const uint8_t> input,
               std::span<uint8_t> output1, std::span<uint8_t> output2) {
  static constexpr std::array<uint8_t, 1> kFirst = {1};
  static constexpr std::array<uint8_t, 1> kSecond = {2};
  Secret<kMaxHashSize> temp;
  const std::span<uint8_t> temp_key(temp.data(), HashSize(kind));
  Hmac(kind, chaining_key, {input}, temp_key);
  Hmac(kind, temp_key, {kFirst}, output1);
  Hmac(kind, temp_key, {output1, kSecond}, output2);
}

std::array<uint8_t, 32> Blake2b256(HashParts parts) {
  std::array<uint8_t, 32> digest;
  Blake2b({}, parts, digest);
  return digest;
}

std::array<uint8_t, 16> Blake2bMac128(std::span<const uint8_t> key, HashParts parts) {
  assert(!key.empty() && key.size() <= crypto_generichash_blake2b_KEYBYTES_MAX);
  std::array<uint8_t, 16> digest;
  Blake2b(key, parts, digest);
  return digest;
}

}  // namespace noisegate::crypto
