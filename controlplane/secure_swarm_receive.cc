// What comes in: datagrams from the network, and from the machine events and what it wants sent.
#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "controlplane/sealed_datagram.h"
#include "controlplane/secure_swarm.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;

constexpr size_t kMaxEarly = 8;  // messages of one endpoint that wait for their session

}  // namespace

void SecureSwarm::HandleDatagram(const Path& path, std::span<const uint8_t> datagram) {
  if (closed_) return;
  if (datagram.size() < dataplane::kHeaderSize) return Drop(DropReason::kTruncated);
  if (!HeaderOf(datagram).is_message()) {
    machine_.HandleDatagram(now_, path, datagram);
    DrainMachine();
  } else if (datagram.size() < dataplane::kOverhead) {
    Drop(DropReason::kTruncated);
  } else {
    HandleTransport(path, datagram);
  }
}

void SecureSwarm::HandleTransport(const Path& path, std::span<const uint8_t> datagram) {
  const auto failure = OpenAndDeliver(path, datagram);
  if (!failure) return;
  if (!KeepEarly(path, datagram, *failure)) Drop(*failure);
  if (*failure == DropReason::kNoSession) {
    machine_.HandleNoSession(now_, path, datagram);
    DrainMachine();
  }
}

// During a rollover several sessions of one direction are up, and only trying tells whose it is.
std::optional<DropReason> SecureSwarm::OpenAndDeliver(const Path& path,
                                                      std::span<const uint8_t> datagram) {
  const auto channel = channels_.find(path.remote);
  if (channel == channels_.end()) return DropReason::kNoSession;
  DropReason reason = DropReason::kNoSession;
  std::vector<uint8_t> message;
  for (SwarmSession* session : channel->second.sessions) {
    if (!session->MayHaveSent(path.stripe, HeaderOf(datagram))) continue;
    const auto failure = session->Open(now_, datagram, &message);
    if (!failure) {
      Deliver(*session, message);
      return std::nullopt;
    }
    reason = *failure;
  }
  return reason;
}

// Only from where we have dialled, so strangers cannot make us keep anything.
bool SecureSwarm::KeepEarly(const Path& path, std::span<const uint8_t> datagram,
                            DropReason reason) {
  const bool of_unknown_key = reason == DropReason::kNoSession || reason == DropReason::kBadTag;
  const auto channel = channels_.find(path.remote);
  if (!of_unknown_key || channel == channels_.end() || !channel->second.dialled ||
      HeaderOf(datagram).direction != dataplane::Direction::kResponderToInitiator) {
    return false;
  }
  std::vector<Early>& early = channel->second.early;
  if (early.size() == kMaxEarly) {
    Drop(early.front().reason);
    early.erase(early.begin());
  }
  early.push_back({path, {datagram.begin(), datagram.end()}, reason});
  return true;
}

void SecureSwarm::RetryEarly() {
  for (const Early& early : std::exchange(retries_, {})) {
    if (!closed_ && OpenAndDeliver(early.path, early.datagram)) Drop(early.reason);
  }
}

void SecureSwarm::Deliver(SwarmSession& session, std::span<const uint8_t> message) {
  const PeerAddress source = session.address();
  touched_.push_back(session.id());
  if (!message.empty()) channels_[source.endpoint].last_message = now_;
  if (!session.confirmed()) {
    session.set_confirmed();
    machine_.SessionConfirmed(now_, session.id());
    Activate(session);
    DrainMachine();
  }
  if (message.empty()) return Drop(DropReason::kKeepAlive);
  ++counters_.received;
  // Last, as it may change everything: it may Tell or Close.
  if (receiver_) receiver_({source, message});
}

// --- The machine's events ---

// From now on what there is to send goes out on `session`; the one before still receives.
void SecureSwarm::Activate(SwarmSession& session) {
  Channel& channel = channels_[session.path().remote];
  const auto position = std::find(channel.sessions.begin(), channel.sessions.end(), &session);
  assert(position != channel.sessions.end());
  std::rotate(channel.sessions.begin(), position, position + 1);
  channel.held = false;
  SendWaiting(session);
}

void SecureSwarm::Handle(SessionUp& up) {
  auto owned = std::make_unique<SwarmSession>(std::move(up));
  SwarmSession& session = *owned;
  sessions_[session.id()] = std::move(owned);
  Channel& channel = channels_[session.path().remote];
  channel.sessions.push_back(&session);
  std::move(channel.early.begin(), channel.early.end(), std::back_inserter(retries_));
  channel.early.clear();
  if (session.confirmed()) Activate(session);
}

void SecureSwarm::Handle(const SessionDown& down) {
  const auto found = sessions_.find(down.id);
  if (found == sessions_.end()) return;
  Channel& channel = channels_[down.path.remote];
  std::erase(channel.sessions, found->second.get());
  sessions_.erase(found);
  // Who said goodbye need not be dialled before there is something to say.
  if (down.cause == DownCause::kClosedByPeer && channel.sessions.empty()) {
    LetGo(down.path.remote, channel);
  }
  EraseIfUnused(down.path.remote);
}

void SecureSwarm::Handle(const SendEmptyMessage& empty) {
  const auto found = sessions_.find(empty.id);
  if (found != sessions_.end() && found->second->CanSend(now_)) {
    Send(*found->second, {}).IgnoreError();  // as good as lost on the way
  }
}

void SecureSwarm::Handle(const HoldSending& hold) {
  const auto found = channels_.find(hold.path.remote);
  if (found == channels_.end()) return;
  found->second.held = hold.hold;
  if (hold.hold) return;
  for (SwarmSession* session : found->second.sessions) {
    if (session->CanSend(now_)) return SendWaiting(*session);
  }
}

void SecureSwarm::DrainMachine() {
  Transmit transmit;
  Event event;
  for (bool more = true; more;) {
    more = false;
    while (machine_.PollTransmit(&transmit)) {
      more = true;
      // An endpoint that cannot be sent to looks like one that stays silent.
      datagrams_.Tell(transmit.path.stripe, transmit.path.remote, transmit.datagram).IgnoreError();
    }
    while (machine_.PollEvent(&event)) {
      more = true;
      std::visit([this](auto& what) { Handle(what); }, event.what);
    }
  }
}

}  // namespace noisegate::controlplane
