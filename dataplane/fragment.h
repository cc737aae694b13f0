// Fragmentation of an IPv4 packet that may be fragmented (RFC 791) and is larger than what it goes into.
#ifndef NOISEGATE_DATAPLANE_FRAGMENT_H_
#define NOISEGATE_DATAPLANE_FRAGMENT_H_

#include <cstdint>

#include "dataplane/burst.h"

struct rte_mempool;

namespace noisegate::dataplane {

inline constexpr uint32_t kMaxFragments = 16;

// Whether FragmentPacket() may be asked: IPv4 without DF and without options.
inline bool MayFragment(const Packet& packet) {
  return packet.ip.is_v4() && !packet.ip.dont_fragment && packet.ip.l4_offset == kIpv4Size;
}

// Copies the packet into fragments of at most `mtu` bytes, in order, each like `packet` but for its mbuf
// and ip.size, and frees nothing. Returns how many, or 0 where there is no buffer, where they would be
// more than kMaxFragments, or where the packet is a fragment that ends beyond 65,535 bytes.
uint32_t FragmentPacket(rte_mempool* pool, const Packet& packet, uint32_t mtu,
                        Packet (&fragments)[kMaxFragments]);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_FRAGMENT_H_
