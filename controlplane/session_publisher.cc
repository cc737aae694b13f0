#include "controlplane/session_publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

std::optional<TimePoint> SeenAt(TimePoint time) {
  if (time == TimePoint{}) return std::nullopt;
  return time;
}

}  // namespace

SessionPublisher::SessionPublisher(dataplane::Dataplane& dataplane, SessionMachine& machine,
                                   const PeerRegistry& registry, DataPathSwarm& swarm,
                                   Neighbours& neighbours,
                                   std::function<void(dataplane::PeerIndex)> sendable)
    : dataplane_(dataplane),
      machine_(machine),
      registry_(registry),
      swarm_(swarm),
      neighbours_(neighbours),
      sendable_(std::move(sendable)) {}

SessionPublisher::~SessionPublisher() {
  for (auto& [id, session] : sessions_) Retire(session);
}

absl::Status SessionPublisher::Up(TimePoint now, const SessionUp& up) {
  const PeerRegistry::Peer* peer = registry_.Find(up.peer);
  if (peer == nullptr) return absl::NotFoundError("the peer has just been removed");
  const std::optional<UnderlayRoutes::Hop> hop = swarm_.HopTo(up.path);
  if (!hop) {
    return absl::NotFoundError(
        absl::StrCat("no underlay port leads to ", up.path.remote.ToString()));
  }
  auto next_hop = neighbours_.Hold(hop->port, hop->next_hop);
  if (!next_hop.ok()) return next_hop.status();

  dataplane::SessionParams params;
  params.peer = peer->index;
  params.worker = up.path.stripe;
  params.port = hop->port;
  params.local_address = hop->local_address;
  params.remote = up.path.remote;
  params.next_hop = *next_hop;
  params.role = up.role;
  params.send_key = up.send_key.Clone();
  params.receive_key = up.receive_key.Clone();
  params.confirmed = up.confirmed;
  params.send_until = up.send_until;
  params.receive_until = up.receive_until;
  params.path_mtu = hop->mtu;
  auto ref = dataplane_.Publish(params);
  if (!ref.ok()) {
    neighbours_.Release(hop->port, hop->next_hop);
    return ref.status();
  }

  Published& session = sessions_[up.id];
  session.id = up.id;
  session.ref = *ref;
  session.peer = up.peer;
  session.peer_index = peer->index;
  session.path = up.path;
  session.hop = *hop;
  session.role = up.role;
  session.capabilities = up.capabilities;
  session.since = now;
  session.send_until = up.send_until;
  session.receive_until = up.receive_until;
  session.confirmed = up.confirmed;
  by_index_[ref->index] = up.id;
  by_path_[up.path].push_back(up.id);
  swarm_.Pin(up.path, *hop);

  PeerRecord& record = records_[up.peer];
  ++record.handshakes;
  record.sessions.push_back(up.id);
  record.last_handshake = now;
  record.last_endpoint = up.path.remote;
  record.capabilities = up.capabilities;
  if (up.confirmed) {
    UpdateSendsUntil(up.peer);
    sendable_(peer->index);
  }
  return absl::OkStatus();
}

void SessionPublisher::SetSending(Published& session) {
  (void)dataplane_.HoldSending(session.ref, session.held || session.spent);
  UpdateSendsUntil(session.peer);
}

void SessionPublisher::UpdateSendsUntil(const crypto::PeerId& peer) {
  const auto record = records_.find(peer);
  if (record == records_.end()) return;
  record->second.sends_until = {};
  for (const SessionId id : record->second.sessions) {
    const Published& session = sessions_.at(id);
    if (!session.confirmed || session.held || session.spent) continue;
    record->second.sends_until = std::max(record->second.sends_until, session.send_until);
  }
}

bool SessionPublisher::CanSend(TimePoint now, const crypto::PeerId& peer) const {
  const PeerRecord* record = RecordOf(peer);
  return record != nullptr && now < record->sends_until;
}

void SessionPublisher::SendEmpty(TimePoint now, SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  found->second.last_empty = now;
  // Best effort, as every datagram: a lost confirmation is made good by the next message.
  (void)dataplane_.SendMessage(found->second.ref, {});
}

void SessionPublisher::Down(const SessionDown& down) {
  const auto found = sessions_.find(down.id);
  if (found == sessions_.end()) return;
  Retire(found->second);
  sessions_.erase(found);
  UpdateSendsUntil(down.peer);
}

void SessionPublisher::Retire(Published& session) {
  session.counters = dataplane_.ReadSession(session.ref);
  if (const auto found = records_.find(session.peer); found != records_.end()) {
    PeerRecord& record = found->second;
    std::erase(record.sessions, session.id);
    record.rx_packets += session.counters.rx_packets;
    record.rx_bytes += session.counters.rx_bytes;
    record.tx_packets += session.counters.tx_packets;
    record.tx_bytes += session.counters.tx_bytes;
  }
  const absl::Status retired = dataplane_.Retire(session.ref);
  assert(retired.ok());
  (void)retired;
  by_index_.erase(session.ref.index);
  const auto of_path = by_path_.find(session.path);
  std::erase(of_path->second, session.id);
  if (of_path->second.empty()) by_path_.erase(of_path);
  swarm_.Unpin(session.path);
  neighbours_.Release(session.hop.port, session.hop.next_hop);
}

void SessionPublisher::Hold(const HoldSending& hold) {
  const auto of_path = by_path_.find(hold.path);
  if (of_path == by_path_.end()) return;
  for (const SessionId id : of_path->second) {
    Published& session = sessions_.at(id);
    session.held = hold.hold;
    SetSending(session);
    if (!hold.hold) sendable_(session.peer_index);
  }
}

void SessionPublisher::HandleEvents(TimePoint now, size_t limit) {
  dataplane_.DrainEvents(limit, [&](const dataplane::SessionEvent& event) {
    const auto id = by_index_.find(event.session.index);
    if (id == by_index_.end()) return;
    const auto found = sessions_.find(id->second);
    // The slot may have been given out again since the worker wrote.
    if (found == sessions_.end() || !(found->second.ref == event.session)) return;
    switch (event.kind) {
      case dataplane::SessionEvent::Kind::kConfirmed:
        machine_.SessionConfirmed(now, found->first);
        found->second.confirmed = true;
        UpdateSendsUntil(found->second.peer);
        sendable_(found->second.peer_index);
        break;
      case dataplane::SessionEvent::Kind::kCounterHigh:
        machine_.Renew(now, found->first);
        break;
    }
  });
}

void SessionPublisher::ReportTraffic(TimePoint now) {
  if (to_report_.empty()) {
    if (now < round_end_) return;
    round_end_ = now + kReportInterval;
    to_report_.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_) to_report_.push_back(id);
  }
  // As many as keep the round in time; a turn takes about a millisecond.
  const size_t share = sessions_.size() / (kReportInterval / std::chrono::milliseconds(1)) + 16;
  for (size_t i = 0; i < share && !to_report_.empty(); ++i) {
    const auto found = sessions_.find(to_report_.back());
    to_report_.pop_back();
    if (found != sessions_.end()) Report(now, found->second);
  }
}

void SessionPublisher::Report(TimePoint now, Published& session) {
  session.counters = dataplane_.ReadSession(session.ref);
  SessionTraffic traffic;
  traffic.last_rx = SeenAt(session.counters.last_rx);
  traffic.last_data_rx = SeenAt(session.counters.last_data_rx);
  traffic.last_data_tx = SeenAt(session.counters.last_tx);
  traffic.last_tx = traffic.last_data_tx;
  traffic.next_counter = session.counters.next_counter;
  if (traffic.last_rx) {
    neighbours_.Confirm(session.hop.port, session.hop.next_hop, *traffic.last_rx);
  }
  if (!session.spent && (now >= session.send_until ||
                         session.counters.next_counter > dataplane::kCounterLastMessage)) {
    // Other workers may have sessions with the peer that can still be sent on: theirs is the flow now.
    session.spent = true;
    SetSending(session);
  }
  machine_.ReportTraffic(now, session.id, traffic);
  KeepAlive(now, session);
}

void SessionPublisher::KeepAlive(TimePoint now, Published& session) {
  const PeerRegistry::Peer* peer = registry_.Get(session.peer_index);
  if (peer == nullptr || peer->config.keep_alive.count() == 0) return;
  if (!session.counters.confirmed || now >= session.send_until) return;
  const TimePoint last_sent =
      std::max({session.since, session.last_empty, session.counters.last_tx});
  if (now - last_sent >= peer->config.keep_alive) SendEmpty(now, session.id);
}

void SessionPublisher::ReadAll() {
  for (auto& [id, session] : sessions_) session.counters = dataplane_.ReadSession(session.ref);
}

const SessionPublisher::PeerRecord* SessionPublisher::RecordOf(const crypto::PeerId& peer) const {
  const auto found = records_.find(peer);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace noisegate::controlplane
