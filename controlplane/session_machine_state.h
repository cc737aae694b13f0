// What is inside a SessionMachine. Included by session_machine*.cc only:
//
//   session_machine.cc            the public face: inputs, outputs, status
//   session_machine_initiator.cc  dialling: init out, resp in, sig out, sig in
//   session_machine_responder.cc  answering: init in, resp out, sig in, sig out
//   session_machine_sessions.cc   sessions from up to down: confirmation, rollover, expiry
//   session_machine_liveness.cc   keep-alives, silence, hints and closes
//
// Everything hangs on paths. Each input changes one path and ends with Run(path), which does all that
// is due there and sets the path's one timer to what comes next.
#ifndef NOISEGATE_CONTROLPLANE_SESSION_MACHINE_STATE_H_
#define NOISEGATE_CONTROLPLANE_SESSION_MACHINE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/half_open_table.h"
#include "controlplane/handshake.h"
#include "controlplane/hints.h"
#include "controlplane/session_machine.h"
#include "controlplane/timer_queue.h"

namespace noisegate::controlplane {

// Init datagrams of one path that may still be answered.
inline constexpr size_t kMaxAttempts = 5;
// Sig datagrams of one path that wait for the resp that they overtook.
inline constexpr size_t kMaxEarlySigs = 2;
// A session is renewed when so few counters are left: 13 s of 10 Mpps.
inline constexpr uint32_t kRenewFromCounter = dataplane::kCounterLastMessage - (1u << 27);

// Datagrams that are tried as the resp to an init of ours and are none: how many a second, each costing a key
// agreement (some 50 µs). Those of a path without any are always tried, so whoever forges some for one peer
// does not keep the others waiting.
inline constexpr uint32_t kMaxBadResps = 4000;
inline constexpr uint32_t kMaxBadRespsOfPath = 2000;

// With so many datagrams to be sent, whatever else is due waits for the next turn: ten thousand peers that are
// dialled at once must not overrun what carries the datagrams away.
inline constexpr size_t kMaxTransmits = 256;

inline constexpr TimePoint kNever = TimePoint::max();

// How many there were in the present second.
class PerSecond {
 public:
  uint32_t Count(TimePoint now) const { return now - begun_ < std::chrono::seconds(1) ? count_ : 0; }
  void Add(TimePoint now) {
    count_ = Count(now) + 1;
    if (count_ == 1) begun_ = now;
  }

 private:
  TimePoint begun_;
  uint32_t count_ = 0;
};

struct SessionMachine::State {
  // A session that the data plane has.
  struct Session {
    SessionId id = 0;
    dataplane::Role role = dataplane::Role::kInitiator;
    ProvenPeer peer;
    crypto::Secret<32> send_key;     // for the close
    crypto::Secret<32> receive_key;  // likewise
    TimePoint created;               // when its init was sent or received
    TimePoint up;                    // when it was given to the data plane
    TimePoint send_until;
    TimePoint receive_until;
    TimePoint renew_at;
    TimePoint retire_at = kNever;    // set once another one has taken its place
    TimePoint confirm_at = kNever;   // initiator: when to repeat the empty message,
    Duration confirm_pause{};        // doubled each time,
    uint32_t confirms_left = 0;      // and how often still
    TimePoint unblock_at = kNever;   // original initiator that has not used it: see Unblock
    bool heard = false;              // a message has opened: the other side has it, too
    std::optional<TimePoint> last_rx;
    std::optional<TimePoint> unanswered_since;  // data went out on it and nothing has come in since

    const crypto::PeerId& peer_id() const { return peer.public_key->id(); }
    bool confirmed() const { return role == dataplane::Role::kInitiator || heard; }
    bool replaced() const { return retire_at != kNever; }
  };

  // An init that we sent and what has come of it.
  struct Attempt {
    InitiatorHandshake handshake;
    TimePoint started;
    std::optional<SecuredHandshake> secured;  // once resp has come
    std::optional<TimePoint> sig_sent;        // at most one attempt of a path at a time
  };

  // A finished handshake with an original peer, in the pause between sig and the first data.
  struct PendingUp {
    SecuredHandshake secured;
    ProvenPeer peer;
    TimePoint created;
    TimePoint due;
  };

  // Why a handshake of ours runs.
  enum class Cause : uint8_t { kNone, kDial, kRenew, kSuspicion };

  struct PathState {
    TimerQueue::Id index = 0;
    Path path;
    std::optional<crypto::PeerId> dialled;
    std::vector<Session> sessions;  // in the order of their coming up

    // Our handshake.
    Cause cause = Cause::kNone;
    std::optional<crypto::PeerId> target;  // whom it must be with
    TimePoint begun;                       // when the first init was due
    TimePoint next_init;
    std::vector<Attempt> attempts;         // oldest first
    PerSecond bad_resps;                   // tried for nothing
    TimePoint sig_overdue = kNever;        // when the exchange of sigs may be given up for another
    std::vector<std::vector<uint8_t>> early_sigs;
    std::optional<PendingUp> pending;
    bool held = false;                     // HoldSending was said and not taken back
    bool unblocks = false;                 // see Unblock

    // What is remembered from one handshake to the next.
    uint32_t tries = 0;  // inits since the last session came up
    std::string last_failure;
    std::optional<Duration> rtt;
    ProvenPeer last_peer;  // public_key is null where nobody has been here

    // What has flowed, in all sessions.
    std::optional<TimePoint> last_rx, last_data_rx, last_tx, last_data_tx;
    std::optional<TimePoint> unreplied_since;   // data came in and nothing has gone out since
    std::optional<TimePoint> unanswered_since;  // data went out and nothing has come in since
    TimePoint last_proof;                       // a handshake proved that the other side is there
    std::optional<TimePoint> last_hint;         // obeyed
    Duration hint_pause{};                      // after it, without obeying another

    bool handshaking() const { return cause != Cause::kNone; }
  };

  State(const crypto::PrivateKey& id, PeerPolicy& peer_policy, crypto::Random& rng, Options opts)
      : identity(id), policy(peer_policy), random(rng), options(opts),
        half_open(opts.max_half_open, opts.half_open_life, rng),
        hint_sending(opts.hint_interval), hint_obeying(opts.hint_interval) {}

  // --- session_machine.cc: paths and outputs ---
  PathState* FindPath(const Path& path);
  PathState* FindOrAddPath(const Path& path);  // null where there is no room
  PathState* PathOf(SessionId id, Session** session);
  bool ForgetIfUnused(PathState& path);  // true: `path` is gone
  // Does what is due and sets the timer. `path` may be gone afterwards.
  void Run(TimePoint now, PathState& path);
  void BeginWhatIsDue(TimePoint now, PathState& path);
  TimePoint NextDeadline(const PathState& path) const;
  void Send(const Path& path, std::vector<uint8_t> datagram);
  bool MaySendMore() const { return transmits.size() < kMaxTransmits; }
  template <typename E>
  void Emit(E event) {
    events.emplace_back().what.template emplace<E>(std::move(event));
  }
  void Reject(dataplane::DropReason reason) { ++counters.rejected[static_cast<size_t>(reason)]; }
  // Also remembers it for `show`.
  void Reject(PathState* path, dataplane::DropReason reason, const ProvenPeer* peer);
  // Whether the proven peer may have a session on this path; `wanted` where it was dialled.
  std::optional<dataplane::DropReason> Judge(const ProvenPeer& peer,
                                             const std::optional<crypto::PeerId>& wanted);
  std::string StateText(TimePoint now, const PathState& path) const;

  // --- session_machine_initiator.cc ---
  void BeginHandshake(TimePoint now, PathState& path, Cause cause);
  void AbandonAttempts(PathState& path);
  void EndHandshake(PathState& path);  // and lets data flow again
  void HandleResp(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  bool MayTryResp(TimePoint now, const PathState& path) const;
  void HandleSigOfResponder(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void ContinueHandshake(TimePoint now, PathState& path);
  void SendInit(TimePoint now, PathState& path);
  void TakeUp(TimePoint now, PathState& path, size_t attempt, SecuredHandshake secured);
  void SendSig(TimePoint now, PathState& path);
  bool TrySig(TimePoint now, PathState& path, std::span<const uint8_t> datagram);
  void Finish(TimePoint now, PathState& path, Attempt attempt, ProvenPeer peer);
  Duration RetryDelay(TimePoint now, const PathState& path);
  // How long an original peer may still read, or not yet have read, what was sent before.
  Duration OriginalPause(const PathState& path) const;
  // Whether attempts may run side by side: an original peer drops the one for the other.
  bool KnownToCope(const PathState& path) const;

  // --- session_machine_responder.cc ---
  void HandleInit(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void HandleSigOfInitiator(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void Accept(TimePoint now, const Path& path, SecuredHandshake secured, TimePoint created,
              ProvenPeer peer);

  // --- session_machine_sessions.cc ---
  Session& BringUp(TimePoint now, PathState& path, SecuredHandshake secured, TimePoint created,
                   ProvenPeer peer);
  void BringUpPending(TimePoint now, PathState& path);
  void StartSending(TimePoint now, PathState& path, Session& session);
  // A message has opened on this session for the first time.
  void Heard(TimePoint now, PathState& path, Session& session);
  void Supersede(TimePoint now, PathState& path, const Session& winner);
  void MakeRoom(PathState& path, dataplane::Role role);
  void MakeRoomForPeer(TimePoint now, const crypto::PeerId& peer);
  size_t SessionsOf(const crypto::PeerId& peer) const;
  void TakeDown(PathState& path, size_t session, DownCause cause);
  void ExpireSessions(TimePoint now, PathState& path);
  // The confirmed session whose age decides about renewal; null where there is none. Both sides choose the
  // same one, even where both have dialled at once.
  const Session* Lead(const PathState& path) const;
  // The one that the data plane sends on.
  const Session* Sending(const PathState& path) const;
  bool IsUp(const PathState& path, const crypto::PeerId& peer) const;
  TimePoint RenewalDue(const PathState& path) const;
  bool Simultaneous(const Session& a, const Session& b) const;
  crypto::PeerId InitiatorOf(const Session& session) const;
  void Unblock(TimePoint now, PathState& path);

  // --- session_machine_liveness.cc ---
  void HandleTraffic(TimePoint now, PathState& path, Session& session,
                     const SessionTraffic& traffic);
  void SendKeepAlives(TimePoint now, PathState& path);
  TimePoint KeepAliveDue(const PathState& path) const;
  TimePoint SilenceDue(const PathState& path) const;
  TimePoint LastSign(const PathState& path) const;  // of life, authenticated
  void SendEmpty(TimePoint now, PathState& path, SessionId id);
  void HandleClose(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void HandleHint(TimePoint now, const Path& path, dataplane::Role role);
  void HandleUnopened(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  void Suspect(TimePoint now, PathState& path, const std::optional<TimePoint>& last_rx);
  void SendClose(const Path& path, const Session& session);

  // --- data ---
  const crypto::PrivateKey& identity;
  PeerPolicy& policy;
  crypto::Random& random;
  const Options options;

  std::vector<std::unique_ptr<PathState>> paths;  // by PathState::index; null where free
  std::vector<TimerQueue::Id> free_paths;
  absl::flat_hash_map<Path, TimerQueue::Id> path_index;
  absl::flat_hash_map<SessionId, TimerQueue::Id> session_paths;
  absl::flat_hash_map<crypto::PeerId, std::vector<SessionId>> peer_sessions;
  TimerQueue timers;  // one for each path
  HalfOpenTable half_open;
  HintLimiter hint_sending;
  HintLimiter hint_obeying;
  PerSecond bad_resps;

  std::deque<Transmit> transmits;
  std::deque<Event> events;
  Counters counters;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SESSION_MACHINE_STATE_H_
