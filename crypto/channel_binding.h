// The digest that ties an identity to one handshake: what AuthIntro's signature is over.
#ifndef NOISEGATE_CRYPTO_CHANNEL_BINDING_H_
#define NOISEGATE_CRYPTO_CHANNEL_BINDING_H_

#include <array>
#include <cstdint>
#include <span>

namespace noisegate::crypto {

using ChannelDigestBytes = std::array<uint8_t, 64>;

// cSHAKE256(N = "", S = "p2p/noiseswarm/channel") of the handshake hash, 64 bytes. Sign and verify
// it with PrivateKey::SignDigest and PublicKey::VerifyDigest (key.h).
ChannelDigestBytes ChannelDigest(std::span<const uint8_t, 64> handshake_hash);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_CHANNEL_BINDING_H_
