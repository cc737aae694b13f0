// Peer ids of the Noise Swarm protocol: SHAKE256, 32 bytes, of a public key's PKIX DER.
// Text: base64url without padding, 43 characters, parsed strictly (one text for one id).
#ifndef NOISEGATE_CRYPTO_PEER_ID_H_
#define NOISEGATE_CRYPTO_PEER_ID_H_

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::crypto {

struct PeerId {
  std::array<uint8_t, 32> bytes{};

  static PeerId OfPkixDer(std::span<const uint8_t> der);
  static absl::StatusOr<PeerId> Parse(std::string_view text);
  std::string ToString() const;
  auto operator<=>(const PeerId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const PeerId& id) {
    return H::combine(std::move(h), id.bytes);
  }
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_PEER_ID_H_
