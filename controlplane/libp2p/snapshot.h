// What the libp2p service tells about itself, as plain values.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_SNAPSHOT_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace noisegate::libp2p {

struct RelayPeerSnapshot {
  std::string peer;                           // its id
  std::optional<double> reservation_seconds;  // left; none without a reservation
  uint32_t circuits = 0;                      // open now, from and to it
  uint64_t circuits_opened = 0;
  uint64_t sent_bytes = 0, received_bytes = 0;  // through the relay
  double circuit_seconds = 0;                   // of circuits that have ended
  uint64_t refused = 0;
};

struct OutcomeSnapshot {
  std::string outcome;
  uint64_t count = 0;
  std::string meaning;
};

struct ServiceSnapshot {
  std::string peer_id;              // empty: there is no libp2p here
  std::vector<std::string> listen;  // multiaddrs with /p2p/ID
  uint32_t connections = 0, half_open = 0;
  uint64_t queued_bytes = 0;  // held for streams
  uint64_t memory_bytes = 0, max_memory_bytes = 0;  // all that connections hold
  uint64_t accepted = 0, secured = 0, refused = 0;
  uint64_t idle_dropped = 0;    // to make room for newcomers
  uint64_t memory_dropped = 0;  // at max_memory_bytes
  uint64_t negotiation_failed = 0, handshake_failed = 0, muxer_failed = 0;
  bool relay = false;  // is one
  uint32_t reservations = 0, max_reservations = 0;
  uint32_t circuits = 0, max_circuits = 0;
  uint64_t relayed_bytes = 0;
  std::vector<OutcomeSnapshot> outcomes;  // of requests, each of them
  std::vector<RelayPeerSnapshot> peers;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_SNAPSHOT_H_
