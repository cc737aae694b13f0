// What a gateway tells about itself, as plain values: filled in by Gateway::TakeSnapshot, written
// as JSON by telemetry_json.h, printed as tables by `noisegate show` and `noisegate demo`.
#ifndef NOISEGATE_CONTROLPLANE_TELEMETRY_H_
#define NOISEGATE_CONTROLPLANE_TELEMETRY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/libp2p/snapshot.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop_reason.h"

namespace noisegate::controlplane {

// Packets and bytes in each direction. Bytes are those of inner packets.
struct Traffic {
  uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
};

struct OverviewSnapshot {
  std::string version;
  std::string name;
  std::string peer_id;
  std::string engine;               // of the AEAD, crypto::AeadEngine::name()
  std::string engine_isa;           // and the instruction set it runs on
  std::vector<std::string> listen;  // underlay addresses with their port (range)
  double uptime_seconds = 0;
  uint32_t workers = 0, ports = 0;
  uint32_t peers = 0, peers_up = 0, sessions = 0;
  uint64_t handshakes_started = 0, handshakes_initiator = 0, handshakes_responder = 0;
  uint64_t rollovers = 0;
  uint64_t opened = 0, sealed = 0, relayed = 0, delivered = 0;  // packets since start
  double opened_per_second = 0, sealed_per_second = 0;          // over the last second or so
  uint64_t waiting = 0;  // packets for a session or neighbour
  uint64_t drops = 0;    // all reasons together, without keep-alives
};

struct PeerSnapshot {
  std::string name, id;
  std::string state;                    // "up", "awaited" (must dial us), "silent", "waiting 0.8s", …
  std::optional<std::string> endpoint;  // of the newest session, else the one being dialled
  std::optional<double> last_handshake_seconds;  // ago
  std::optional<double> handshake_rtt_seconds;
  uint64_t handshakes = 0;
  uint32_t sessions = 0;
  uint32_t stripes = 1;
  bool original = false;  // says nothing of capabilities
  Traffic traffic;        // over all its sessions since start
  std::optional<std::string> last_failure;
  std::vector<std::string> allowed_prefixes;
};

struct SessionSnapshot {
  uint64_t id = 0;
  std::string peer;           // its name
  std::string local, remote;  // endpoints
  uint32_t stripe = 0;
  bool initiator = false;
  bool confirmed = false;
  double age_seconds = 0;
  double remaining_seconds = 0;  // until it no longer receives
  uint32_t next_counter = 0;
  Traffic traffic;
};

struct PortSnapshot {
  dataplane::PortInfo info;
  std::vector<std::string> addresses;
  dataplane::PortCounters counters;
};

struct WorkerSnapshot {
  uint32_t index = 0;
  uint16_t udp_port = 0;
  dataplane::WorkerCounters counters;
  double busy = 0;  // 0 … 1, over the last second or so
};

struct DropSnapshot {
  dataplane::DropReason reason = dataplane::DropReason::kMalformed;
  uint64_t packets = 0;
};

struct Snapshot {
  OverviewSnapshot overview;
  std::vector<PeerSnapshot> peers;
  std::vector<SessionSnapshot> sessions;
  std::vector<PortSnapshot> ports;
  std::vector<WorkerSnapshot> workers;
  std::vector<DropSnapshot> drops;  // every reason, in the order of the table
  libp2p::ServiceSnapshot libp2p;
};

// Rates over about a second, from counters sampled whenever one is due.
class RateMeter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kInterval{1};

  // `cycles_per_second` of the counter behind WorkerCounters::busy_cycles; 0 where it is not known.
  explicit RateMeter(uint64_t cycles_per_second) : cycles_per_second_(cycles_per_second) {}

  // True when a sample is due; only then is reading the counters worth it.
  bool Due(TimePoint now) const { return now - sampled_ >= kInterval; }
  void Sample(TimePoint now, const std::vector<dataplane::WorkerCounters>& workers);

  double opened_per_second() const { return opened_rate_; }
  double sealed_per_second() const { return sealed_rate_; }
  double busy(size_t worker) const { return worker < busy_.size() ? busy_[worker] : 0; }

 private:
  const uint64_t cycles_per_second_;
  TimePoint sampled_{};
  uint64_t opened_ = 0, sealed_ = 0;
  double opened_rate_ = 0, sealed_rate_ = 0;
  std::vector<uint64_t> busy_cycles_;
  std::vector<double> busy_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_TELEMETRY_H_
