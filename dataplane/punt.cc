// Punt: to the control thread, within a budget, with a note that says why.
//
// Exits:
//   the punt ring
//   Drop: kInitLimited, kPuntLimited, kBareClose, kQueueFull; and where the packet's own reason tells more than the
//         budget does, that one: kNoSession, kNoRoute, kTooBig, kTtlExpired

#include "dataplane/punt.h"

#include <rte_ring.h>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

// What a packet counts as when the control thread is not bothered with it.
DropReason ReasonOf(PuntKind kind) {
  switch (kind) {
    case PuntKind::kTooBig:
      return DropReason::kTooBig;
    case PuntKind::kTtlExpired:
      return DropReason::kTtlExpired;
    case PuntKind::kNoRoute:
      return DropReason::kNoRoute;
    case PuntKind::kNoSession:
      return DropReason::kNoSession;
    default:
      return DropReason::kPuntLimited;
  }
}

// The note, cleared but for what every punt says.
PacketNote& Note(const WorkerState& w, rte_mbuf* mbuf, PuntKind kind, PortIndex port) {
  PacketNote& note = NoteOf(mbuf);
  note = {};
  note.kind = PacketNote::Kind::kPunt;
  note.punt = kind;
  note.worker = w.index;
  note.port = port;
  return note;
}

void Enqueue(WorkerState& w, rte_mbuf* mbuf) {
  if (rte_ring_enqueue(w.punts, mbuf) != 0) return Drop(w, mbuf, DropReason::kQueueFull);
  GiveUp(w, 1);
  w.stats.punted.Add(1);
}

// Whether only a host on the link itself can have sent it: ARP, or IPv6 that no router has forwarded, as
// neighbour discovery must be (RFC 4861 7.1).
bool IsOfLink(rte_mbuf* frame) {
  const uint8_t* bytes = BytesOf(frame);
  EthernetFrame ethernet;
  if (!ParseEthernet(bytes, frame->data_len, &ethernet)) return false;
  if (ethernet.ether_type == kEtherTypeArp) return true;
  return ethernet.ether_type == kEtherTypeIpv6 &&
         frame->data_len >= ethernet.l3_offset + kIpv6Size && bytes[ethernet.l3_offset + 7] == 255;
}

// A packet's time to wait began when it first had to.
TimePoint WaitsUntil(const Packet& packet) {
  return packet.arrival == Arrival::kDevice ? TimePoint{} : NoteOf(packet.mbuf).waits_until;
}

PacketNote& NoteNeedNeighbour(const WorkerState& w, const Packet& packet, PortIndex port) {
  const TimePoint waits_until = WaitsUntil(packet);
  PacketNote& note = Note(w, packet.mbuf, PuntKind::kNeedNeighbour, port);
  note.peer = note.from = packet.from;
  note.waits_until = waits_until;
  return note;
}

IpAddress DestinationOf(const uint8_t* outer_ip) {
  IpPacket ip;
  ip.version = outer_ip[0] >> 4;
  return DestinationAddress(outer_ip, ip);
}

void EnqueueHandshake(WorkerState& w, const Port& port, rte_mbuf* mbuf, const Endpoint& source,
                      const uint8_t* outer_ip) {
  PacketNote& note = Note(w, mbuf, PuntKind::kHandshake, port.index());
  note.source = source;
  note.local_address = DestinationOf(outer_ip);
  Enqueue(w, mbuf);
}

}  // namespace

void PuntPacket(WorkerState& w, const Packet& packet, PuntKind kind, PeerIndex peer, uint16_t mtu) {
  const bool admitted =
      kind == PuntKind::kNeedSession || kind == PuntKind::kLocal
          ? w.budget->Admit(kind, peer, w.now)
          : w.budget->Admit(kind, SourceWords(BytesOf(packet.mbuf), packet.ip.is_v4()), w.now);
  if (!admitted) return Drop(w, packet.mbuf, ReasonOf(kind));
  const TimePoint waits_until = WaitsUntil(packet);
  PacketNote& note = Note(w, packet.mbuf, kind, packet.port);
  note.waits_until = waits_until;
  note.peer = peer;
  note.from = packet.from;
  note.mtu = mtu;
  Enqueue(w, packet.mbuf);
}

void PuntNeedNeighbour(WorkerState& w, const Packet& packet, PortIndex port,
                       const IpAddress& next_hop) {
  if (!w.budget->Admit(PuntKind::kNeedNeighbour, AddressWords::Of(next_hop), w.now)) {
    return Drop(w, packet.mbuf, DropReason::kPuntLimited);
  }
  NoteNeedNeighbour(w, packet, port).next_hop = next_hop;
  Enqueue(w, packet.mbuf);
}

void PuntNeedNeighbour(WorkerState& w, const Packet& packet, const Session& session) {
  if (!w.budget->Admit(PuntKind::kNeedNeighbour, session.peer, w.now)) {
    return Drop(w, packet.mbuf, DropReason::kPuntLimited);
  }
  NoteNeedNeighbour(w, packet, session.port).neighbour = session.next_hop;
  Enqueue(w, packet.mbuf);
}

void PuntFrame(WorkerState& w, const Port& port, rte_mbuf* frame) {
  if (!w.budget->AdmitFrame(port.index(), IsOfLink(frame), w.now)) {
    return Drop(w, frame, DropReason::kPuntLimited);
  }
  Note(w, frame, PuntKind::kControl, port.index());
  Enqueue(w, frame);
}

void PuntHandshake(WorkerState& w, const Port& port, rte_mbuf* mbuf, uint32_t counter,
                   const Endpoint& source, const uint8_t* outer_ip) {
  if (const std::optional<DropReason> refused =
          w.budget->RefuseHandshake(counter, source.address, w.now, w.known_endpoints);
      refused.has_value()) {
    return Drop(w, mbuf, *refused);
  }
  EnqueueHandshake(w, port, mbuf, source, outer_ip);
}

void PuntBareClose(WorkerState& w, const Port& port, rte_mbuf* mbuf, const Endpoint& source,
                   const uint8_t* outer_ip) {
  if (!w.budget->AdmitNoSession(source.address, w.now, w.known_endpoints)) {
    return Drop(w, mbuf, DropReason::kBareClose);
  }
  EnqueueHandshake(w, port, mbuf, source, outer_ip);
}

void PuntNoSession(WorkerState& w, const Datagram& datagram) {
  const Endpoint source = RemoteOf(datagram.key);
  rte_mbuf* mbuf = datagram.mbuf;
  if (!w.budget->AdmitNoSession(source.address, w.now, w.known_endpoints)) {
    return Drop(w, mbuf, ReasonOf(PuntKind::kNoSession));
  }
  PacketNote& note = Note(w, mbuf, PuntKind::kNoSession, datagram.port);
  note.source = source;
  note.local_address = DestinationOf(datagram.bytes - datagram.outer_ip_back);
  Enqueue(w, mbuf);
}

bool Report(WorkerState& w, SessionEvent::Kind kind, const Session& session) {
  return rte_ring_enqueue(w.events, EncodeEvent({kind, w.sessions->RefOf(session)})) == 0;
}

}  // namespace noisegate::dataplane
