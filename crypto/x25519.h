// X25519 (RFC 7748), through libsodium.
#ifndef NOISEGATE_CRYPTO_X25519_H_
#define NOISEGATE_CRYPTO_X25519_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/random.h"
#include "crypto/secret.h"

namespace noisegate::crypto {

inline constexpr size_t kX25519KeySize = 32;  // bytes; private, public and shared alike

using X25519PublicKey = std::array<uint8_t, kX25519KeySize>;

struct X25519KeyPair {
  Secret<kX25519KeySize> private_key;
  X25519PublicKey public_key{};

  // Draws exactly 32 bytes from `random`; clamping is part of X25519, so any 32 bytes are a private
  // key.
  static X25519KeyPair Generate(Random& random);
  static X25519KeyPair FromPrivate(Secret<kX25519KeySize> private_key);
  X25519KeyPair Clone() const { return {private_key.Clone(), public_key}; }
};

// False, with `shared` wiped, where the public key is of small order, that is where the output
// would be all zeros and known to everyone. Constant time in the private key.
[[nodiscard]] bool X25519(const Secret<kX25519KeySize>& private_key,
                          std::span<const uint8_t, kX25519KeySize> public_key,
                          Secret<kX25519KeySize>& shared);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_X25519_H_
