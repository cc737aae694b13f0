// Encapsulate: into a message of the peer's session, and out to the underlay.
//
//   1. the worker that sends its flow      5. take a counter: from here on the packet is sent
//   2. the session to send on              6. seal the burst
//   3. the next hop's MAC                  7. stamp the headers in front
//   4. does it fit the path?
//
// Exits:
//   the frame → Transmit
//   another worker sends its flow → HandOver
//   none has → PuntPacket(kNeedSession)         too big, don't fragment → PuntPacket(kTooBig)
//   the next hop's MAC is not known → PuntNeedNeighbour
//   Drop: kNoBuffer, kCounterSpent; of the control thread's own messages: kNoSession, kNoNeighbour

#include <rte_prefetch.h>

#include <span>

#include "dataplane/fragment.h"
#include "dataplane/mbuf_bytes.h"
#include "dataplane/rewrite.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kRenewReminder = 1u << 20;  // messages between two kCounterHigh

// The newest session once the other side has shown that it has it, until then the one before.
Session* PickSession(const WorkerState& w, PeerIndex peer) {
  // Pairs with SessionTable::ChooseSending(): the sessions' fields are there.
  Session* newest = w.sending[peer].newest.load(std::memory_order_acquire);
  if (newest == nullptr) return nullptr;
  if (MaySend(*newest, w.now)) [[likely]]
    return newest;
  Session* older = w.sending[peer].older.load(std::memory_order_acquire);
  return older != nullptr && MaySend(*older, w.now) ? older : nullptr;
}

void Prefetch(const Session& session) {
  rte_prefetch0(&session.next_counter);
  rte_prefetch0(session.send_key);
  rte_prefetch0(session.send_key + kCacheLine);  // the template
}

void GiveTo(WorkerState& w, const Packet& packet, WorkerIndex to) {
  PacketNote& note = NoteOf(packet.mbuf);
  note.kind = PacketNote::Kind::kPacket;
  note.from = packet.from;
  // The note of one that was reinjected stays: it may have to wait again.
  if (packet.arrival == Arrival::kDevice) note.waits_until = {};
  note.arrival = Arrival::kHandedOver;
  HandOver(w, to, packet.mbuf);
}

// A port with fewer queues than there are workers gives packets to some of them only. Those spread the
// flows, or one tunnel would never use more workers than the port has queues. The port's own hash, where
// there is one, knows nothing of who has a session.
bool IsToBeSpread(const WorkerState& w, const Packet& packet) {
  return packet.port != kNoPort && w.ports[packet.port]->queues() < w.workers;
}

// Gives a packet to the worker that sends its flow; false where that is this one, or where no worker
// has a session with the peer.
bool Spread(WorkerState& w, const Packet& packet) {
  const uint64_t workers = w.sessions->WorkersOf(packet.route->index);
  if (workers == 0) return false;
  const WorkerIndex to = WorkerOfFlow(FlowHash(BytesOf(packet.mbuf), packet.ip), workers);
  if (to == w.index) return false;
  GiveTo(w, packet, to);
  return true;
}

// This worker has no session with the peer: another may, or the control thread makes one. A flow
// always goes to the same worker, so that it stays in order.
void SendElsewhere(WorkerState& w, const Packet& packet) {
  const PeerIndex peer = packet.route->index;
  const uint64_t others = w.sessions->WorkersOf(peer) & ~(uint64_t{1} << w.index);
  if (others == 0 || packet.arrival == Arrival::kHandedOver) {
    return PuntPacket(w, packet, PuntKind::kNeedSession, peer);
  }
  GiveTo(w, packet, WorkerOfFlow(FlowHash(BytesOf(packet.mbuf), packet.ip), others));
}

// The next counter; past kCounterLastMessage where the session has sent all it may.
uint32_t TakeCounter(WorkerState& w, Session& session) {
  const uint32_t counter = session.next_counter.Get();
  if (counter > kCounterLastMessage) [[unlikely]]
    return counter;
  session.next_counter.Set(counter + 1);
  if (counter >= kCounterRenew && (counter - kCounterRenew) % kRenewReminder == 0) [[unlikely]] {
    Report(w, SessionEvent::Kind::kCounterHigh, session);
  }
  return counter;
}

// Headers in front and a tag behind. False where there is no buffer for a copy.
bool MakeRoom(WorkerState& w, rte_mbuf** mbuf) {
  if (HasRoom(*mbuf)) [[likely]]
    return true;
  rte_mbuf* moved = MoveToOwnBuffer(w.pool, *mbuf);
  if (moved == nullptr) return false;
  *mbuf = moved;
  return true;
}

void Seal(WorkerState& w) {
  List<Message, kBurst>& messages = w.burst.messages;
  crypto::AeadMessage sealing[kBurst];
  for (uint32_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    sealing[i].key = message.session->send_key;
    sealing[i].counter = message.counter;
    sealing[i].text = BytesOf(message.mbuf);
    sealing[i].text_size = message.mbuf->data_len;
    sealing[i].aad_size = kHeaderSize;  // the counter without the direction bit
    StoreBe32(sealing[i].aad.data(), message.counter);
  }
  w.engine->Seal(std::span(sealing, messages.size()));
  w.stats.sealed.Add(messages.size());
}

void StampAndSend(WorkerState& w, const Message& message) {
  const Session& session = *message.session;
  rte_mbuf* mbuf = message.mbuf;
  const uint32_t size = mbuf->data_len + uint32_t{kTagSize};
  uint8_t* frame = StampHeader(session.header, BytesOf(mbuf), size,
                               EncodeHeader({session.send_direction, message.counter}), message.ecn,
                               session.udp_checksum);
  SetDestinationMac(frame, message.next_hop);
  SetData(mbuf, -int32_t{session.header.size}, session.header.size + size);
  const Port& port = *w.ports[session.port];
  mbuf->ol_flags = 0;
  if (session.udp_checksum == UdpChecksum::kDevice) {
    mbuf->ol_flags = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
    mbuf->l2_len = port.ethernet_size();
    mbuf->l3_len = kIpv6Size;
  }
  Transmit(w, port, mbuf);
}

void SealAndSend(WorkerState& w) {
  if (w.burst.messages.empty()) return;
  Seal(w);
  for (const Message& message : w.burst.messages) StampAndSend(w, message);
  w.burst.messages.Clear();
}

// From here on the packet counts as sent on `session`.
void Commit(WorkerState& w, const Packet& packet, Session& session, const MacAddress& next_hop) {
  rte_mbuf* mbuf = packet.mbuf;
  if (!MakeRoom(w, &mbuf)) return Drop(w, mbuf, DropReason::kNoBuffer);
  const uint32_t counter = TakeCounter(w, session);
  if (counter > kCounterLastMessage) return Drop(w, mbuf, DropReason::kCounterSpent);
  uint8_t* bytes = BytesOf(mbuf);
  DecrementTtl(bytes, packet.ip);
  if (w.clamp_mss && packet.ip.protocol == kProtocolTcp) {
    ClampMss(bytes, packet.ip, session.max_inner);
  }
  session.tx_packets.Add(1);
  session.tx_bytes.Add(packet.ip.size);
  session.last_tx.Set(w.now);
  if (packet.from != kNoPeer) w.stats.relayed.Add(1);
  if (w.burst.messages.room() == 0) SealAndSend(w);
  Message* message = w.burst.messages.Grow();
  message->mbuf = mbuf;
  message->session = &session;
  message->counter = counter;
  message->ecn = EcnToOuter(packet.ip.ecn);
  message->next_hop = next_hop;
}

void CommitFragments(WorkerState& w, const Packet& packet, Session& session,
                     const MacAddress& next_hop) {
  Packet fragments[kMaxFragments];
  const uint32_t n = FragmentPacket(w.pool, packet, session.max_inner, fragments);
  if (n == 0) return Drop(w, packet.mbuf, DropReason::kNoBuffer);
  Take(w, n);
  for (uint32_t i = 0; i < n; ++i) Commit(w, fragments[i], session, next_hop);
  Replace(w, packet.mbuf);
}

void EncapsulateOne(WorkerState& w, const Packet& packet) {
  if (IsToBeSpread(w, packet) && Spread(w, packet)) return;
  Session* session = PickSession(w, packet.route->index);
  if (session == nullptr) [[unlikely]]
    return SendElsewhere(w, packet);
  MacAddress next_hop;
  if (!w.neighbours->at(session->next_hop).Load(&next_hop)) [[unlikely]] {
    return PuntNeedNeighbour(w, packet, *session);
  }
  if (packet.ip.size <= session->max_inner) [[likely]] {
    return Commit(w, packet, *session, next_hop);
  }
  if (MayFragment(packet)) return CommitFragments(w, packet, *session, next_hop);
  PuntPacket(w, packet, PuntKind::kTooBig, packet.from, static_cast<uint16_t>(session->max_inner));
}

}  // namespace

void Encapsulate(WorkerState& w) {
  List<Packet*, kBurst>& packets = w.burst.to_peers;
  if (packets.empty()) return;
  for (const Packet* packet : packets) {
    const Session* session = w.sending[packet->route->index].newest.load(std::memory_order_acquire);
    if (session != nullptr) Prefetch(*session);
  }
  for (const Packet* packet : packets) EncapsulateOne(w, *packet);
  packets.Clear();
  SealAndSend(w);
}

void EncapsulateMessage(WorkerState& w, rte_mbuf* mbuf, SessionRef ref) {
  Session* session = w.sessions->FindForWorker(ref);
  if (session == nullptr) return Drop(w, mbuf, DropReason::kNoSession);
  MacAddress next_hop;
  if (!w.neighbours->at(session->next_hop).Load(&next_hop)) {
    return Drop(w, mbuf, DropReason::kNoNeighbour);
  }
  const uint32_t counter = TakeCounter(w, *session);
  if (counter > kCounterLastMessage) return Drop(w, mbuf, DropReason::kCounterSpent);
  w.burst.messages.Add({.mbuf = mbuf,
                        .session = session,
                        .counter = counter,
                        .ecn = kEcnNotEct,
                        .next_hop = next_hop});
  SealAndSend(w);
}

}  // namespace noisegate::dataplane
