// Keeps the session machine dialling the peers that have endpoints: which endpoint, on which
// stripes.
//
// A peer's endpoints are tried in turn: the next one after kPatience without any session, or, while
// an old session still stands, after kAttempts handshakes without an answer. How many stripes the
// peer offers is what the config says, else what it said in its last handshake, else one; what was
// learnt is forgotten with the endpoint, so that a peer that came back smaller is found again.
//
// Time comes in as an argument. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_DIALLER_H_
#define NOISEGATE_CONTROLPLANE_DIALLER_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "controlplane/peer_registry.h"
#include "controlplane/session_machine.h"

namespace noisegate::controlplane {

class Dialler {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(3);
  static constexpr uint32_t kAttempts = 4;  // about one a second

  // Both outlive the dialler.
  Dialler(SessionMachine& machine, const PeerRegistry& registry, uint32_t local_stripes)
      : machine_(machine), registry_(registry), local_stripes_(local_stripes) {}

  // The registry has changed (or is new): dials what is wanted now and stops what is not.
  void Refresh(TimePoint now);
  // A session with the peer has come up, or gone.
  void SessionUp(TimePoint now, const crypto::PeerId& peer, const Capabilities& capabilities);
  void SessionDown(TimePoint now, const crypto::PeerId& peer);
  // Goes on to the next endpoint where patience has run out. Cheap enough for every turn.
  void HandleTimeout(TimePoint now);

  // The endpoint being dialled; null for a peer without any.
  const dataplane::EndpointRange* EndpointOf(const crypto::PeerId& peer) const;

 private:
  struct Target {
    size_t endpoint = 0;          // position in the peer's endpoints
    uint32_t learnt_stripes = 0;  // 0: not yet
    uint32_t sessions = 0;
    TimePoint silent_since;
    std::vector<Path> dialled;  // sorted
  };

  static uint32_t RemoteStripes(const config::Peer& peer, const Target& target);
  std::vector<Path> Wanted(const config::Peer& peer, const Target& target) const;
  // Stops dialling what is not wanted.
  void LetGo(const std::vector<Path>& wanted, Target& target);
  void Apply(TimePoint now, const config::Peer& peer, Target& target);
  void TryNext(TimePoint now, const config::Peer& peer, Target& target);
  // Paths on which the machine asks and gets no answer; only looked up where it can matter.
  absl::flat_hash_set<Path> UnansweredPaths(TimePoint now) const;

  SessionMachine& machine_;
  const PeerRegistry& registry_;
  const uint32_t local_stripes_;
  absl::flat_hash_map<crypto::PeerId, Target> targets_;  // every peer of the registry
  TimePoint next_check_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_DIALLER_H_
