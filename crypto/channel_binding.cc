#include "crypto/channel_binding.h"

#include "crypto/shake.h"

namespace noisegate::crypto {

ChannelDigestBytes ChannelDigest(std::span<const uint8_t, 64> handshake_hash) {
  ChannelDigestBytes digest;
  CShake256("p2p/noiseswarm/channel", handshake_hash, digest);
  return digest;
}

}  // namespace noisegate::crypto
