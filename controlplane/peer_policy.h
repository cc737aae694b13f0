// The two peer policies that an application starts with: admit anyone who proves an identity, or
// only those listed.
#ifndef NOISEGATE_CONTROLPLANE_PEER_POLICY_H_
#define NOISEGATE_CONTROLPLANE_PEER_POLICY_H_

#include <span>

#include "absl/container/flat_hash_set.h"
#include "controlplane/session_machine.h"
#include "crypto/peer_id.h"

namespace noisegate::controlplane {

class AdmitAnyone final : public PeerPolicy {
 public:
  bool Admits(const crypto::PeerId&) override { return true; }
};

class AdmitListed final : public PeerPolicy {
 public:
  explicit AdmitListed(std::span<const crypto::PeerId> peers)
      : peers_(peers.begin(), peers.end()) {}
  bool Admits(const crypto::PeerId& peer) override { return peers_.contains(peer); }

 private:
  absl::flat_hash_set<crypto::PeerId> peers_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_PEER_POLICY_H_
