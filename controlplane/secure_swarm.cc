// Telling, dialling and turning; secure_swarm_receive.cc has what comes in.
#include "controlplane/secure_swarm.h"

#include <poll.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::Endpoint;

constexpr size_t kDatagramsPerPoll = 256;  // so that a flood does not keep timers waiting

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
    return absl::InvalidArgumentError(
        absl::StrCat("message of ", bytes.size(), " bytes; the path to ",
                     destination.endpoint.ToString().c_str(), " carries ", mtu));
  }

  now_ = options_.now();
  if (SwarmSession* session = SessionToSendOn(destination, now_)) {
    status = Send(*session, bytes);
  } else {
    status = EnsureDialled(destination);
    if (status.ok() && !waiting_.Add(now_, destination, bytes)) {
      Drop(DropReason::kNoSessionYet);
      status = absl::ResourceExhaustedError(absl::StrCat(
          "too many messages wait for a session with ", destination.ToString().c_str()));
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
    if (undelivered_) undelivered_({report.destination, report.message, report.reason});
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
  if (!retries_.empty() || !given_up_.empty()) sooner(now_);
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
