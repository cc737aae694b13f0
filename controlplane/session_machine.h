// The Noise Swarm session machine: decides everything about handshakes, rollovers and closes, and does
// no I/O (docs/protocol.md).
//
// Time, datagrams and what the data plane saw come in by Handle…(); datagrams to send and events come
// out by Poll…(). So it runs in the gateway over punt and inject, in a SecureSwarm over a UDP socket,
// and in the simulator on virtual time.
//
//   machine.Dial(now, path, peer_id);
//   while (machine.PollTransmit(&datagram)) socket.Send(datagram);
//   machine.HandleDatagram(now, path, bytes);
//   while (machine.PollEvent(&event)) { … publish event.up->session … }
//   machine.HandleTimeout(now);   // no later than machine.NextTimeout()
//
// It seals and opens handshake messages and closes itself. Transport messages (counters 4 … 2^31-2) are
// the data plane's: the machine hands out keys with SessionUp and is told what it must know by
// SessionConfirmed() and SessionTraffic().
//
// One thread. Memory is bounded by Options.
#ifndef NOISEGATE_CONTROLPLANE_SESSION_MACHINE_H_
#define NOISEGATE_CONTROLPLANE_SESSION_MACHINE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/capabilities.h"
#include "controlplane/path.h"
#include "crypto/key.h"
#include "crypto/peer_id.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "dataplane/address.h"
#include "dataplane/drop_reason.h"
#include "dataplane/header.h"

namespace noisegate::controlplane {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

using SessionId = uint64_t;  // never used twice in a process

// At most so many sessions are up at a time on one path with us in one role: a message is of the one in use
// or of the one that takes, or has taken, its place.
inline constexpr size_t kMaxSessionsPerDirection = 2;

// Which identities may have a session. Asked with a verified signature.
class PeerPolicy {
 public:
  virtual ~PeerPolicy() = default;
  virtual bool Admits(const crypto::PeerId& peer) = 0;
};

// A session has been authenticated: make it receivable at once; send on it once `confirmed`.
struct SessionUp {
  SessionId id = 0;
  Path path;
  crypto::PeerId peer;
  std::shared_ptr<const crypto::PublicKey> public_key;
  dataplane::Role role = dataplane::Role::kInitiator;
  Capabilities capabilities;
  crypto::Secret<32> send_key;
  crypto::Secret<32> receive_key;
  bool confirmed = false;        // initiator: true; responder: once a message opens
  TimePoint send_until;
  TimePoint receive_until;
};
// Send one empty message on this session now (the initiator's confirmation, a keep-alive).
struct SendEmptyMessage {
  SessionId id = 0;
};
enum class DownCause : uint8_t { kExpired, kReplaced, kClosedByPeer, kClosedByUs, kPeerRemoved };
// Forget this session: retire it from every table and wipe its keys.
struct SessionDown {
  SessionId id = 0;
  Path path;
  crypto::PeerId peer;
  DownCause cause = DownCause::kExpired;
};
// The path's other end cannot receive data during a handshake (an original peer would end it):
// hold what there is to send until Resume (or a new session), in the bounded queue.
struct HoldSending {
  Path path;
  bool hold = true;  // false: go on with the session that is up
};
struct Event {
  std::variant<std::monostate, SessionUp, SendEmptyMessage, SessionDown, HoldSending> what;
};

struct Transmit {
  Path path;
  std::vector<uint8_t> datagram;  // from the 4-byte header on
};

// What the data plane saw of a session since it was published.
struct SessionTraffic {
  std::optional<TimePoint> last_rx;       // any authentic message
  std::optional<TimePoint> last_data_rx;  // one that was not empty
  std::optional<TimePoint> last_data_tx;
  std::optional<TimePoint> last_tx;       // empty ones included
  uint32_t next_counter = 0;
};

// What `show sessions` prints of a dialled path.
struct PathStatus {
  Path path;
  std::optional<crypto::PeerId> peer;
  bool dialled = false;
  std::string state;         // "up", "handshake", "waiting 0.8s", …
  uint32_t attempts = 0;     // since the last session came up
  std::string last_failure;  // empty where none
  std::vector<SessionId> sessions;
  std::optional<Duration> handshake_rtt;
};

class SessionMachine {
 public:
  struct Options {
    Duration session_life = std::chrono::seconds(60);      // receiving ends
    Duration send_life = std::chrono::seconds(55);         // sending ends
    Duration renew_after = std::chrono::seconds(45);       // by the initiator, ± renew_jitter
    Duration renew_jitter = std::chrono::seconds(2);
    Duration responder_renews_after = std::chrono::seconds(50);
    Duration grace = std::chrono::seconds(5);               // an old session receives after rollover
    Duration first_retry = std::chrono::seconds(1);         // backoff starts here, at most one init/s
    Duration max_retry = std::chrono::seconds(1);
    Duration half_open_life = std::chrono::seconds(10);
    Duration keep_alive = Duration::zero();                  // 0: only passive ones
    Duration passive_keep_alive = std::chrono::seconds(1);   // after data came in and none went out
    Duration silence_before_redial = std::chrono::milliseconds(2200);
    Duration original_peer_pause = std::chrono::milliseconds(2);  // between sig 2 and the first data
    // Per path: between two that are sent, and between the first two that are obeyed. Each further one is
    // obeyed after twice the pause, up to half a session's life; a whole one without any begins anew.
    Duration hint_interval = std::chrono::seconds(1);
    uint32_t max_sessions = 8192;
    uint32_t max_sessions_per_peer = 16;  // its own oldest makes room for the next
    uint32_t max_half_open = 4096;    // evicted at random
    uint32_t max_paths = 20000;
    Capabilities offered{.version = 1, .stripes = 1, .features = Capabilities::kPassiveKeepAlive};
  };
  struct Counters {
    uint64_t handshakes_started = 0, handshakes_initiator = 0, handshakes_responder = 0;
    uint64_t rollovers = 0;          // sessions that replaced a live one
    uint64_t hints_sent = 0, hints_received = 0, hints_obeyed = 0;
    uint64_t closes_sent = 0, closes_received = 0;
    uint64_t rejected[dataplane::kNumDropReasons] = {};
  };

  // `identity`, `policy` and `random` outlive the machine.
  SessionMachine(const crypto::PrivateKey& identity, PeerPolicy& policy, crypto::Random& random,
                 Options options);
  ~SessionMachine();
  SessionMachine(const SessionMachine&) = delete;
  SessionMachine& operator=(const SessionMachine&) = delete;

  // Inputs.
  // A datagram that is not a transport message (counters 0 … 3 and the closing one).
  void HandleDatagram(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  // A datagram found no session: at most a rate-limited hint goes back, and, where the path is
  // dialled, a handshake begins beside what there is.
  void HandleNoSession(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void HandleTimeout(TimePoint now);
  // Keeps a session with `peer` up on this path until Undial(). Calling again changes nothing.
  absl::Status Dial(TimePoint now, const Path& path, const crypto::PeerId& peer);
  void Undial(const Path& path);
  void SessionConfirmed(TimePoint now, SessionId id);
  void ReportTraffic(TimePoint now, SessionId id, const SessionTraffic& traffic);
  // Renews at once beside the running session (counter nearly spent, or an operator asked).
  void Renew(TimePoint now, SessionId id);
  // Ends every session with the peer, with an authenticated close.
  void ClosePeer(TimePoint now, const crypto::PeerId& peer, DownCause cause);
  void CloseAll(TimePoint now);

  // Outputs. Drain both after every input. While hundreds of datagrams are not taken, timers and dialling wait.
  bool PollTransmit(Transmit* out);
  bool PollEvent(Event* out);
  std::optional<TimePoint> NextTimeout() const;

  const Counters& counters() const;
  std::vector<PathStatus> Paths(TimePoint now) const;
  const crypto::PeerId& local_id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SESSION_MACHINE_H_
