// SHAKE256 (FIPS 202) and cSHAKE256 without a function name (NIST SP 800-185, N = "").
//
// Neither OpenSSL 3.0 nor libsodium 1.0.18 has cSHAKE, so the sponge is ours and the Keccak
// permutation is Nettle's. Pure functions; any thread. Inputs here are public, so nothing is wiped.
#ifndef NOISEGATE_CRYPTO_SHAKE_H_
#define NOISEGATE_CRYPTO_SHAKE_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace noisegate::crypto {

// Fills `out`, of any size.
void Shake256(std::span<const uint8_t> data, std::span<uint8_t> out);

// Fills `out`, of any size. With an empty `customization` this is SHAKE256, as the standard says.
void CShake256(std::string_view customization, std::span<const uint8_t> data,
               std::span<uint8_t> out);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_SHAKE_H_
