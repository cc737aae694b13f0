#include "tests/sim/original_peer.h"

#include <algorithm>
#include <cstring>

#include "tests/sim/gateway_node.h"

namespace noisegate::sim {
namespace {

using dataplane::Role;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMaxDialAttempts = 10;
constexpr Duration kHandshakeTimeout = seconds(3);
constexpr Duration kMaxBackoff = seconds(1);
// How far apart two reading threads may take up two datagrams.
constexpr Duration kThreadJitter = microseconds(800);

}  // namespace

OriginalPeer::OriginalPeer(VirtualNetwork* network, uint64_t identity, uint32_t address,
                           uint64_t seed)
    : network_(network), key_(TestKey(identity)), endpoint_(TestEndpoint(address)), random_(seed) {
  network_->Attach(endpoint_, this);
}

OriginalPeer::~OriginalPeer() { network_->Detach(endpoint_); }

void OriginalPeer::TellEvery(const Endpoint& to, Duration period) {
  tell_to_ = period == Duration::zero() ? std::nullopt : std::optional(to);
  tell_every_ = period;
  next_tell_ = network_->now();
}

std::shared_ptr<OriginalPeer::Entry> OriginalPeer::GetOrCreate(TimePoint now, const Key& key,
                                                               bool* created) {
  const auto found = sessions_.find(key);
  *created = found == sessions_.end() || found->second->session.expired(now) ||
             found->second->session.errored();
  if (!*created) return found->second;
  const Role role = key.second ? Role::kInitiator : Role::kResponder;
  auto entry = std::make_shared<Entry>(Entry{OriginalSession(now, role, key_, random_), false});
  sessions_[key] = entry;
  return entry;
}

std::shared_ptr<OriginalPeer::Entry> OriginalPeer::AnyReady(TimePoint now, const Endpoint& remote) {
  std::vector<std::shared_ptr<Entry>> ready;
  for (const bool outbound : {true, false}) {
    const auto found = sessions_.find({remote, outbound});
    if (found == sessions_.end()) continue;
    const OriginalSession& session = found->second->session;
    if (session.ready() && !session.expired(now)) ready.push_back(found->second);
  }
  return ready.empty() ? nullptr : ready[random_.Below(ready.size())];
}

void OriginalPeer::Delete(const Key& key, const std::shared_ptr<Entry>& entry) {
  const auto found = sessions_.find(key);
  if (found != sessions_.end() && found->second == entry) sessions_.erase(found);
}

OriginalPeer::Slot OriginalPeer::SlotOf(const Endpoint& remote, bool outbound) const {
  const auto found = sessions_.find({remote, outbound});
  if (found == sessions_.end() || found->second->session.expired(network_->now())) {
    return Slot::kEmpty;
  }
  if (found->second->session.ready()) return Slot::kReady;
  return outbound && !found->second->started ? Slot::kBlocked : Slot::kHandshake;
}

// --- From the network ---

void OriginalPeer::Receive(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) {
  socket_.push_back({now + random_.Between(Duration::zero(), kThreadJitter), from,
                     {datagram.begin(), datagram.end()}});
}

void OriginalPeer::Process(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) {
  if (datagram.size() < dataplane::kHeaderSize) return;
  const bool outbound = (datagram[0] & 0x80) != 0;
  const Key key{from, outbound};
  // Where the session ends over it, the datagram is tried once more, on a fresh one.
  for (int i = 0; i < 2; ++i) {
    bool created;
    const std::shared_ptr<Entry> entry = GetOrCreate(now, key, &created);
    const OriginalSession::Upward result = entry->session.HandleUpward(now, datagram);
    for (const auto& send : result.sends) network_->Send(endpoint_, from, send);
    if (!result.error.empty()) {
      if (!entry->session.errored()) return;
      Delete(key, entry);
      continue;
    }
    if (result.message && result.message->size() >= sizeof(uint64_t)) {
      uint64_t number;
      std::memcpy(&number, result.message->data(), sizeof number);
      received_.insert(number);
      last_received_ = now;
    }
    return;
  }
}

// --- Telling ---

void OriginalPeer::BeginTell(TimePoint now, const Endpoint& to) {
  const uint64_t number = NextMessageNumber();
  told_.insert(number);
  if (const auto ready = AnyReady(now, to)) {
    if (peer_ && ready->session.remote_id() != *peer_) {
      ++failed_tells_;
      return;
    }
    return SendOn(*ready, to, number);
  }
  Telling telling{.to = to, .number = number, .attempt = 0, .waits_for = nullptr, .until = now};
  Dial(now, telling);
  if (!Advance(now, telling)) tells_.push_back(std::move(telling));
}

void OriginalPeer::Dial(TimePoint now, Telling& telling) {
  bool created;
  telling.waits_for = GetOrCreate(now, {telling.to, true}, &created);
  if (created) {
    telling.waits_for->started = true;
    network_->Send(endpoint_, telling.to, telling.waits_for->session.StartHandshake());
  }
  telling.until = now + kHandshakeTimeout;
}

void OriginalPeer::Backoff(TimePoint now, Telling& telling) {
  const Duration pause = std::min<Duration>(milliseconds(1) * (1 << telling.attempt), kMaxBackoff);
  telling.waits_for.reset();
  telling.until = now + random_.Between(pause, 2 * pause);
  ++telling.attempt;
}

bool OriginalPeer::Advance(TimePoint now, Telling& telling) {
  if (telling.waits_for == nullptr) {
    if (now < telling.until) return false;
    if (telling.attempt == kMaxDialAttempts) {
      ++failed_tells_;
      return true;
    }
    Dial(now, telling);
  }
  OriginalSession& session = telling.waits_for->session;
  if (session.ready()) {
    SendOn(*telling.waits_for, telling.to, telling.number);
    return true;
  }
  if (session.errored() || telling.until <= now) Backoff(now, telling);
  return false;
}

void OriginalPeer::AdvanceAll(TimePoint now) {
  for (auto telling = tells_.begin(); telling != tells_.end();) {
    telling = Advance(now, *telling) ? tells_.erase(telling) : std::next(telling);
  }
}

void OriginalPeer::SendOn(Entry& entry, const Endpoint& to, uint64_t number) {
  std::vector<uint8_t> message(64);
  std::memcpy(message.data(), &number, sizeof number);
  if (network_->Send(endpoint_, to, entry.session.Downward(message))) survived_.insert(number);
}

// --- Time ---

std::optional<TimePoint> OriginalPeer::NextTimeout() const {
  std::optional<TimePoint> next;
  const auto sooner = [&next](TimePoint t) { next = next ? std::min(*next, t) : t; };
  if (tell_to_) sooner(next_tell_);
  for (const Received& received : socket_) sooner(received.at);
  for (const Telling& telling : tells_) sooner(telling.until);
  return next;
}

void OriginalPeer::HandleTimeout(TimePoint now) {
  std::vector<Received> due;
  for (size_t i = 0; i < socket_.size();) {
    if (socket_[i].at > now) {
      ++i;
      continue;
    }
    due.push_back(std::move(socket_[i]));
    socket_.erase(socket_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::sort(due.begin(), due.end(), [](const Received& a, const Received& b) { return a.at < b.at; });
  for (const Received& received : due) Process(now, received.from, received.datagram);
  if (tell_to_ && next_tell_ <= now) {
    next_tell_ = now + tell_every_;
    BeginTell(now, *tell_to_);
  }
  AdvanceAll(now);
}

}  // namespace noisegate::sim
