#include "dataplane/fragment.h"

#include <algorithm>
#include <cstring>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/packet_pool.h"

namespace noisegate::dataplane {
namespace {

constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kOffsetMask = 0x1fff;  // in units of 8 bytes

// One fragment: `size` bytes of the packet's payload from `offset` on.
rte_mbuf* CopyPart(rte_mempool* pool, const uint8_t* packet, uint32_t offset, uint32_t size,
                   bool last) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
  if (mbuf == nullptr) return nullptr;
  uint8_t* to = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(mbuf, static_cast<uint16_t>(kIpv4Size + size)));
  if (to == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  std::memcpy(to, packet, kIpv4Size);
  std::memcpy(to + kIpv4Size, packet + kIpv4Size + offset, size);
  // The packet may be a fragment itself: its offset counts, and its flag is for its last part.
  const uint16_t own = LoadBe16(packet + 6);
  const uint16_t more = last ? (own & kMoreFragments) : kMoreFragments;
  StoreBe16(to + 2, static_cast<uint16_t>(kIpv4Size + size));
  StoreBe16(to + 6, static_cast<uint16_t>(((own & kOffsetMask) + offset / 8) | more));
  StoreRaw<uint16_t>(to + 10, 0);
  StoreRaw(to + 10, FinishSum(AddBytes(0, to, kIpv4Size)));
  return mbuf;
}

}  // namespace

uint32_t FragmentPacket(rte_mempool* pool, const Packet& packet, uint32_t mtu,
                        Packet (&fragments)[kMaxFragments]) {
  if (mtu < kIpv4Size + 8) return 0;
  const uint8_t* bytes = BytesOf(packet.mbuf);
  const uint32_t payload = packet.ip.size - kIpv4Size;
  const uint32_t step = (mtu - kIpv4Size) & ~7u;
  if (payload > step * kMaxFragments) return 0;
  // A fragment that ends beyond the largest packet: its parts' offsets would run over into the flags.
  if ((LoadBe16(bytes + 6) & kOffsetMask) * 8u + packet.ip.size > UINT16_MAX) return 0;
  uint32_t n = 0;
  for (uint32_t offset = 0; offset < payload; offset += step) {
    const uint32_t size = std::min(step, payload - offset);
    rte_mbuf* part = CopyPart(pool, bytes, offset, size, offset + size == payload);
    if (part == nullptr) {
      while (n-- > 0) rte_pktmbuf_free(fragments[n].mbuf);
      return 0;
    }
    fragments[n] = packet;
    fragments[n].mbuf = part;
    fragments[n].ip.size = kIpv4Size + size;
    fragments[n].ip.fragment = true;
    fragments[n++].ip.later_fragment = offset != 0 || packet.ip.later_fragment;
  }
  return n;
}

}  // namespace noisegate::dataplane
