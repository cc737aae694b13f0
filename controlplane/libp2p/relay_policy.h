// What the Circuit Relay v2 service allows: who may reserve and connect, how many, for how long, and
// how fast. Decides and counts; moves nothing.
//
//   const RelayGrant grant = policy.Reserve({peer, address, connection, relayed}, now);
//   if (grant.ok()) Answer(grant.expires) else Refuse(TextOf(grant.outcome).reserve_status);
//   …
//   const RelayGrant circuit = policy.Connect(source, destination, now);
//   bytes = policy.Allowance(circuit.circuit, now);  policy.Count(circuit.circuit, way, bytes, now);
//   policy.EndCircuit(circuit.circuit);
//   policy.Disconnected(connection);  // frees whatever the connection held
//
// Pure: time comes in as an argument. https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_POLICY_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_POLICY_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "controlplane/libp2p/byte_bucket.h"
#include "controlplane/libp2p/connection_id.h"
#include "controlplane/libp2p/peer_id.h"
#include "controlplane/libp2p/relay_outcome.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

using CircuitId = uint64_t;

struct RelayOptions {
  uint32_t reservations = 128;
  uint32_t reservations_per_address = 8;  // IPv6: of one /64
  uint32_t reservations_per_prefix = 32;  // IPv4 /24, IPv6 /48
  std::chrono::milliseconds reservation_life = std::chrono::hours(1);
  uint32_t circuits = 1'024;
  uint32_t circuits_per_peer = 16;
  uint32_t circuits_per_address = 64;  // asked for from there; IPv6: from one /64
  std::chrono::milliseconds circuit_duration = std::chrono::minutes(2);  // 0: unlimited
  uint64_t circuit_bytes = 131'072;         // in each direction; 0: unlimited
  uint64_t bytes_per_second_per_peer = 0;   // both directions together; 0: unlimited
  uint64_t bytes_per_second = 0;            // of all circuits together; 0: unlimited
  // Denial goes first. With an empty allow list of both kinds anyone may.
  std::vector<PeerId> allow_peers, deny_peers;
  std::vector<dataplane::Prefix> allow_prefixes, deny_prefixes;
};

// Who asks, over which connection.
struct RelayRequester {
  PeerId peer;
  dataplane::IpAddress address;
  ConnectionId connection = 0;
  bool relayed = false;  // the connection itself goes through a relay
};

enum class RelayWay : uint8_t { kToDestination, kToSource };

struct RelayGrant {
  RelayOutcome outcome = RelayOutcome::kReserved;
  std::chrono::milliseconds life{};  // of a reservation
  CircuitId circuit = 0;
  ConnectionId destination = 0;  // the connection that holds the wanted peer's reservation
  bool ok() const {
    return outcome == RelayOutcome::kReserved || outcome == RelayOutcome::kConnected;
  }
};

// What one peer uses and used, as `show relay` tells it.
struct RelayPeerAccount {
  PeerId peer;
  std::optional<double> reservation_seconds;  // left; none without a reservation
  uint32_t circuits = 0;                      // open now, from and to it
  uint64_t circuits_opened = 0;
  uint64_t sent_bytes = 0, received_bytes = 0;  // through us, from and to the peer
  double circuit_seconds = 0;                   // of circuits that have ended
  uint64_t refused = 0;
};

// One thread.
class RelayPolicy {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit RelayPolicy(const RelayOptions& options) { SetOptions(options); }

  // Circuits that are open stay; new limits are for what comes, new rates for all. Who is no longer
  // welcome loses its reservation.
  void SetOptions(const RelayOptions& options);
  const RelayOptions& options() const { return options_; }

  // A peer's reservation moves to the connection that asked last. Asking again is always possible
  // for who has one, unless it has been denied.
  RelayGrant Reserve(const RelayRequester& requester, TimePoint now);

  // Counts the circuit from now on; whatever becomes of it must end in EndCircuit.
  RelayGrant Connect(const RelayRequester& source, const PeerId& destination, TimePoint now);
  void EndCircuit(CircuitId circuit, TimePoint now);
  // The circuit did not come about after all.
  void FailCircuit(CircuitId circuit, TimePoint now);

  // A request that never reached a decision: malformed, unexpected.
  void CountRefusal(const PeerId& peer, RelayOutcome outcome);

  // Bytes that may pass now, either way; where it is 0, NextAllowance() says when to ask again.
  uint64_t Allowance(CircuitId circuit, TimePoint now);
  TimePoint NextAllowance(CircuitId circuit, TimePoint now);
  // `bytes` passed.
  void Count(CircuitId circuit, RelayWay way, uint64_t bytes, TimePoint now);

  // Frees the reservations made over the connection. Its circuits end by themselves.
  void Disconnected(ConnectionId connection);
  void DropReservations();
  // Frees what nobody renewed.
  void Expire(TimePoint now);

  bool HasReservation(const PeerId& peer) const { return reservations_.contains(peer); }
  bool HoldsReservation(ConnectionId connection) const {
    return by_connection_.contains(connection);
  }
  uint32_t reservations() const { return static_cast<uint32_t>(reservations_.size()); }
  uint32_t circuits() const { return static_cast<uint32_t>(circuits_.size()); }
  uint64_t count(RelayOutcome outcome) const { return counts_[static_cast<size_t>(outcome)]; }
  uint64_t relayed_bytes() const { return relayed_bytes_; }
  // Those with a reservation or a circuit first; then the most recent kMaxIdleAccounts others.
  std::vector<RelayPeerAccount> Accounts(TimePoint now) const;

  static constexpr size_t kMaxIdleAccounts = 1'024;

 private:
  struct Reservation {
    dataplane::IpAddress address;
    ConnectionId connection = 0;
    TimePoint expires;
  };
  struct Account {
    RelayPeerAccount totals;
    ByteBucket bucket;
    std::list<PeerId>::iterator idle;  // in idle_, where is_idle
    bool is_idle = false;
  };
  struct Circuit {
    PeerId source, destination;
    dataplane::Prefix source_address;
    TimePoint began;
  };

  RelayOutcome CheckAccess(const RelayRequester& requester) const;
  RelayOutcome CheckReserve(const RelayRequester& requester) const;
  RelayOutcome CheckConnect(const RelayRequester& source, const PeerId& destination) const;
  RelayGrant Refuse(const PeerId& peer, RelayOutcome outcome);
  void FreeReservation(const PeerId& peer);
  void Free(const std::vector<PeerId>& peers);
  void Touch(const PeerId& peer);
  Account& AccountOf(const PeerId& peer);
  uint32_t CircuitsOf(const PeerId& peer) const;
  void ForgetIdle();

  RelayOptions options_;
  absl::flat_hash_set<PeerId> allow_peers_, deny_peers_;
  absl::flat_hash_map<PeerId, Reservation> reservations_;
  TimePoint first_expiry_ = TimePoint::max();  // none expires before
  // One each: a connection has one peer.
  absl::flat_hash_map<ConnectionId, PeerId> by_connection_;
  absl::flat_hash_map<dataplane::Prefix, uint32_t> by_address_;
  absl::flat_hash_map<dataplane::Prefix, uint32_t> by_prefix_;
  absl::flat_hash_map<CircuitId, Circuit> circuits_;
  absl::flat_hash_map<dataplane::Prefix, uint32_t> circuits_by_address_;
  absl::flat_hash_map<PeerId, Account> accounts_;
  std::list<PeerId> idle_;  // least recent first
  ByteBucket all_;
  CircuitId next_circuit_ = 1;
  uint64_t relayed_bytes_ = 0;
  std::array<uint64_t, kRelayOutcomes.size()> counts_{};
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_POLICY_H_
