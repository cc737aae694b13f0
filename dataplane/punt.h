// What crosses from workers to the control thread: packets with notes, and session events in a word.
#ifndef NOISEGATE_DATAPLANE_PUNT_H_
#define NOISEGATE_DATAPLANE_PUNT_H_

#include <cstdint>

#include "dataplane/dataplane.h"
#include "dataplane/neighbour_table.h"
#include "dataplane/packet_pool.h"

namespace noisegate::dataplane {

// An event in a ring's pointer: generation, index and kind, 32 + 31 + 1 bits.
inline void* EncodeEvent(const SessionEvent& event) {
  const uint64_t word = uint64_t{event.session.generation} << 32 |
                        uint64_t{event.session.index} << 1 | static_cast<uint64_t>(event.kind);
  return reinterpret_cast<void*>(word);
}
inline SessionEvent DecodeEvent(void* pointer) {
  const uint64_t word = reinterpret_cast<uint64_t>(pointer);
  return {.kind = static_cast<SessionEvent::Kind>(word & 1),
          .session = {.index = static_cast<SessionIndex>((word & 0xffffffff) >> 1),
                      .generation = static_cast<uint32_t>(word >> 32)}};
}

// The punt that an mbuf of a punt ring carries; points into the mbuf.
inline Punt ReadPunt(rte_mbuf* mbuf, const NeighbourTable& neighbours) {
  const PacketNote& note = NoteOf(mbuf);
  Punt punt{.kind = note.punt,
            .worker = note.worker,
            .port = note.port,
            .peer = note.peer,
            .from = note.from,
            .next_hop = note.next_hop,
            .mtu = note.mtu,
            .waits_until = note.waits_until,
            .source = note.source,
            .local_address = note.local_address,
            .bytes = {rte_pktmbuf_mtod(mbuf, const uint8_t*), mbuf->data_len}};
  if (note.neighbour != kNoNeighbourIndex) punt.next_hop = neighbours.AddressOf(note.neighbour);
  return punt;
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PUNT_H_
