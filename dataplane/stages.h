// The packet's walk. Each stage is one file, takes a list, and passes every packet of it on:
//
//   underlay → ClassifyUnderlay → Decapsulate → Route → Deliver ────→ Transmit → overlay
//                                                └─ (relay) → Encapsulate → Seal → Transmit → underlay
//   overlay  → ClassifyOverlay  ──────────────→ Route → Encapsulate → Seal → Transmit → underlay
//
// or out of the walk by Drop (the one place that frees and counts), Punt (to the control thread) or
// HandOver (to another worker). No lock, allocation, system call, log or virtual call per packet.
#ifndef NOISEGATE_DATAPLANE_STAGES_H_
#define NOISEGATE_DATAPLANE_STAGES_H_

#include <cstdint>

#include "dataplane/burst.h"
#include "dataplane/packet_pool.h"
#include "dataplane/worker_state.h"

namespace noisegate::dataplane {

// classify.cc: frames as a port received them → burst.datagrams or burst.packets.
void ClassifyUnderlay(WorkerState& w, const Port& port, rte_mbuf** frames, uint32_t n);
void ClassifyOverlay(WorkerState& w, const Port& port, rte_mbuf** frames, uint32_t n);

// decapsulate.cc: burst.datagrams get their sessions, and then → burst.packets.
void FindSessions(WorkerState& w);
void Decapsulate(WorkerState& w);

// route.cc: burst.packets → burst.to_hosts and burst.to_peers.
void RoutePackets(WorkerState& w);

// deliver.cc: burst.to_hosts → Transmit.
void Deliver(WorkerState& w);

// encapsulate.cc: burst.to_peers → burst.messages, sealed → Transmit.
void Encapsulate(WorkerState& w);
// One message of the control thread's own: the mbuf's data, on exactly this session.
void EncapsulateMessage(WorkerState& w, rte_mbuf* mbuf, SessionRef session);

// transmit.cc. Frames leave when their list is full or at FlushTransmit().
inline void Transmit(WorkerState& w, const Port& port, rte_mbuf* frame);
void FlushTransmit(WorkerState& w);
void FlushPort(WorkerState& w, PortIndex port);
// For a device queue that another worker owns.
void TransmitElsewhere(WorkerState& w, const Port& port, rte_mbuf* frame);
// Gives a packet to another worker, with its note filled in.
void HandOver(WorkerState& w, WorkerIndex to, rte_mbuf* mbuf);
void FlushHandOver(WorkerState& w);

// punt.cc. Each drops instead where the kind's budget is spent or the ring is full.
// An IP packet, for kNeedSession (whom it goes to), kTooBig and kTtlExpired and kNoRoute, kLocal.
void PuntPacket(WorkerState& w, const Packet& packet, PuntKind kind, PeerIndex peer,
                uint16_t mtu = 0);
// A packet whose next hop on `port` has no known MAC: an address, or a session's neighbour.
void PuntNeedNeighbour(WorkerState& w, const Packet& packet, PortIndex port,
                       const IpAddress& next_hop);
void PuntNeedNeighbour(WorkerState& w, const Packet& packet, const Session& session);
// kControl: the frame as received.
void PuntFrame(WorkerState& w, const Port& port, rte_mbuf* frame);
// kHandshake and kNoSession: the mbuf's data is the datagram; `outer_ip` is its IP header.
void PuntHandshake(WorkerState& w, const Port& port, rte_mbuf* mbuf, uint32_t counter,
                   const Endpoint& source, const uint8_t* outer_ip);
// A close without a tag, which proves nothing: a hint, within the budget of hints.
void PuntBareClose(WorkerState& w, const Port& port, rte_mbuf* mbuf, const Endpoint& source,
                   const uint8_t* outer_ip);
void PuntNoSession(WorkerState& w, const Datagram& datagram);
// A session's state has changed. False where the ring is full.
bool Report(WorkerState& w, SessionEvent::Kind kind, const Session& session);

// The sink: counts and frees.
void Drop(WorkerState& w, rte_mbuf* mbuf, DropReason reason);
// Frees a packet whose fragments go on in its place.
void Replace(WorkerState& w, rte_mbuf* mbuf);

// The books that every burst balances; debug builds only.
inline void Take([[maybe_unused]] WorkerState& w, [[maybe_unused]] int64_t packets) {
#ifndef NDEBUG
  w.held += packets;
#endif
}
inline void GiveUp([[maybe_unused]] WorkerState& w, [[maybe_unused]] int64_t packets) {
#ifndef NDEBUG
  w.held -= packets;
#endif
}

inline void Transmit(WorkerState& w, const Port& port, rte_mbuf* frame) {
  if (port.TransmitWorker(w.index) != w.index) [[unlikely]] {
    return TransmitElsewhere(w, port, frame);
  }
  FrameList& frames = w.transmit[port.index()];
  frames.Add(frame);
  if (frames.room() == 0) FlushPort(w, port.index());
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_STAGES_H_
