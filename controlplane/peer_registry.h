// The peers of the config, and the slot (PeerIndex) that each has in the data plane.
//
// A registry is a value. A reload makes the next one out of the present one with With(), so that
// peers that stay keep their slots, builds everything else from it, and only then assigns it: all
// or nothing. Slots of removed peers are given out again as late as possible, so that what is still
// in flight for the old owner is not taken for the new one's.
//
// Control thread only. Pointers to peers live until the next assignment.
#ifndef NOISEGATE_CONTROLPLANE_PEER_REGISTRY_H_
#define NOISEGATE_CONTROLPLANE_PEER_REGISTRY_H_

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/session_machine.h"
#include "crypto/peer_id.h"
#include "dataplane/dataplane.h"
#include "dataplane/forwarding.h"

namespace noisegate::controlplane {

// Also the session machine's policy: exactly the peers in the registry may have a session.
class PeerRegistry : public PeerPolicy {
 public:
  struct Peer {
    dataplane::PeerIndex index = 0;
    config::Peer config;
  };

  explicit PeerRegistry(uint32_t max_peers) : max_peers_(max_peers) {}

  // A registry of exactly `peers`. ResourceExhausted where there are more than max_peers;
  // InvalidArgument names a peer whose name or id stands twice.
  absl::StatusOr<PeerRegistry> With(std::span<const config::Peer> peers) const;

  bool Admits(const crypto::PeerId& id) override { return Find(id) != nullptr; }
  const Peer* Find(const crypto::PeerId& id) const;
  const Peer* FindByName(std::string_view name) const;
  const Peer* Get(dataplane::PeerIndex index) const;  // null for a slot that nobody has
  // In the order of their names.
  std::vector<const Peer*> All() const;
  size_t size() const { return by_id_.size(); }

  // What the data plane must know of them.
  std::vector<dataplane::PrefixRoute> Routes() const;
  std::vector<dataplane::RelayPermission> Permissions() const;
  std::vector<dataplane::IpAddress> EndpointAddresses() const;  // sorted, none twice

 private:
  absl::StatusOr<dataplane::PeerIndex> TakeIndex();

  uint32_t max_peers_;
  std::vector<std::optional<Peer>> slots_;
  std::deque<dataplane::PeerIndex> free_;  // the longest free first
  absl::flat_hash_map<crypto::PeerId, dataplane::PeerIndex> by_id_;
  std::map<std::string, dataplane::PeerIndex, std::less<>> by_name_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_PEER_REGISTRY_H_
