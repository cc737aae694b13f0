// Changes to an IP packet on its way through: hop limit, congestion marks, TCP segment size.
// Checksums are brought up to date in place (RFC 1624), never recomputed, so damage done elsewhere
// stays visible.
//
// Each takes the packet from its version field on and what ParseIp() said of it.
#ifndef NOISEGATE_DATAPLANE_REWRITE_H_
#define NOISEGATE_DATAPLANE_REWRITE_H_

#include <cassert>
#include <cstdint>

#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

namespace noisegate::dataplane {

// Takes one off TTL or hop limit. Only where ip.ttl > 1: a packet that arrives with less is to be
// answered, not forwarded.
inline void DecrementTtl(uint8_t* packet, const IpPacket& ip) {
  assert(ip.ttl > 1);
  if (!ip.is_v4()) {
    --packet[7];
    return;
  }
  --packet[8];
  // One less in the first byte of a word is one more in the checksum, as bytes lie in memory. As in
  // RFC 1624 a sum of 0xffff becomes 0.
  const uint32_t sum = LoadRaw<uint16_t>(packet + 10) + 1u;
  StoreRaw(packet + 10, static_cast<uint16_t>(sum + (sum >= 0xffff ? 1 : 0)));
}

inline constexpr uint8_t kEcnNotEct = 0;
inline constexpr uint8_t kEcnEct1 = 1;
inline constexpr uint8_t kEcnEct0 = 2;
inline constexpr uint8_t kEcnCe = 3;
inline constexpr uint8_t kEcnDrop = 0xff;

// The outer header's ECN field at encapsulation: RFC 6040, normal mode.
constexpr uint8_t EcnToOuter(uint8_t inner) { return inner; }

// The inner header's ECN field at decapsulation, or kEcnDrop: RFC 6040, figure 4.
constexpr uint8_t CombineEcn(uint8_t outer, uint8_t inner) {
  if (outer == kEcnCe) return inner == kEcnNotEct ? kEcnDrop : kEcnCe;
  if (outer == kEcnEct1 && inner == kEcnEct0) return kEcnEct1;
  return inner;
}

inline void SetEcn(uint8_t* packet, const IpPacket& ip, uint8_t ecn) {
  if (ip.ecn == ecn) return;
  if (!ip.is_v4()) {
    packet[1] = static_cast<uint8_t>((packet[1] & ~0x30) | ecn << 4);
    return;
  }
  const uint16_t before = LoadRaw<uint16_t>(packet);
  packet[1] = static_cast<uint8_t>((packet[1] & ~0x03) | ecn);
  UpdateChecksum(packet + 10, before, LoadRaw<uint16_t>(packet));
}

// Lowers the maximum segment size that a TCP SYN offers to what fits an IP packet of `mtu` bytes;
// never raises it. Leaves alone what is not a SYN, has no such option or does not parse. True where
// it changed the packet.
bool ClampMss(uint8_t* packet, const IpPacket& ip, uint32_t mtu);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_REWRITE_H_
