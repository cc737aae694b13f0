// FindSessions and Decapsulate: find the session, open, and take each counter once.
//
//   1. look all sessions up in bulk        4. open what failed under the previous session
//   2. replay filter and expiry            5. take the counter, note the session alive
//   3. open the burst under the current    6. check that the message is one whole IP packet
//
// Exits:
//   an inner packet → burst.packets
//   no session → PuntNoSession
//   Drop: kExpiredSession, kReplayed, kBadTag, kKeepAlive, kInnerMalformed, kCongested
//
// Nothing that fails authentication changes a session (protocol.md, 2).

#include <rte_prefetch.h>

#include <span>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/rewrite.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

// Datagrams that are being opened, message i being that of datagrams[i].
struct Opening {
  uint32_t n = 0;
  Datagram* datagrams[kBurst];
  crypto::AeadMessage messages[kBurst];

  void Add(Datagram& datagram, const Session& session) {
    datagrams[n] = &datagram;
    crypto::AeadMessage& message = messages[n++];
    message.key = session.receive_key;
    message.counter = datagram.counter;
    message.text = datagram.bytes + kHeaderSize;
    message.text_size = datagram.size - static_cast<uint32_t>(kOverhead);
    message.aad_size = kHeaderSize;  // the counter without the direction bit
    StoreBe32(message.aad.data(), datagram.counter);
    message.ok = false;
  }
};

bool IsExpired(const Session& session, uint64_t now) { return now >= session.receive_until; }

// Whether `datagram` could be one of the session's.
bool MayOpen(const WorkerState& w, const Datagram& datagram, const Session& session) {
  return !IsExpired(session, w.now) && session.window.Check(datagram.counter);
}

// The session that `session` replaced, where the datagram could be one of that one's: while a
// session rolls over, datagrams of both are on the way.
Session* PreviousOf(const WorkerState& w, const Datagram& datagram, const Session& session) {
  // Pairs with SessionTable's release: the fields of what it points at are there.
  Session* previous = session.previous.load(std::memory_order_acquire);
  return previous != nullptr && MayOpen(w, datagram, *previous) ? previous : nullptr;
}

// Lets sending move to our session, as the other side has it, and tells the control thread once. In
// this order: `confirmed` is what the control thread looks at when it reads the event.
void Confirm(WorkerState& w, Session& session) {
  session.confirmed.Set(1);
  if (!Report(w, SessionEvent::Kind::kConfirmed, session)) return;  // the next message tries again
  session.awaits_confirmation = 0;
}

// An authentic message: its text is the mbuf's data.
void Accept(WorkerState& w, const Datagram& datagram, Session& session) {
  rte_mbuf* mbuf = datagram.mbuf;
  if (!session.window.Accept(datagram.counter)) return Drop(w, mbuf, DropReason::kReplayed);
  if (session.awaits_confirmation != 0) [[unlikely]]
    Confirm(w, session);
  const uint32_t size = datagram.size - static_cast<uint32_t>(kOverhead);
  w.stats.opened.Add(1);
  session.rx_packets.Add(1);
  session.rx_bytes.Add(size);
  session.last_rx.Set(w.now);
  if (size == 0) return Drop(w, mbuf, DropReason::kKeepAlive);
  session.last_data_rx.Set(w.now);

  SetData(mbuf, kHeaderSize, size);
  uint8_t* bytes = datagram.bytes + kHeaderSize;
  // Written where it stays: a copy of what was stored in small pieces waits for all of them.
  Packet* packet = w.burst.packets.end();
  IpPacket& ip = packet->ip;
  if (!ParseIp(bytes, size, &ip) || ip.size != size) {
    return Drop(w, mbuf, DropReason::kInnerMalformed);
  }
  const uint8_t ecn = CombineEcn(datagram.ecn, ip.ecn);
  if (ecn == kEcnDrop) [[unlikely]]
    return Drop(w, mbuf, DropReason::kCongested);
  SetEcn(bytes, ip, ecn);
  ip.ecn = ecn;
  if (w.clamp_mss && ip.protocol == kProtocolTcp) ClampMss(bytes, ip, session.max_inner);
  packet->mbuf = mbuf;
  packet->from = session.peer;
  packet->port = kNoPort;
  packet->ethernet_size = 0;
  packet->arrival = Arrival::kDevice;
  w.burst.packets.Grow();
}

// A datagram that may be one of the session's before.
struct Retry {
  Datagram* datagram;
  Session* previous;
};
using Retries = List<Retry, kBurst>;

void OpenUnderPrevious(WorkerState& w, Retries& retries) {
  Opening opening;
  for (const Retry& retry : retries) opening.Add(*retry.datagram, *retry.previous);
  w.engine->Open(std::span(opening.messages, opening.n));
  for (uint32_t i = 0; i < opening.n; ++i) {
    if (opening.messages[i].ok) {
      Accept(w, *retries[i].datagram, *retries[i].previous);
    } else {
      Drop(w, retries[i].datagram->mbuf, DropReason::kBadTag);
    }
  }
}

}  // namespace

void FindSessions(WorkerState& w) {
  void* sessions[kBurst];
  List<Datagram, kBurst>& datagrams = w.burst.datagrams;
  if (datagrams.empty()) return;
  w.receiving->FindBulk(&datagrams[0].key, datagrams.size(), sessions, sizeof(Datagram));
  for (uint32_t i = 0; i < datagrams.size(); ++i) {
    Session* session = static_cast<Session*>(sessions[i]);
    datagrams[i].session = session;
    if (session == nullptr) continue;
    rte_prefetch0(session);
    rte_prefetch0(session->receive_key);
    session->window.Prefetch(datagrams[i].counter);
  }
}

void Decapsulate(WorkerState& w) {
  if (w.burst.datagrams.empty()) return;
  Opening current;
  Retries retries;
  for (Datagram& datagram : w.burst.datagrams) {
    Session* session = datagram.session;
    if (session == nullptr) {
      PuntNoSession(w, datagram);
    } else if (MayOpen(w, datagram, *session)) [[likely]] {
      current.Add(datagram, *session);
    } else if (Session* before = PreviousOf(w, datagram, *session); before != nullptr) {
      retries.Add({&datagram, before});
    } else {
      Drop(w, datagram.mbuf,
           IsExpired(*session, w.now) ? DropReason::kExpiredSession : DropReason::kReplayed);
    }
  }

  w.engine->Open(std::span(current.messages, current.n));
  for (uint32_t i = 0; i < current.n; ++i) {
    Datagram& datagram = *current.datagrams[i];
    if (current.messages[i].ok) [[likely]] {
      Accept(w, datagram, *datagram.session);
    } else if (Session* before = PreviousOf(w, datagram, *datagram.session); before != nullptr) {
      retries.Add({&datagram, before});
    } else {
      Drop(w, datagram.mbuf, DropReason::kBadTag);
    }
  }
  if (!retries.empty()) [[unlikely]] OpenUnderPrevious(w, retries);
  w.burst.datagrams.Clear();
}

}  // namespace noisegate::dataplane
