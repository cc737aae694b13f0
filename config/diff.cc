#include "config/diff.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "config/key_table.h"

namespace noisegate::config {
namespace {

// Adds to `diff` each key of `section` that differs. `path` ends in '.' or is empty.
void CompareSection(const Section& section, const std::string& path, bool reloadable,
                    const void* before, const void* after, Diff* diff) {
  for (const Key& key : section.keys) {
    if (key.equal(before, after)) continue;
    auto& changes = reloadable || key.reloadable ? diff->reloadable : diff->needs_restart;
    changes.push_back(
        {path + std::string(key.name), key.encode(key, before), key.encode(key, after)});
  }
}

std::string Names(const std::vector<Port>& ports) {
  std::string names = "[";
  for (const Port& port : ports) names += (names.size() == 1 ? "" : ", ") + port.name;
  return names + "]";
}

void ComparePorts(const Config& before, const Config& after, Diff* diff) {
  const Key& ports = *RootSection().Find("ports");
  const bool same =
      std::equal(before.ports.begin(), before.ports.end(), after.ports.begin(), after.ports.end(),
                 [](const Port& a, const Port& b) { return a.name == b.name; });
  if (!same) {
    diff->needs_restart.push_back({"ports", Names(before.ports), Names(after.ports)});
    return;
  }
  for (size_t i = 0; i < before.ports.size(); ++i) {
    CompareSection(*ports.section, "ports." + before.ports[i].name + ".", ports.reloadable,
                   &before.ports[i], &after.ports[i], diff);
  }
}

// Positions in `peers`, in the order of ids.
std::vector<size_t> ById(const std::vector<Peer>& peers) {
  std::vector<size_t> order(peers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return peers[a].id < peers[b].id; });
  return order;
}

void ComparePeer(const std::vector<Peer>& before, size_t i, const std::vector<Peer>& after,
                 size_t j, Diff* diff) {
  PeerChange change{i, j, {}};
  for (const Key& key : RootSection().Find("peers")->section->keys) {
    if (!key.equal(&before[i], &after[j])) change.keys.push_back(key.name);
  }
  if (!change.keys.empty()) diff->changed_peers.push_back(std::move(change));
}

void ComparePeers(const std::vector<Peer>& before, const std::vector<Peer>& after, Diff* diff) {
  const std::vector<size_t> old_order = ById(before), new_order = ById(after);
  auto i = old_order.begin();
  auto j = new_order.begin();
  while (i != old_order.end() || j != new_order.end()) {
    if (j == new_order.end() || (i != old_order.end() && before[*i].id < after[*j].id)) {
      diff->removed_peers.push_back(*i++);
    } else if (i == old_order.end() || after[*j].id < before[*i].id) {
      diff->added_peers.push_back(*j++);
    } else {
      ComparePeer(before, *i++, after, *j++, diff);
    }
  }
  // In the order of the files, so that logs read like them.
  std::sort(diff->removed_peers.begin(), diff->removed_peers.end());
  std::sort(diff->added_peers.begin(), diff->added_peers.end());
  std::sort(diff->changed_peers.begin(), diff->changed_peers.end(),
            [](const PeerChange& a, const PeerChange& b) { return a.after < b.after; });
}

}  // namespace

bool PeerChange::Has(std::string_view key) const {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool Diff::empty() const {
  return added_peers.empty() && removed_peers.empty() && changed_peers.empty() &&
         reloadable.empty() && needs_restart.empty();
}

Diff Compare(const Config& before, const Config& after) {
  Diff diff;
  const auto compare = [&](std::string_view name, const void* old_section,
                           const void* new_section) {
    const Key& key = *RootSection().Find(name);
    CompareSection(*key.section, std::string(name) + ".", key.reloadable, old_section, new_section,
                   &diff);
  };
  compare("gateway", &before.gateway, &after.gateway);
  compare("crypto", &before.crypto, &after.crypto);
  ComparePorts(before, after, &diff);
  ComparePeers(before.peers, after.peers, &diff);
  compare("limits", &before.limits, &after.limits);
  compare("sessions", &before.sessions, &after.sessions);
  compare("libp2p", &before.libp2p, &after.libp2p);
  compare("admin", &before.admin, &after.admin);
  compare("logging", &before.logging, &after.logging);
  return diff;
}

absl::Status CheckReload(const Diff& diff) {
  if (diff.needs_restart.empty()) return absl::OkStatus();
  std::string message = "nothing was changed, because this needs a restart:";
  for (const Change& change : diff.needs_restart) {
    message += " " + change.key + " (" + (change.before.empty() ? "unset" : change.before) +
               " to " + (change.after.empty() ? "unset" : change.after) + ");";
  }
  message.pop_back();
  return absl::FailedPreconditionError(message);
}

}  // namespace noisegate::config
