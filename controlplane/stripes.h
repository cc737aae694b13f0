// Which stripes two gateways keep up with each other: a choice that both sides make alike without
// asking.
//
// A side with N local ports and a peer with M remote ones keep min(N, M) stripes. Pair i joins
// local port (h+i) mod N with remote port (h+i) mod M, where h is a symmetric hash of the two peer
// ids. Seen from the other side, where N and M change places, that is the same set of pairs, so
// simultaneous dialling meets on the same paths. Since h differs from peer to peer, peers with one
// port spread over the workers of a side that has many.
#ifndef NOISEGATE_CONTROLPLANE_STRIPES_H_
#define NOISEGATE_CONTROLPLANE_STRIPES_H_

#include <cstdint>
#include <vector>

#include "crypto/peer_id.h"

namespace noisegate::controlplane {

// No gateway has more workers than this, whatever it says of itself.
inline constexpr uint32_t kMaxStripes = 256;

struct StripePair {
  uint16_t local = 0;   // offset from our first port: the worker's index
  uint16_t remote = 0;  // offset from the peer's first port
  auto operator<=>(const StripePair&) const = default;
};

// The same whichever of the two is named first. Peer ids are digests, so their bits are even
// already.
uint64_t StripeHash(const crypto::PeerId& a, const crypto::PeerId& b);

// The pairs in order of i. Counts of 0 stand for 1, and those above kMaxStripes for kMaxStripes.
std::vector<StripePair> StripePairs(uint64_t hash, uint32_t local_stripes, uint32_t remote_stripes);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_STRIPES_H_
