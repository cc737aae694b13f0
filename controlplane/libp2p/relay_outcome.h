// What became of a request to the relay: the one table behind status codes, counters, `show relay`
// and the manual.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_OUTCOME_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_OUTCOME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "controlplane/libp2p/circuit_messages.h"

namespace noisegate::libp2p {

enum class RelayOutcome : uint8_t {
  kReserved,
  kConnected,
  kPeerDenied,
  kPrefixDenied,
  kNotAllowed,
  kOverRelay,
  kReservations,
  kReservationsOfAddress,
  kReservationsOfPrefix,
  kCircuits,
  kCircuitsOfPeer,
  kCircuitsOfAddress,
  kNoReservation,
  kToItself,
  kConnectionFailed,
  kMalformed,
  kUnexpected,
};

struct RelayOutcomeText {
  RelayOutcome outcome;
  std::string_view name;
  CircuitStatus reserve_status;  // where a reservation was asked for
  CircuitStatus connect_status;  // where a circuit was
  std::string_view meaning;
};

// In the order of the enum.
inline constexpr std::array<RelayOutcomeText, 17> kRelayOutcomes = {{
    {RelayOutcome::kReserved, "reserved", CircuitStatus::kOk, CircuitStatus::kOk,
     "the peer got a reservation, or a longer one"},
    {RelayOutcome::kConnected, "connected", CircuitStatus::kOk, CircuitStatus::kOk,
     "two peers were connected"},
    {RelayOutcome::kPeerDenied, "peer-denied", CircuitStatus::kPermissionDenied, CircuitStatus::kPermissionDenied,
     "the peer is on relay.deny_peers"},
    {RelayOutcome::kPrefixDenied, "prefix-denied", CircuitStatus::kPermissionDenied, CircuitStatus::kPermissionDenied,
     "its address is in one of relay.deny_prefixes"},
    {RelayOutcome::kNotAllowed, "not-allowed", CircuitStatus::kPermissionDenied, CircuitStatus::kPermissionDenied,
     "neither relay.allow_peers nor relay.allow_prefixes names it"},
    {RelayOutcome::kOverRelay, "over-relay", CircuitStatus::kPermissionDenied, CircuitStatus::kPermissionDenied,
     "it asked over a connection that is relayed itself"},
    {RelayOutcome::kReservations, "reservations", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "relay.reservations are taken"},
    {RelayOutcome::kReservationsOfAddress, "reservations-of-address", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "its address has relay.reservations_per_address"},
    {RelayOutcome::kReservationsOfPrefix, "reservations-of-prefix", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "its prefix has relay.reservations_per_prefix"},
    {RelayOutcome::kCircuits, "circuits", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "relay.circuits are open"},
    {RelayOutcome::kCircuitsOfPeer, "circuits-of-peer", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "one of the two peers has relay.circuits_per_peer"},
    {RelayOutcome::kCircuitsOfAddress, "circuits-of-address", CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
     "from its address come relay.circuits_per_address"},
    {RelayOutcome::kNoReservation, "no-reservation", CircuitStatus::kNoReservation, CircuitStatus::kNoReservation,
     "the wanted peer has no reservation here"},
    {RelayOutcome::kToItself, "to-itself", CircuitStatus::kMalformedMessage, CircuitStatus::kMalformedMessage,
     "a peer asked to be connected to itself"},
    {RelayOutcome::kConnectionFailed, "connection-failed", CircuitStatus::kConnectionFailed, CircuitStatus::kConnectionFailed,
     "the wanted peer refused the circuit or did not answer in time"},
    {RelayOutcome::kMalformed, "malformed", CircuitStatus::kMalformedMessage, CircuitStatus::kMalformedMessage,
     "the message could not be read"},
    {RelayOutcome::kUnexpected, "unexpected", CircuitStatus::kUnexpectedMessage, CircuitStatus::kUnexpectedMessage,
     "the message had no business there"},
}};

constexpr const RelayOutcomeText& TextOf(RelayOutcome outcome) {
  return kRelayOutcomes[static_cast<size_t>(outcome)];
}

static_assert([] {
  for (size_t i = 0; i < kRelayOutcomes.size(); ++i) {
    if (static_cast<size_t>(kRelayOutcomes[i].outcome) != i) return false;
  }
  return true;
}());

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_OUTCOME_H_
