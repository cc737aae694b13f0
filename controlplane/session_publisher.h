// Carries sessions from the session machine into the data plane, and what the data plane sees of
// them back: SessionUp → Publish, SessionDown → Retire, SendEmptyMessage → SendMessage; counters
// and confirmations → ReportTraffic, SessionConfirmed, Renew. Peers with a keep-alive get their
// empty messages from here.
//
// Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_SESSION_PUBLISHER_H_
#define NOISEGATE_CONTROLPLANE_SESSION_PUBLISHER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controlplane/datapath_swarm.h"
#include "controlplane/neighbours.h"
#include "controlplane/peer_registry.h"
#include "controlplane/session_machine.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class SessionPublisher {
 public:
  // Every session's counters are read this often. The work is spread over the turns between, so
  // that ten thousand sessions do not hold up a handshake.
  static constexpr Duration kReportInterval = std::chrono::milliseconds(250);

  struct Published {
    SessionId id = 0;
    dataplane::SessionRef ref;
    crypto::PeerId peer;
    dataplane::PeerIndex peer_index = 0;
    Path path;
    UnderlayRoutes::Hop hop;
    dataplane::Role role = dataplane::Role::kInitiator;
    Capabilities capabilities;
    TimePoint since;
    TimePoint send_until, receive_until;
    TimePoint last_empty;                 // when we last asked for an empty message on it
    bool confirmed = false;               // as far as is known here; what follows, too
    bool held = false;                    // not to be sent on for now
    bool spent = false;                   // nor ever again: past its time, or out of counters
    dataplane::SessionCounters counters;  // as last read
  };

  // What is known of a peer over all its sessions, ended ones included.
  struct PeerRecord {
    uint64_t handshakes = 0;
    std::optional<TimePoint> last_handshake;
    std::optional<dataplane::Endpoint> last_endpoint;
    Capabilities capabilities;
    std::vector<SessionId> sessions;  // published now
    TimePoint sends_until;  // the latest of those that can be sent on; the epoch where there is none
    uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;  // of ended sessions
  };

  // All outlive the publisher. `sendable` is called when a peer has just got a session to send on.
  SessionPublisher(dataplane::Dataplane& dataplane, SessionMachine& machine,
                   const PeerRegistry& registry, DataPathSwarm& swarm, Neighbours& neighbours,
                   std::function<void(dataplane::PeerIndex)> sendable);
  // Retires what is published.
  ~SessionPublisher();
  SessionPublisher(const SessionPublisher&) = delete;
  SessionPublisher& operator=(const SessionPublisher&) = delete;

  // From the machine. Up fails where the data plane has no room or no way leads to the peer; the
  // session then carries nothing and is forgotten when the machine ends it.
  absl::Status Up(TimePoint now, const SessionUp& up);
  void SendEmpty(TimePoint now, SessionId id);
  void Down(const SessionDown& down);
  void Hold(const HoldSending& hold);

  // From the data plane.
  void HandleEvents(TimePoint now, size_t limit);
  void ReportTraffic(TimePoint now);
  // Reads the counters of all sessions now (for `show`).
  void ReadAll();

  const absl::flat_hash_map<SessionId, Published>& sessions() const { return sessions_; }
  const PeerRecord* RecordOf(const crypto::PeerId& peer) const;
  // Whether the data plane has a session to send on to the peer, as far as is known here.
  bool CanSend(TimePoint now, const crypto::PeerId& peer) const;
  // A peer that has left the config.
  void ForgetPeer(const crypto::PeerId& peer) { records_.erase(peer); }

 private:
  void Report(TimePoint now, Published& session);
  void KeepAlive(TimePoint now, Published& session);
  void Retire(Published& session);
  void SetSending(Published& session);  // tells the data plane whether to send on it
  void UpdateSendsUntil(const crypto::PeerId& peer);

  dataplane::Dataplane& dataplane_;
  SessionMachine& machine_;
  const PeerRegistry& registry_;
  DataPathSwarm& swarm_;
  Neighbours& neighbours_;
  const std::function<void(dataplane::PeerIndex)> sendable_;

  absl::flat_hash_map<SessionId, Published> sessions_;
  absl::flat_hash_map<dataplane::SessionIndex, SessionId> by_index_;
  absl::flat_hash_map<Path, std::vector<SessionId>> by_path_;  // no empty vectors
  absl::flat_hash_map<crypto::PeerId, PeerRecord> records_;  // at most one for each peer
  std::vector<SessionId> to_report_;                         // the rest of the present round
  TimePoint round_end_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SESSION_PUBLISHER_H_
