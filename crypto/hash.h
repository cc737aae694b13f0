// The hash functions of Noise (BLAKE2b-512 and SHA-256), HMAC and Noise's HKDF over both, and the
// short BLAKE2b digests of the cookie and the stealth mac.
//
// Inputs come as a list of parts, hashed as if joined, so that nobody builds a buffer only to hash
// it:
//
//   Hash(HashKind::kBlake2b, {h, data}, h);  // out may be one of the parts
//
// All functions are pure and thread-safe. Intermediate state is wiped.
// BLAKE2: RFC 7693; HMAC: RFC 2104; HKDF: Noise revision 34, section 4.3.
#ifndef NOISEGATE_CRYPTO_HASH_H_
#define NOISEGATE_CRYPTO_HASH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace noisegate::crypto {

enum class HashKind : uint8_t { kBlake2b, kSha256 };

inline constexpr size_t kMaxHashSize = 64;  // bytes

// HASHLEN of the Noise specification, bytes.
constexpr size_t HashSize(HashKind kind) { return kind == HashKind::kBlake2b ? 64 : 32; }

using HashParts = std::initializer_list<std::span<const uint8_t>>;

// `digest` is HashSize(kind) bytes and may overlap the parts.
void Hash(HashKind kind, HashParts parts, std::span<uint8_t> digest);

// `mac` is HashSize(kind) bytes and may overlap key and parts.
void Hmac(HashKind kind, std::span<const uint8_t> key, HashParts parts, std::span<uint8_t> mac);

// HKDF(chaining_key, input) with two outputs of HashSize(kind) bytes each. The outputs may be the
// chaining key or the input, but not each other.
void NoiseHkdf(HashKind kind, std::span<const uint8_t> chaining_key, std::span<const uint8_t> input,
               std::span<uint8_t> output1, std::span<uint8_t> output2);

// BLAKE2b with a 32-byte digest, without key.
std::array<uint8_t, 32> Blake2b256(HashParts parts);

// BLAKE2b with a 16-byte digest and a key of 1 to 64 bytes.
std::array<uint8_t, 16> Blake2bMac128(std::span<const uint8_t> key, HashParts parts);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_HASH_H_
