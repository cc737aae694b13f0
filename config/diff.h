// What changes between a running config and a new one, and whether a reload may do it.
//
//   const Diff diff = Compare(running, fresh);
//   if (auto status = CheckReload(diff); !status.ok()) …   // names every key that is in the way
//   for (size_t i : diff.added_peers) Add(fresh.peers[i]);
//
// All or nothing: a config with one change that cannot be reloaded is not reloaded at all. Which
// keys can be, the key table says.
#ifndef NOISEGATE_CONFIG_DIFF_H_
#define NOISEGATE_CONFIG_DIFF_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "config/config.h"

namespace noisegate::config {

struct Change {
  std::string key;            // "limits.queue_packets", "ports.lan.routes"
  std::string before, after;  // as YAML on one line; empty where unset
};

// A peer whose id is in both. Its sessions stay up, whatever `keys` names.
struct PeerChange {
  size_t before = 0, after = 0;        // positions in the two lists of peers
  std::vector<std::string_view> keys;  // "endpoints", "allowed_prefixes", …
  bool Has(std::string_view key) const;
};

struct Diff {
  std::vector<size_t> added_peers;    // positions in the new list
  std::vector<size_t> removed_peers;  // positions in the old list
  std::vector<PeerChange> changed_peers;
  std::vector<Change> reloadable;  // everything else that a reload applies
  std::vector<Change> needs_restart;

  bool empty() const;
};

// A peer is its id: under another id it is another peer, under another name the same one.
Diff Compare(const Config& before, const Config& after);

// FailedPrecondition names every key that needs a restart.
absl::Status CheckReload(const Diff& diff);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_DIFF_H_
