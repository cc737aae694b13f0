// SecureSwarm: the Noise Swarm protocol over any DatagramSwarm. Messages to and from peers whose
// identity is proven.
//
//   SecureSwarm swarm(datagrams, identity, policy, {});
//   swarm.OnReceive([&](const SecureSwarm::Message& m) { swarm.Tell(m.source, m.bytes); });
//   swarm.Tell(*PeerAddress::Parse("PEERID@192.0.2.1:4242"), bytes);
//   swarm.Run(stop);
//
// Messages are datagrams: each arrives whole and unchanged, at most once, or not at all, and only
// from the peer that it says it is from. Order is the network's.
//
// The first Tell to an address dials it, and messages wait a while for the session. A dialled
// address keeps its session, renewing it without loss about every 45 s, for as long as messages
// flow either way; after Options::idle without any it is let go, and the next Tell dials again.
// Where the peer says goodbye it is let go at once.
//
// One thread, and no threads inside: nothing happens but in calls of Tell, Dial, Poll, Wait, Run
// and Close.
#ifndef NOISEGATE_CONTROLPLANE_SECURE_SWARM_H_
#define NOISEGATE_CONTROLPLANE_SECURE_SWARM_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/peer_policy.h"
#include "controlplane/session_machine.h"
#include "controlplane/swarm.h"
#include "controlplane/swarm_session.h"
#include "controlplane/waiting_packets.h"
#include "crypto/key.h"
#include "crypto/peer_id.h"
#include "crypto/random.h"
#include "dataplane/address.h"
#include "dataplane/drop_reason.h"

namespace noisegate::controlplane {

class SecureSwarm {
 public:
  // A message that has arrived. `bytes` live for the call only.
  struct Message {
    PeerAddress source;
    std::span<const uint8_t> bytes;
  };
  using Receiver = std::function<void(const Message&)>;

  // A message that Tell took and that was not sent after all. `bytes` live for the call only.
  struct Undelivered {
    PeerAddress destination;
    std::span<const uint8_t> bytes;
    dataplane::DropReason reason;  // kNoSessionYet, kTooBig (the path has shrunk), kShutdown
  };
  using UndeliveredReceiver = std::function<void(const Undelivered&)>;

  struct Options {
    SessionMachine::Options machine;
    // What may wait for sessions: messages for one address, messages and bytes in all, how long.
    WaitingLimits waiting;
    Duration idle = std::chrono::seconds(60);  // without a message either way; see above
    std::function<TimePoint()> now = std::chrono::steady_clock::now;
    crypto::Random* random = nullptr;  // nullptr: SystemRandom()
  };

  struct Counters {
    uint64_t sent = 0;         // messages, sealed and handed to the datagram swarm
    uint64_t received = 0;     // messages, opened and delivered
    uint64_t undelivered = 0;  // taken by Tell, never sent
    uint64_t dropped[dataplane::kNumDropReasons] = {};  // datagrams and messages, by cause
  };

  // `datagrams`, `identity` and `policy` outlive the swarm.
  SecureSwarm(DatagramSwarm& datagrams, const crypto::PrivateKey& identity, PeerPolicy& policy,
              Options options);
  ~SecureSwarm();  // closes, and calls nobody back
  SecureSwarm(const SecureSwarm&) = delete;
  SecureSwarm& operator=(const SecureSwarm&) = delete;

  // Called from Poll, Wait and Run, the second from Close too. They may call Tell, Dial and Close,
  // but not Poll, Wait or Run.
  void OnReceive(Receiver receiver) { receiver_ = std::move(receiver); }
  void OnUndelivered(UndeliveredReceiver receiver) { undelivered_ = std::move(receiver); }

  // Sends a message, or keeps it for the session that this call dials. OK is no promise of arrival.
  // InvalidArgument: empty (the protocol's keep-alive), larger than Mtu(), or nowhere to send to;
  // PermissionDenied: the policy does not admit the peer; ResourceExhausted: too many are waiting;
  // FailedPrecondition: closed.
  absl::Status Tell(const PeerAddress& destination, std::span<const uint8_t> bytes);
  // Brings a session up without a message. Errors as Tell's.
  absl::Status Dial(const PeerAddress& address);
  // Whether a message would be sent at once.
  bool IsUp(const PeerAddress& address) const;
  // Why the last handshake with that endpoint failed; empty where none did or nobody dialled.
  std::string LastFailure(const dataplane::Endpoint& endpoint) const;

  // The key that the peer has proven to hold. NotFound where no session is up; Dial() first.
  absl::StatusOr<crypto::PublicKey> LookupPublicKey(const PeerAddress& address) const;
  // The largest message that fits one datagram on the path, in bytes.
  size_t Mtu(const PeerAddress& address) const;
  std::vector<PeerAddress> LocalAddresses() const;

  // Says goodbye to every peer, with authenticated closes. Nothing is sent or received after it.
  void Close();

  // Does what is due and returns how many datagrams there were; never blocks. Call it when
  // event_fd() is readable and when NextTimeout() has come.
  size_t Poll();
  int event_fd() const { return datagrams_.event_fd(); }
  std::optional<TimePoint> NextTimeout() const;
  // Blocks until there is something to do, a signal arrives or `until`, then polls. Follows the
  // real clock, whatever Options::now says.
  void Wait(std::chrono::steady_clock::time_point until);
  // Waits and polls until `stop` is true. Notices that within 100 ms.
  void Run(const std::atomic<bool>& stop);

  const Counters& counters() const { return counters_; }
  const SessionMachine::Counters& handshake_counters() const { return machine_.counters(); }

 private:
  struct GivenUp {
    PeerAddress destination;
    std::vector<uint8_t> message;
    dataplane::DropReason reason;
  };

  // A message that came before the session that it is of was up: the other side's last handshake
  // message may have been overtaken.
  struct Early {
    Path path;
    std::vector<uint8_t> datagram;
    dataplane::DropReason reason;  // why it was not opened then
  };

  // What there is with one remote endpoint.
  struct Channel {
    std::optional<crypto::PeerId> dialled;  // the machine keeps a session with this peer up
    TimePoint last_message;                 // told or received, or dialled
    bool held = false;                      // the machine asked to hold what there is to send
    std::vector<SwarmSession*> sessions;    // the one to send on first; owned by sessions_
    std::vector<Early> early;               // only while dialled; at most kMaxEarly
  };

  absl::Status CheckDestination(const PeerAddress& destination) const;
  absl::Status EnsureDialled(const PeerAddress& address);
  void LetGo(const dataplane::Endpoint& endpoint, Channel& channel);
  void EraseIfUnused(const dataplane::Endpoint& endpoint);
  void LetGoOfIdle();

  SwarmSession* SessionToSendOn(const PeerAddress& address, TimePoint now) const;
  absl::Status Send(SwarmSession& session, std::span<const uint8_t> message);
  void SendWaiting(SwarmSession& session);
  void ExpireWaiting(TimePoint now, dataplane::DropReason reason);
  void GiveUp(const PeerAddress& destination, std::vector<uint8_t> message,
              dataplane::DropReason reason);
  void ReportUndelivered();

  void HandleDatagram(const Path& path, std::span<const uint8_t> datagram);
  void HandleTransport(const Path& path, std::span<const uint8_t> datagram);
  std::optional<dataplane::DropReason> OpenAndDeliver(const Path& path,
                                                      std::span<const uint8_t> datagram);
  void Deliver(SwarmSession& session, std::span<const uint8_t> message);
  bool KeepEarly(const Path& path, std::span<const uint8_t> datagram, dataplane::DropReason reason);
  void RetryEarly();
  void Drop(dataplane::DropReason reason) { ++counters_.dropped[static_cast<size_t>(reason)]; }

  void Activate(SwarmSession& session);
  void Handle(SessionUp& up);
  void Handle(const SessionDown& down);
  void Handle(const SendEmptyMessage& empty);
  void Handle(const HoldSending& hold);
  void Handle(const std::monostate&) {}
  void DrainMachine();
  void Settle();

  DatagramSwarm& datagrams_;
  PeerPolicy& policy_;
  const Options options_;
  SessionMachine machine_;
  Receiver receiver_;
  UndeliveredReceiver undelivered_;

  absl::flat_hash_map<SessionId, std::unique_ptr<SwarmSession>> sessions_;
  absl::flat_hash_map<dataplane::Endpoint, Channel> channels_;
  WaitingPackets<PeerAddress> waiting_;
  std::vector<GivenUp> given_up_;   // not yet reported
  std::vector<SessionId> touched_;  // whose traffic the machine has not been told of
  std::vector<Early> retries_;      // early messages whose session may have come up
  TimePoint now_;                   // of the call that we are in
  TimePoint next_idle_check_;
  bool polling_ = false;
  bool closed_ = false;
  Counters counters_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SECURE_SWARM_H_
