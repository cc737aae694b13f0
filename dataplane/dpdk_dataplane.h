// The data plane on DPDK: what Dataplane::Create() makes.
#ifndef NOISEGATE_DATAPLANE_DPDK_DATAPLANE_H_
#define NOISEGATE_DATAPLANE_DPDK_DATAPLANE_H_

#include <memory>
#include <string>
#include <vector>

#include "dataplane/dataplane.h"
#include "dataplane/grace_periods.h"
#include "dataplane/neighbour_table.h"
#include "dataplane/port.h"
#include "dataplane/session_table.h"
#include "dataplane/tsc_clock.h"
#include "dataplane/worker.h"

namespace noisegate::dataplane {

// How many packets a data plane's queues, rings, lists and caches can hold between them: with fewer, receive
// queues would run dry while nothing is wrong.
uint32_t PacketsNeeded(const DataplaneOptions& options);

struct FreePool {
  void operator()(rte_mempool* pool) const;
};
// Frees the packets in it, too.
struct FreePacketRing {
  void operator()(rte_ring* ring) const;
};
struct FreeEventRing {
  void operator()(rte_ring* ring) const;
};

class DpdkDataplane final : public Dataplane {
 public:
  explicit DpdkDataplane(const DataplaneOptions& options);
  ~DpdkDataplane() override;
  absl::Status Build();  // once, before anything else

  absl::Status Start() override;
  void Stop() override;
  absl::StatusOr<SessionRef> Publish(const SessionParams& params) override;
  absl::Status Retire(SessionRef session) override;
  void Reclaim() override;
  SessionCounters ReadSession(SessionRef session) const override;
  absl::Status HoldSending(SessionRef session, bool hold) override;
  absl::Status SendMessage(SessionRef session, std::span<const uint8_t> bytes) override;
  void SetForwarding(std::unique_ptr<const Forwarding> forwarding) override;
  absl::Status SetKnownEndpoints(std::span<const IpAddress> endpoints) override;
  absl::StatusOr<NeighbourIndex> AddNeighbour(PortIndex port, const IpAddress& address) override;
  void SetNeighbour(NeighbourIndex neighbour, std::optional<MacAddress> mac) override;
  void RemoveNeighbour(NeighbourIndex neighbour) override;
  size_t DrainPunts(size_t limit, const std::function<void(const Punt&)>& handle) override;
  size_t DrainEvents(size_t limit,
                     const std::function<void(const SessionEvent&)>& handle) override;
  absl::Status TransmitFrame(PortIndex port, std::span<const uint8_t> frame) override;
  absl::Status Reinject(std::span<const uint8_t> packet, PeerIndex from,
                        TimePoint waits_until) override;
  void CountDrop(DropReason reason, uint64_t packets) override;
  std::vector<WorkerCounters> ReadWorkers() const override;
  WorkerCounters ReadControlCounters() const override;
  std::vector<PortCounters> ReadPorts() const override;
  const PortInfo& port_info(PortIndex port) const override;
  std::string_view engine_name() const override;
  std::string_view engine_isa() const override;

  // For tests, which cannot send 2^31 messages.
  SessionTable& sessions_for_test() { return *sessions_; }
  // For perf/, which runs the first worker's turns itself. Only while not started.
  Worker& worker_for_perf() { return *workers_.front(); }
  const Port& port_for_perf(PortIndex port) const { return *ports_[port]; }

 private:
  using PacketRing = std::unique_ptr<rte_ring, FreePacketRing>;
  using EventRing = std::unique_ptr<rte_ring, FreeEventRing>;

  // Build()'s parts, in order (dataplane_build.cc).
  absl::Status CheckOptions() const;
  absl::Status BuildPool();
  absl::Status BuildTables();
  absl::Status BuildPorts();
  absl::Status BuildRings();
  absl::Status BuildWorkers();
  absl::Status BuildWorker(WorkerIndex index);
  absl::StatusOr<rte_ring*> MakeRing(const std::string& name, uint32_t slots) const;

  // Puts a packet with its note into a worker's inject ring.
  absl::Status Inject(WorkerIndex worker, rte_mbuf* mbuf);
  WorkerIndex WorkerFor(std::span<const uint8_t> packet) const;
  void DrainForShutdown();

  const DataplaneOptions options_;
  const std::string unique_;  // prefix of the names of this one's DPDK objects
  const TscClock clock_;
  // Freed from the last to the first: ports and rings give their packets back to the pool.
  std::unique_ptr<rte_mempool, FreePool> pool_;
  GracePeriods grace_periods_;
  std::unique_ptr<SessionTable> sessions_;
  std::unique_ptr<NeighbourTable> neighbours_;
  Published published_;
  std::shared_ptr<const Forwarding> forwarding_;
  std::shared_ptr<const KnownEndpoints> known_endpoints_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<PacketRing> punts_;                  // [worker]
  std::vector<EventRing> events_;                  // [worker]
  std::vector<PacketRing> injected_;               // [worker]
  std::vector<std::vector<PacketRing>> hand_over_; // [from][to]; null where equal
  std::vector<std::unique_ptr<Worker>> workers_;
  WorkerStats control_stats_;                      // CountDrop() and the like
  WorkerIndex first_to_drain_ = 0;                 // so that no worker's ring comes last always
  mutable std::vector<PortInfo> port_infos_;       // as last asked for
  enum class State { kBuilt, kRunning, kStopped } state_ = State::kBuilt;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_DPDK_DATAPLANE_H_
