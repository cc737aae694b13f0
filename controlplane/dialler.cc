#include "controlplane/dialler.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/log.h"
#include "controlplane/stripes.h"

namespace noisegate::controlplane {
namespace {

constexpr Duration kCheckInterval = std::chrono::milliseconds(500);

}  // namespace

void Dialler::Refresh(TimePoint now) {
  absl::erase_if(targets_, [&](auto& entry) {
    auto& [id, target] = entry;
    if (registry_.Find(id) != nullptr) return false;
    for (const Path& path : target.dialled) machine_.Undial(path);
    return true;
  });
  for (const PeerRegistry::Peer* peer : registry_.All()) {
    const auto [entry, is_new] = targets_.try_emplace(peer->config.id);
    Target& target = entry->second;
    if (is_new) target.silent_since = now;
    if (target.endpoint >= peer->config.endpoints.size()) target.endpoint = 0;
    LetGo(Wanted(peer->config, target), target);
  }
  // Only now: an endpoint may have gone from one peer to another, and is one peer's at a time.
  for (const PeerRegistry::Peer* peer : registry_.All()) {
    Apply(now, peer->config, targets_.at(peer->config.id));
  }
}

void Dialler::SessionUp(TimePoint now, const crypto::PeerId& id, const Capabilities& capabilities) {
  const PeerRegistry::Peer* peer = registry_.Find(id);
  const auto entry = targets_.find(id);
  if (peer == nullptr || entry == targets_.end()) return;
  Target& target = entry->second;
  ++target.sessions;
  const uint32_t stripes = std::max(capabilities.stripes, 1u);
  if (target.learnt_stripes == stripes) return;
  target.learnt_stripes = stripes;
  Apply(now, peer->config, target);
}

void Dialler::SessionDown(TimePoint now, const crypto::PeerId& id) {
  const auto entry = targets_.find(id);
  if (entry == targets_.end() || entry->second.sessions == 0) return;
  if (--entry->second.sessions == 0) entry->second.silent_since = now;
}

void Dialler::HandleTimeout(TimePoint now) {
  if (now < next_check_) return;
  next_check_ = now + kCheckInterval;
  const absl::flat_hash_set<Path> unanswered = UnansweredPaths(now);
  for (auto& [id, target] : targets_) {
    const PeerRegistry::Peer* peer = registry_.Find(id);
    if (peer == nullptr || peer->config.endpoints.empty()) continue;
    if (peer->config.endpoints.size() == 1 && target.learnt_stripes == 0) continue;
    const bool silent = target.sessions == 0 && now - target.silent_since >= kPatience;
    const bool dead = peer->config.endpoints.size() > 1 && !target.dialled.empty() &&
                      std::all_of(target.dialled.begin(), target.dialled.end(),
                                  [&](const Path& path) { return unanswered.contains(path); });
    if (silent || dead) TryNext(now, peer->config, target);
  }
}

absl::flat_hash_set<Path> Dialler::UnansweredPaths(TimePoint now) const {
  absl::flat_hash_set<Path> unanswered;
  const bool matters = std::any_of(targets_.begin(), targets_.end(), [&](const auto& entry) {
    const PeerRegistry::Peer* peer = registry_.Find(entry.first);
    return peer != nullptr && peer->config.endpoints.size() > 1;
  });
  if (!matters) return unanswered;
  for (const PathStatus& status : machine_.Paths(now)) {
    if (status.attempts >= kAttempts) unanswered.insert(status.path);
  }
  return unanswered;
}

void Dialler::TryNext(TimePoint now, const config::Peer& peer, Target& target) {
  target.silent_since = now;
  target.learnt_stripes = 0;
  target.endpoint = (target.endpoint + 1) % peer.endpoints.size();
  Log(LogLevel::kDebug, absl::StrCat("peer ", peer.name, " is silent, trying ",
                                     peer.endpoints[target.endpoint].ToString()));
  Apply(now, peer, target);
}

const dataplane::EndpointRange* Dialler::EndpointOf(const crypto::PeerId& id) const {
  const PeerRegistry::Peer* peer = registry_.Find(id);
  const auto entry = targets_.find(id);
  if (peer == nullptr || entry == targets_.end() || peer->config.endpoints.empty()) return nullptr;
  return &peer->config.endpoints[entry->second.endpoint];
}

uint32_t Dialler::RemoteStripes(const config::Peer& peer, const Target& target) {
  const dataplane::EndpointRange& range = peer.endpoints[target.endpoint];
  uint32_t stripes = target.learnt_stripes;
  if (peer.stripes != 0) stripes = peer.stripes;
  if (range.has_range()) stripes = stripes == 0 ? range.count() : std::min(stripes, range.count());
  return std::clamp(stripes, 1u, kMaxStripes);
}

std::vector<Path> Dialler::Wanted(const config::Peer& peer, const Target& target) const {
  std::vector<Path> wanted;
  if (peer.endpoints.empty()) return wanted;
  const dataplane::EndpointRange& range = peer.endpoints[target.endpoint];
  const uint64_t hash = StripeHash(machine_.local_id(), peer.id);
  for (const StripePair& pair : StripePairs(hash, local_stripes_, RemoteStripes(peer, target))) {
    const uint32_t port = uint32_t{range.first_port} + pair.remote;
    if (port > UINT16_MAX) continue;  // the peer claims more stripes than there are ports
    wanted.push_back({pair.local, {range.address, static_cast<uint16_t>(port)}});
  }
  std::sort(wanted.begin(), wanted.end());
  return wanted;
}

void Dialler::LetGo(const std::vector<Path>& wanted, Target& target) {
  std::erase_if(target.dialled, [&](const Path& path) {
    if (std::binary_search(wanted.begin(), wanted.end(), path)) return false;
    machine_.Undial(path);
    return true;
  });
}

void Dialler::Apply(TimePoint now, const config::Peer& peer, Target& target) {
  std::vector<Path> wanted = Wanted(peer, target);
  LetGo(wanted, target);
  std::erase_if(wanted, [&](const Path& path) {
    const absl::Status dialled = machine_.Dial(now, path, peer.id);
    if (dialled.ok()) return false;
    Log(LogLevel::kWarning, absl::StrCat("peer ", peer.name, ": cannot dial ",
                                         path.remote.ToString(), ": ", dialled.message()));
    return true;
  });
  target.dialled = std::move(wanted);
}

}  // namespace noisegate::controlplane
