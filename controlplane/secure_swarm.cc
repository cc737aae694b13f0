#include "controlplane/secure_swarm.h"

#include <poll.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/sealed_datagram.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::Endpoint;

constexpr size_t kDatagramsPerPoll = 256;  // so that a flood does not keep timers waiting
constexpr size_t kMaxEarly = 8;            // messages of one endpoint that wait for their session

}  // namespace

SecureSwarm::SecureSwarm(DatagramSwarm& datagrams, const crypto::PrivateKey& identity,
                         PeerPolicy& policy, Options options)
    : datagrams_(datagrams),
      policy_(policy),
      options_(std::move(options)),
      machine_(identity, policy,
               options_.random != nullptr ? *options_.random : crypto::SystemRandom(),
               options_.machine),
      waiting_(options_.waiting),
      now_(options_.now()),
      next_idle_check_(now_ + options_.idle) {}

SecureSwarm::~SecureSwarm() {
  undelivered_ = nullptr;  // what it refers to may be gone already
  Close();
}

// --- Telling and dialling ---

absl::Status SecureSwarm::Tell(const PeerAddress& destination, std::span<const uint8_t> bytes) {
  absl::Status status = CheckDestination(destination);
  if (!status.ok()) return status;
  if (bytes.empty()) {
    return absl::InvalidArgumentError("an empty message is never delivered: it means keep-alive");
  }
  const size_t mtu = Mtu(destination);
  if (bytes.size() > mtu) {
    return absl::InvalidArgumentError(absl::StrCat("message of ", bytes.size(), " bytes; the path to ",
                                                   destination.endpoint.ToString().c_str(),
                                                   " carries ", mtu));
  }

  now_ = options_.now();
  if (SwarmSession* session = SessionToSendOn(destination, now_)) {
    status = Send(*session, bytes);
  } else {
    status = EnsureDialled(destination);
    if (status.ok() && !waiting_.Add(now_, destination, bytes)) {
      Drop(DropReason::kNoSessionYet);
      status = absl::ResourceExhaustedError(
          absl::StrCat("too many messages wait for a session with ", destination.ToString().c_str()));
    }
  }
  if (!polling_) Settle();
  return status;
}

absl::Status SecureSwarm::Dial(const PeerAddress& address) {
  absl::Status status = CheckDestination(address);
  if (!status.ok()) return status;
  now_ = options_.now();
  if (SessionToSendOn(address, now_) == nullptr) status = EnsureDialled(address);
  if (!polling_) Settle();
  return status;
}

absl::Status SecureSwarm::CheckDestination(const PeerAddress& destination) const {
  if (closed_) return absl::FailedPreconditionError("the swarm is closed");
  if (destination.peer == machine_.local_id()) {
    return absl::InvalidArgumentError("the peer id is our own: a swarm has no session with itself");
  }
  if (Mtu(destination) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot send to ", destination.endpoint.ToString().c_str(), " from here"));
  }
  if (!policy_.Admits(destination.peer)) {
    return absl::PermissionDeniedError(
        absl::StrCat("the policy does not admit ", destination.peer.ToString().c_str()));
  }
  return absl::OkStatus();
}

// An endpoint is one peer's at a time, so dialling another peer there takes the place of the first.
absl::Status SecureSwarm::EnsureDialled(const PeerAddress& address) {
  Channel& channel = channels_[address.endpoint];
  channel.last_message = now_;
  // A held channel is in a handshake already, whoever began it.
  if (channel.dialled == address.peer || channel.held) return absl::OkStatus();
  LetGo(address.endpoint, channel);
  absl::Status status = machine_.Dial(now_, Path{0, address.endpoint}, address.peer);
  if (status.ok()) {
    channel.dialled = address.peer;
  } else {
    EraseIfUnused(address.endpoint);
  }
  return status;
}

void SecureSwarm::LetGo(const Endpoint& endpoint, Channel& channel) {
  if (!channel.dialled) return;
  machine_.Undial(Path{0, endpoint});
  channel.dialled.reset();
  for (const Early& early : std::exchange(channel.early, {})) Drop(early.reason);
}

void SecureSwarm::EraseIfUnused(const Endpoint& endpoint) {
  const auto found = channels_.find(endpoint);
  if (found == channels_.end()) return;
  if (!found->second.dialled && found->second.sessions.empty()) channels_.erase(found);
}

void SecureSwarm::LetGoOfIdle() {
  if (now_ < next_idle_check_) return;
  next_idle_check_ = now_ + options_.idle / 4;
  std::vector<Endpoint> idle;
  for (const auto& [endpoint, channel] : channels_) {
    if (channel.dialled && now_ - channel.last_message >= options_.idle) idle.push_back(endpoint);
  }
  for (const Endpoint& endpoint : idle) {
    LetGo(endpoint, channels_[endpoint]);
    EraseIfUnused(endpoint);
  }
}

// --- Sending ---

SwarmSession* SecureSwarm::SessionToSendOn(const PeerAddress& address, TimePoint now) const {
  const auto found = channels_.find(address.endpoint);
  if (found == channels_.end() || found->second.held) return nullptr;
  for (SwarmSession* session : found->second.sessions) {
    if (session->peer() == address.peer && session->CanSend(now)) return session;
  }
  return nullptr;
}

absl::Status SecureSwarm::Send(SwarmSession& session, std::span<const uint8_t> message) {
  const std::vector<uint8_t> datagram = session.Seal(now_, message);
  touched_.push_back(session.id());
  const Path& path = session.path();
  absl::Status status = datagrams_.Tell(path.stripe, path.remote, datagram);
  if (status.ok() && !message.empty()) {
    ++counters_.sent;
    channels_[path.remote].last_message = now_;
  }
  return status;
}

void SecureSwarm::SendWaiting(SwarmSession& session) {
  for (auto& message : waiting_.Take(session.address())) {
    if (!session.CanSend(now_)) {
      GiveUp(session.address(), std::move(message.bytes), DropReason::kNoSessionYet);
    } else if (!Send(session, message.bytes).ok()) {
      GiveUp(session.address(), std::move(message.bytes), DropReason::kTooBig);
    }
  }
}

void SecureSwarm::ExpireWaiting(TimePoint now, DropReason reason) {
  using Waiting = WaitingPackets<PeerAddress>::Packet;
  waiting_.Expire(now, [&](const PeerAddress& destination, Waiting& message) {
    GiveUp(destination, std::move(message.bytes), reason);
  });
}

void SecureSwarm::GiveUp(const PeerAddress& destination, std::vector<uint8_t> message,
                         DropReason reason) {
  Drop(reason);
  ++counters_.undelivered;
  if (undelivered_) given_up_.push_back({destination, std::move(message), reason});
}

// Apart from GiveUp, because the receiver may change what GiveUp's callers are working on.
void SecureSwarm::ReportUndelivered() {
  const std::vector<GivenUp> reports = std::exchange(given_up_, {});
  for (const GivenUp& report : reports) {
    undelivered_({report.destination, report.message, report.reason});
  }
}

// --- Receiving ---

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

// --- Turning ---

// Tells the machine what has flowed, does what it wants done and sends what was held back.
void SecureSwarm::Settle() {
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const SessionId id : touched_) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) continue;
    machine_.ReportTraffic(now_, id, found->second->traffic());
  }
  touched_.clear();
  DrainMachine();
  datagrams_.Flush();
}

size_t SecureSwarm::Poll() {
  if (closed_) return 0;
  assert(!polling_);
  polling_ = true;
  now_ = options_.now();
  const size_t received = datagrams_.Receive(
      kDatagramsPerPoll,
      [this](const Endpoint& source, uint16_t stripe, std::span<const uint8_t> datagram) {
        HandleDatagram(Path{stripe, source}, datagram);
      });
  if (!closed_) {
    const auto due = machine_.NextTimeout();
    if (due && *due <= now_) machine_.HandleTimeout(now_);
    DrainMachine();
    RetryEarly();
    ExpireWaiting(now_, DropReason::kNoSessionYet);
    LetGoOfIdle();
    ReportUndelivered();
    Settle();
  }
  polling_ = false;
  return received;
}

std::optional<TimePoint> SecureSwarm::NextTimeout() const {
  if (closed_) return std::nullopt;
  std::optional<TimePoint> next = machine_.NextTimeout();
  const auto sooner = [&next](TimePoint t) { next = next ? std::min(*next, t) : t; };
  if (const auto expiry = waiting_.next_expiry()) sooner(*expiry);
  if (!channels_.empty()) sooner(next_idle_check_);
  if (!retries_.empty()) sooner(now_);
  return next;
}

void SecureSwarm::Wait(std::chrono::steady_clock::time_point until) {
  using std::chrono::milliseconds;
  if (const auto next = NextTimeout()) until = std::min(until, *next);
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  const int timeout_ms = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
  pollfd readable{.fd = event_fd(), .events = POLLIN, .revents = 0};
  static_cast<void>(poll(&readable, 1, timeout_ms));  // a negative descriptor is only a sleep
  Poll();
}

void SecureSwarm::Run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed) && !closed_) {
    Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
  }
}

// --- The rest ---

bool SecureSwarm::IsUp(const PeerAddress& address) const {
  return SessionToSendOn(address, options_.now()) != nullptr;
}

std::string SecureSwarm::LastFailure(const Endpoint& endpoint) const {
  for (const PathStatus& status : machine_.Paths(options_.now())) {
    if (status.path.remote == endpoint) return status.last_failure;
  }
  return "";
}

absl::StatusOr<crypto::PublicKey> SecureSwarm::LookupPublicKey(const PeerAddress& address) const {
  const auto found = channels_.find(address.endpoint);
  if (found != channels_.end()) {
    for (const SwarmSession* session : found->second.sessions) {
      if (session->peer() == address.peer) return session->public_key();
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no session with ", address.ToString().c_str(), " is up"));
}

size_t SecureSwarm::Mtu(const PeerAddress& address) const {
  const size_t datagram = datagrams_.Mtu(address.endpoint);
  return datagram > dataplane::kOverhead ? datagram - dataplane::kOverhead : 0;
}

std::vector<PeerAddress> SecureSwarm::LocalAddresses() const {
  std::vector<PeerAddress> addresses;
  for (const Endpoint& endpoint : datagrams_.LocalEndpoints()) {
    addresses.push_back({machine_.local_id(), endpoint});
  }
  return addresses;
}

void SecureSwarm::Close() {
  if (closed_) return;
  now_ = options_.now();
  machine_.CloseAll(now_);
  DrainMachine();
  datagrams_.Flush();
  closed_ = true;
  ExpireWaiting(TimePoint::max(), DropReason::kShutdown);
  ReportUndelivered();
}

}  // namespace noisegate::controlplane
