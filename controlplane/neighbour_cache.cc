#include "controlplane/neighbour_cache.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "dataplane/control_packet.h"

namespace noisegate::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::IsHostMac;
using dataplane::MacAddress;

// How many of the entries that are due next are weighed against each other for eviction: enough to
// find a poor one, few enough that a flood costs little.
constexpr int kEvictionCandidates = 32;

bool IsHostAddress(const IpAddress& address) {
  return !address.is_unspecified() && !address.is_multicast() &&
         !(address.is_v4() && address.v4() == 0xffffffff);
}

}  // namespace

NeighbourCache::NeighbourCache(const Options& options) : options_(options) {
  assert(options.max_tries > 0 && options.requests_per_second > 0);
}

absl::Status NeighbourCache::Resolve(TimePoint now, const Key& key) {
  return Want(now, key, false);
}

absl::Status NeighbourCache::Pin(TimePoint now, const Key& key) { return Want(now, key, true); }

absl::Status NeighbourCache::Want(TimePoint now, const Key& key, bool pin) {
  if (!IsHostAddress(key.address)) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.address.ToString(), " is not the address of a neighbour"));
  }
  Neighbour* n = Lookup(key);
  const bool fresh = n == nullptr;
  if (fresh) n = Insert(key, true);
  if (n == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no room for neighbour ",
                                                     key.address.ToString(), ": ",
                                                     options_.max_entries, " are known"));
  }
  n->wanted = true;
  if (pin) AddPin(key, n);  // before asking: questions about pinned ones are not held back
  if (fresh || (pin && n->state == State::kFailed)) {
    StartAsking(now, key, n, State::kIncomplete, true);
  } else if (n->state == State::kStale) {
    StartAsking(now, key, n, State::kProbe, false);
  } else if (pin && IsAsking(*n) && n->tries == 0) {
    Ask(now, key, n);
  }
  return absl::OkStatus();
}

void NeighbourCache::Unpin(const Key& key) {
  Neighbour* n = Lookup(key);
  assert(n != nullptr && n->pins > 0);
  if (--n->pins == 0 && n->deadline.has_value()) evictable_.insert({*n->deadline, key});
}

void NeighbourCache::AddPin(const Key& key, Neighbour* n) {
  if (n->pins++ == 0 && n->deadline.has_value()) evictable_.erase({*n->deadline, key});
}

absl::Status NeighbourCache::SetStatic(const Key& key, const MacAddress& mac) {
  if (!IsHostAddress(key.address) || !IsHostMac(mac)) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.address.ToString(), " at ", mac.ToString(), " is not a neighbour"));
  }
  Neighbour* n = Lookup(key);
  if (n == nullptr) n = Insert(key, true);
  if (n == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no room for static neighbour ", key.address.ToString()));
  }
  n->state = State::kStatic;
  n->wanted = true;
  SetDeadline(key, n, std::nullopt);
  SetMac(key, n, mac);
  return absl::OkStatus();
}

void NeighbourCache::RemoveStatic(TimePoint now, const Key& key) {
  Neighbour* n = Lookup(key);
  if (n == nullptr || n->state != State::kStatic) return;
  if (n->pins == 0) return Forget(key);
  StartAsking(now, key, n, State::kProbe, true);
}

void NeighbourCache::HandleReply(TimePoint now, const Key& key, const MacAddress& mac,
                                 bool may_replace) {
  Neighbour* n = Lookup(key);
  if (n == nullptr || !IsHostMac(mac)) return;
  switch (n->state) {
    case State::kIncomplete:
    case State::kProbe:
      // Not asked yet, for lack of budget: then this is no answer.
      if (n->tries == 0) return;
      if (n->mac.has_value() && mac != n->mac && !may_replace) return;
      SetMac(key, n, mac);
      return SetReachable(now, key, n);
    case State::kReachable:
    case State::kStale:
    case State::kFailed:
      if (mac != n->mac) Doubt(now, key, n);
      return;
    case State::kStatic:
      return;
  }
}

void NeighbourCache::HandleRequest(TimePoint now, const Key& asker, const MacAddress& mac) {
  if (!IsHostAddress(asker.address) || !IsHostMac(mac)) return;
  Neighbour* n = Lookup(asker);
  if (n == nullptr) {
    n = Insert(asker, false);
    if (n == nullptr) return;
    SetMac(asker, n, mac);
    return SetStale(now, asker, n);
  }
  switch (n->state) {
    case State::kIncomplete:
      // Usable at once; the question that is out still decides.
      n->state = State::kProbe;
      return SetMac(asker, n, mac);
    case State::kFailed:
      SetMac(asker, n, mac);
      return StartAsking(now, asker, n, State::kProbe, false);
    case State::kReachable:
    case State::kStale:
      if (mac != n->mac) Doubt(now, asker, n);
      return;
    case State::kProbe:
    case State::kStatic:
      return;
  }
}

void NeighbourCache::Confirm(const Key& key, TimePoint at) {
  if (Neighbour* n = Lookup(key); n != nullptr) {
    n->confirmed_at = std::max(n->confirmed_at.value_or(at), at);
  }
}

void NeighbourCache::HandleTimeout(TimePoint now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Key key = deadlines_.begin()->second;
    Neighbour* n = Lookup(key);
    SetDeadline(key, n, std::nullopt);
    HandleDeadline(now, key, n);
  }
}

bool NeighbourCache::PollRequest(Request* out) {
  if (requests_.empty()) return false;
  *out = requests_.front();
  requests_.pop_front();
  return true;
}

bool NeighbourCache::PollEvent(Event* out) {
  if (events_.empty()) return false;
  *out = events_.front();
  events_.pop_front();
  return true;
}

std::optional<NeighbourCache::TimePoint> NeighbourCache::NextTimeout() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

std::optional<MacAddress> NeighbourCache::Find(const Key& key) const {
  const auto it = neighbours_.find(key);
  return it == neighbours_.end() ? std::nullopt : it->second.mac;
}

std::optional<NeighbourCache::State> NeighbourCache::FindState(const Key& key) const {
  const auto it = neighbours_.find(key);
  if (it == neighbours_.end()) return std::nullopt;
  return it->second.state;
}

std::vector<NeighbourCache::Entry> NeighbourCache::Entries() const {
  std::vector<Entry> entries;
  entries.reserve(neighbours_.size());
  for (const auto& [key, n] : neighbours_) entries.push_back({key, n.state, n.mac, n.pins > 0});
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  return entries;
}

NeighbourCache::Neighbour* NeighbourCache::Lookup(const Key& key) {
  const auto it = neighbours_.find(key);
  return it == neighbours_.end() ? nullptr : &it->second;
}

NeighbourCache::Neighbour* NeighbourCache::Insert(const Key& key, bool wanted) {
  if (neighbours_.size() >= options_.max_entries && !EvictFor(wanted)) return nullptr;
  Neighbour* n = &neighbours_[key];
  n->wanted = wanted;
  return n;
}

// What failed goes first, then hosts that only ever asked for us; for a neighbour that a packet
// wants also one that never answered, one that is stale, and at last any that is not pinned.
bool NeighbourCache::EvictFor(bool wanted) {
  const auto worth = [](const Neighbour& n) {
    if (n.state == State::kFailed) return 0;
    if (!n.wanted) return 1;
    if (n.state == State::kIncomplete) return 2;
    return n.state == State::kStale ? 3 : 4;
  };
  const Key* victim = nullptr;
  int least = wanted ? 5 : 2;  // what is worth this much stays
  int weighed = 0;
  for (const auto& [deadline, key] : evictable_) {
    if (++weighed > kEvictionCandidates) break;
    const Neighbour& n = neighbours_.at(key);
    if (worth(n) >= least) continue;
    least = worth(n);
    victim = &key;
  }
  if (victim == nullptr) return false;
  Forget(*victim);
  return true;
}

void NeighbourCache::Forget(Key key) {
  const auto it = neighbours_.find(key);
  SetDeadline(key, &it->second, std::nullopt);
  neighbours_.erase(it);
  Emit(Event::Kind::kForgotten, key);
}

void NeighbourCache::SetDeadline(const Key& key, Neighbour* n, std::optional<TimePoint> deadline) {
  if (n->deadline.has_value()) {
    deadlines_.erase({*n->deadline, key});
    evictable_.erase({*n->deadline, key});
  }
  n->deadline = deadline;
  if (!deadline.has_value()) return;
  deadlines_.insert({*deadline, key});
  if (n->pins == 0) evictable_.insert({*deadline, key});
}

void NeighbourCache::Emit(Event::Kind kind, const Key& key, const MacAddress& mac) {
  events_.push_back({kind, key, mac});
}

void NeighbourCache::StartAsking(TimePoint now, const Key& key, Neighbour* n, State state,
                                 bool everyone) {
  n->state = state;
  n->ask_everyone = everyone;
  n->tries = 0;
  Ask(now, key, n);
}

void NeighbourCache::Ask(TimePoint now, const Key& key, Neighbour* n) {
  if (n->tries >= options_.max_tries) return HandleSilence(now, key, n);
  if (n->pins == 0 && !TakeRequestToken(now)) {
    return SetDeadline(key, n, now + options_.retry_interval / 10);
  }
  // Only the first question goes to the MAC alone: where another host took the address over, it
  // would never hear.
  const bool everyone = n->ask_everyone || n->tries > 0;
  requests_.push_back({key, everyone ? std::nullopt : n->mac});
  ++n->tries;
  n->asked_at = now;
  SetDeadline(key, n, now + options_.retry_interval);
}

bool NeighbourCache::TakeRequestToken(TimePoint now) {
  const Duration interval = Duration(std::chrono::seconds(1)) / options_.requests_per_second;
  const TimePoint start = std::max(requests_full_at_.value_or(now), now);
  if (start - now + interval > std::chrono::seconds(1)) return false;
  requests_full_at_ = start + interval;
  return true;
}

void NeighbourCache::Doubt(TimePoint now, const Key& key, Neighbour* n) {
  if (n->asked_at.has_value() && now - *n->asked_at < options_.retry_interval) return;
  StartAsking(now, key, n, n->mac.has_value() ? State::kProbe : State::kIncomplete, true);
}

void NeighbourCache::SetMac(const Key& key, Neighbour* n, const MacAddress& mac) {
  if (n->mac == mac) return;
  Emit(n->mac.has_value() ? Event::Kind::kChanged : Event::Kind::kResolved, key, mac);
  n->mac = mac;
}

void NeighbourCache::SetReachable(TimePoint now, const Key& key, Neighbour* n) {
  n->state = State::kReachable;
  SetDeadline(key, n, now + options_.reachable_time);
}

void NeighbourCache::SetStale(TimePoint now, const Key& key, Neighbour* n) {
  n->state = State::kStale;
  SetDeadline(key, n, now + options_.stale_time);
}

// No answer to max_tries questions.
void NeighbourCache::HandleSilence(TimePoint now, const Key& key, Neighbour* n) {
  const bool confirmed = n->confirmed_at.has_value() &&
                         now - *n->confirmed_at < options_.retry_interval * options_.max_tries;
  if (n->mac.has_value() && confirmed) return SetReachable(now, key, n);
  n->state = State::kFailed;
  n->mac.reset();
  SetDeadline(key, n, now + options_.failed_time);
  Emit(Event::Kind::kFailed, key);
}

void NeighbourCache::HandleDeadline(TimePoint now, const Key& key, Neighbour* n) {
  switch (n->state) {
    case State::kIncomplete:
    case State::kProbe:
      return Ask(now, key, n);
    case State::kReachable:
      if (n->pins == 0) return SetStale(now, key, n);
      return StartAsking(now, key, n, State::kProbe, false);
    case State::kStale:
      if (!n->wanted) return Forget(key);
      return StartAsking(now, key, n, State::kProbe, false);
    case State::kFailed:
      if (n->pins == 0) return Forget(key);
      return StartAsking(now, key, n, State::kIncomplete, true);
    case State::kStatic:
      return;
  }
}

}  // namespace noisegate::controlplane
