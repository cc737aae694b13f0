#include "controlplane/peer_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {

using dataplane::PeerIndex;

absl::StatusOr<PeerRegistry> PeerRegistry::With(std::span<const config::Peer> peers) const {
  PeerRegistry next(max_peers_);
  next.slots_.resize(slots_.size());
  next.free_ = free_;

  // Those that stay first, so that a newcomer never takes the slot of one that comes later.
  for (const config::Peer& peer : peers) {
    if (const auto found = by_id_.find(peer.id); found != by_id_.end()) {
      next.slots_[found->second] = Peer{found->second, peer};
    }
  }
  for (PeerIndex index = 0; index < slots_.size(); ++index) {
    if (slots_[index] && !next.slots_[index]) next.free_.push_back(index);
  }
  for (const config::Peer& peer : peers) {
    const auto stayed = by_id_.find(peer.id);
    PeerIndex index = 0;
    if (stayed != by_id_.end()) {
      index = stayed->second;
    } else {
      auto taken = next.TakeIndex();
      if (!taken.ok()) return taken.status();
      index = *taken;
      next.slots_[index] = Peer{index, peer};
    }
    if (!next.by_id_.emplace(peer.id, index).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("peer ", peer.name, ": its id belongs to another peer of the file too"));
    }
    if (!next.by_name_.emplace(peer.name, index).second) {
      return absl::InvalidArgumentError(absl::StrCat("two peers are named ", peer.name));
    }
  }
  return next;
}

absl::StatusOr<PeerIndex> PeerRegistry::TakeIndex() {
  if (slots_.size() < max_peers_) {
    slots_.emplace_back();
    return static_cast<PeerIndex>(slots_.size() - 1);
  }
  if (free_.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", max_peers_, " peers: raise gateway.max_peers"));
  }
  const PeerIndex index = free_.front();
  free_.pop_front();
  return index;
}

const PeerRegistry::Peer* PeerRegistry::Find(const crypto::PeerId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : Get(found->second);
}

const PeerRegistry::Peer* PeerRegistry::FindByName(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : Get(found->second);
}

const PeerRegistry::Peer* PeerRegistry::Get(PeerIndex index) const {
  if (index >= slots_.size() || !slots_[index]) return nullptr;
  return &*slots_[index];
}

std::vector<const PeerRegistry::Peer*> PeerRegistry::All() const {
  std::vector<const Peer*> all;
  all.reserve(by_name_.size());
  for (const auto& [name, index] : by_name_) all.push_back(Get(index));
  return all;
}

std::vector<dataplane::PrefixRoute> PeerRegistry::Routes() const {
  std::vector<dataplane::PrefixRoute> routes;
  for (const Peer* peer : All()) {
    dataplane::Route to_peer;
    to_peer.kind = dataplane::Route::Kind::kPeer;
    to_peer.index = peer->index;
    for (const dataplane::Prefix& prefix : peer->config.allowed_prefixes) {
      routes.push_back({prefix.Masked(), to_peer});
    }
  }
  return routes;
}

std::vector<dataplane::RelayPermission> PeerRegistry::Permissions() const {
  std::vector<dataplane::RelayPermission> permissions;
  for (const Peer* peer : All()) {
    for (const std::string& target : peer->config.relay_to) {
      if (target == "*") {
        permissions.push_back({peer->index, dataplane::RelayPermission::kAnyPeer});
      } else if (const Peer* to = FindByName(target)) {
        permissions.push_back({peer->index, to->index});
      }
    }
  }
  return permissions;
}

std::vector<dataplane::IpAddress> PeerRegistry::EndpointAddresses() const {
  std::vector<dataplane::IpAddress> addresses;
  for (const Peer* peer : All()) {
    for (const dataplane::EndpointRange& range : peer->config.endpoints) {
      addresses.push_back(range.address);
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace noisegate::controlplane
