#include "crypto/x25519.h"

#include <sodium.h>

namespace noisegate::crypto {

static_assert(crypto_scalarmult_curve25519_SCALARBYTES == kX25519KeySize);
static_assert(crypto_scalarmult_curve25519_BYTES == kX25519KeySize);

X25519KeyPair X25519KeyPair::Generate(Random& random) {
  Secret<kX25519KeySize> private_key;
  random.Fill(private_key.span());
  return FromPrivate(std::move(private_key));
}

X25519KeyPair X25519KeyPair::FromPrivate(Secret<kX25519KeySize> private_key) {
  X25519KeyPair pair{std::move(private_key), {}};
  // Clamping keeps the scalar away from zero and the base point has prime order, so this cannot
  // fail.
  crypto_scalarmult_curve25519_base(pair.public_key.data(), pair.private_key.data());
  return pair;
}

bool X25519(const Secret<kX25519KeySize>& private_key,
            std::span<const uint8_t, kX25519KeySize> public_key, Secret<kX25519KeySize>& shared) {
  if (crypto_scalarmult_curve25519(shared.data(), private_key.data(), public_key.data()) != 0) {
    shared.Wipe();
    return false;
  }
  return true;
}

}  // namespace noisegate::crypto
