// Packet buffers, and the note that travels with a packet between threads.
#ifndef NOISEGATE_DATAPLANE_PACKET_POOL_H_
#define NOISEGATE_DATAPLANE_PACKET_POOL_H_

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/burst.h"
#include "dataplane/dataplane.h"

namespace noisegate::dataplane {

inline constexpr NeighbourIndex kNoNeighbourIndex = UINT32_MAX;

// Why a packet is in a ring, written by the thread that puts it there and read by the one that takes
// it out. Lives in the mbuf's private area: packets that stay with one worker never touch it.
struct PacketNote {
  enum class Kind : uint8_t {
    kFrame,     // worker → worker: a frame as it came from its port, for the owner of its UDP port
    kPacket,    // worker or control → worker: an IP packet to route; `from` sent it
    kTransmit,  // worker or control → worker: a finished frame for `port`
    kMessage,   // control → worker: seal these bytes on `session`
    kPunt,      // worker → control
  };
  Kind kind = Kind::kFrame;
  PuntKind punt = PuntKind::kControl;
  Arrival arrival = Arrival::kReinjected;  // kPacket
  WorkerIndex worker = 0;
  PortIndex port = 0;
  uint16_t mtu = 0;
  NeighbourIndex neighbour = kNoNeighbourIndex;  // instead of next_hop
  PeerIndex peer = kNoPeer;
  PeerIndex from = kNoPeer;
  SessionRef session;
  IpAddress next_hop;
  Endpoint source;
  IpAddress local_address;
  TimePoint waits_until{};  // kPacket, kPunt; the epoch where it has not waited
};
inline constexpr uint16_t kNoteSize = 128;  // bytes; whole cache lines, so that frames begin at one
static_assert(sizeof(PacketNote) <= kNoteSize);

// Every mbuf that a worker may meet comes from a pool made here, so every mbuf has a note.
inline PacketNote& NoteOf(rte_mbuf* mbuf) {
  return *static_cast<PacketNote*>(rte_mbuf_to_priv(mbuf));
}

// Buffers that an lcore may keep to itself, where nobody else finds them: a cache grows to half as much
// again before it gives some back. Counts for each worker and for the control thread.
inline constexpr uint32_t kMaxCachedPackets = 384;

// A pool of `count` buffers, each of which holds a frame of `frame_size` bytes behind
// RTE_PKTMBUF_HEADROOM and with room for a tag. Null where memory is short.
rte_mempool* MakePacketPool(const char* name, uint32_t count, uint32_t frame_size);

// A new mbuf with a copy of `bytes`; null where there is none or it is too small.
rte_mbuf* CopyToPacket(rte_mempool* pool, std::span<const uint8_t> bytes);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PACKET_POOL_H_
