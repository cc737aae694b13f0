// Building a data plane: all memory, devices and rings are taken here, before anything runs.

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_ring.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "absl/strings/str_cat.h"
#include "crypto/random.h"
#include "dataplane/device_args.h"
#include "dataplane/dpdk_dataplane.h"
#include "dataplane/packet_pool.h"

namespace noisegate::dataplane {
namespace {

// Slots of the rings between threads, powers of two. The control thread drains its own at least once a
// millisecond, workers theirs every turn.
constexpr uint32_t kPuntSlots = 2048;
constexpr uint32_t kEventSlots = 4096;
constexpr uint32_t kInjectSlots = 2048;
constexpr uint32_t kHandOverSlots = 1024;

constexpr uint32_t kEthernetOverhead = 14 + 2 * 4;  // bytes: Ethernet and two 802.1Q tags

// The frames that can lie in a port's queues.
uint32_t FramesOf(const PortOptions& port, uint32_t workers) {
  if (port.kind == DeviceKind::kAfXdp) {
    // The driver has fill and completion rings of its own beside the descriptors.
    return CombinedChannels(port.device) * (4096u + port.rx_descriptors + port.tx_descriptors);
  }
  return workers * (uint32_t{port.rx_descriptors} + port.tx_descriptors);
}

std::string NextUnique() {
  static std::atomic<uint32_t> last{0};
  return absl::StrCat("ng", ++last);
}

}  // namespace

uint32_t PacketsNeeded(const DataplaneOptions& options) {
  const uint32_t workers = static_cast<uint32_t>(options.worker_lcores.size());
  const uint32_t ports = static_cast<uint32_t>(options.ports.size());
  // A turn's burst, and the lists that it leaves by: one for each port and each other worker.
  const uint32_t lists = kBurst * (ports + workers);
  const uint32_t rings = kPuntSlots + kInjectSlots + (workers - 1) * kHandOverSlots;
  uint32_t needed = workers * (rings + lists) + (workers + 1) * kMaxCachedPackets;
  for (const PortOptions& port : options.ports) needed += FramesOf(port, workers);
  return needed;
}

absl::StatusOr<std::unique_ptr<Dataplane>> Dataplane::Create(const DataplaneOptions& options) {
  auto dataplane = std::make_unique<DpdkDataplane>(options);
  if (absl::Status status = dataplane->Build(); !status.ok()) return status;
  return dataplane;
}

DpdkDataplane::DpdkDataplane(const DataplaneOptions& options)
    : options_(options),
      unique_(NextUnique()),
      grace_periods_(std::max<uint32_t>(1, static_cast<uint32_t>(options.worker_lcores.size()))) {}

absl::Status DpdkDataplane::Build() {
  using Part = absl::Status (DpdkDataplane::*)();
  if (absl::Status status = CheckOptions(); !status.ok()) return status;
  for (const Part part : {&DpdkDataplane::BuildPool, &DpdkDataplane::BuildTables,
                          &DpdkDataplane::BuildPorts, &DpdkDataplane::BuildRings,
                          &DpdkDataplane::BuildWorkers}) {
    if (absl::Status status = (this->*part)(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::CheckOptions() const {
  const size_t workers = options_.worker_lcores.size();
  if (workers == 0 || workers > SessionTable::kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("workers: ", workers, " is not in 1 … ", SessionTable::kMaxWorkers));
  }
  for (const unsigned lcore : options_.worker_lcores) {
    if (!rte_lcore_is_enabled(lcore) || lcore == rte_get_main_lcore()) {
      return absl::InvalidArgumentError(absl::StrCat("lcore ", lcore, " is not a worker's"));
    }
  }
  if (options_.listen_port == 0 || options_.listen_port + workers - 1 > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat("listen_port: ", options_.listen_port, " and ",
                                                   workers, " workers do not fit 1 … 65535"));
  }
  if (options_.ports.size() >= kNoPort) return absl::InvalidArgumentError("too many ports");
  std::set<std::string> names;
  for (const PortOptions& port : options_.ports) {
    if (!names.insert(port.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("port ", port.name, ": there are two"));
    }
    if (port.vlan > 4094) {
      return absl::InvalidArgumentError(
          absl::StrCat("port ", port.name, ": vlan ", port.vlan, " is over 4094"));
    }
  }
  if (!grace_periods_.ok()) return absl::ResourceExhaustedError("no memory for grace periods");
  return absl::OkStatus();
}

absl::Status DpdkDataplane::BuildPool() {
  uint32_t frame_size = 0;
  for (const PortOptions& port : options_.ports) {
    frame_size = std::max(frame_size, port.mtu + kEthernetOverhead);
  }
  const uint32_t mbufs = std::max(options_.mbufs, PacketsNeeded(options_));
  pool_.reset(MakePacketPool(absl::StrCat(unique_, "_mbufs").c_str(), mbufs, frame_size));
  if (pool_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("mbufs: no memory for ", mbufs, " of ", frame_size,
                     " bytes; give DPDK more, or ports fewer descriptors"));
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::BuildTables() {
  absl::StatusOr<std::unique_ptr<SessionTable>> sessions = SessionTable::Create(
      {.unique = unique_,
       .workers = static_cast<uint16_t>(options_.worker_lcores.size()),
       .max_sessions = options_.max_sessions,
       .max_peers = options_.max_peers,
       .listen_port = options_.listen_port},
      &grace_periods_);
  if (!sessions.ok()) return sessions.status();
  sessions_ = std::move(*sessions);
  absl::StatusOr<std::unique_ptr<NeighbourTable>> neighbours =
      NeighbourTable::Create(unique_, options_.max_neighbours, &grace_periods_);
  if (!neighbours.ok()) return neighbours.status();
  neighbours_ = std::move(*neighbours);
  absl::StatusOr<std::unique_ptr<const Forwarding>> nothing = Forwarding::Build({}, {});
  if (!nothing.ok()) return nothing.status();
  SetForwarding(std::move(*nothing));
  return SetKnownEndpoints({});
}

absl::Status DpdkDataplane::BuildPorts() {
  const bool has_rings =
      std::any_of(options_.ports.begin(), options_.ports.end(),
                  [](const PortOptions& port) { return port.kind == DeviceKind::kRing; });
  const PortContext context{.gateway = options_.name,
                            .unique = unique_,
                            .workers = static_cast<uint16_t>(options_.worker_lcores.size()),
                            .listen_port = options_.listen_port,
                            .pool = pool_.get(),
                            .one_pool = !has_rings};
  for (const PortOptions& port_options : options_.ports) {
    absl::StatusOr<std::unique_ptr<Port>> port =
        Port::Open(port_options, static_cast<PortIndex>(ports_.size()), context);
    if (!port.ok()) return port.status();
    port_infos_.push_back((*port)->Info());
    ports_.push_back(std::move(*port));
  }
  return absl::OkStatus();
}

absl::StatusOr<rte_ring*> DpdkDataplane::MakeRing(const std::string& name, uint32_t slots) const {
  rte_ring* ring = rte_ring_create(absl::StrCat(unique_, name).c_str(), slots, SOCKET_ID_ANY,
                                   RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no ring of ", slots, " slots: ", rte_strerror(rte_errno)));
  }
  return ring;
}

absl::Status DpdkDataplane::BuildRings() {
  const WorkerIndex workers = static_cast<WorkerIndex>(options_.worker_lcores.size());
  for (WorkerIndex w = 0; w < workers; ++w) {
    absl::StatusOr<rte_ring*> punts = MakeRing(absl::StrCat("_punt", w), kPuntSlots);
    if (!punts.ok()) return punts.status();
    punts_.emplace_back(*punts);
    absl::StatusOr<rte_ring*> events = MakeRing(absl::StrCat("_event", w), kEventSlots);
    if (!events.ok()) return events.status();
    events_.emplace_back(*events);
    absl::StatusOr<rte_ring*> injected = MakeRing(absl::StrCat("_inject", w), kInjectSlots);
    if (!injected.ok()) return injected.status();
    injected_.emplace_back(*injected);
    std::vector<PacketRing>& from_w = hand_over_.emplace_back(workers);
    for (WorkerIndex to = 0; to < workers; ++to) {
      if (to == w) continue;
      absl::StatusOr<rte_ring*> ring = MakeRing(absl::StrCat("_", w, "to", to), kHandOverSlots);
      if (!ring.ok()) return ring.status();
      from_w[to].reset(*ring);
    }
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::BuildWorkers() {
  for (WorkerIndex w = 0; w < options_.worker_lcores.size(); ++w) {
    if (absl::Status status = BuildWorker(w); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status DpdkDataplane::BuildWorker(WorkerIndex index) {
  auto w = std::make_unique<WorkerState>();
  w->index = index;
  w->workers = static_cast<uint16_t>(options_.worker_lcores.size());
  w->listen_port = options_.listen_port;
  w->clamp_mss = options_.clamp_mss;
  w->busy_poll = options_.busy_poll;
  w->max_idle_sleep_ns =
      static_cast<uint64_t>(std::chrono::nanoseconds(options_.max_idle_sleep).count());
  w->tsc_hz = clock_.hz();
  w->published = &published_;
  w->sessions = sessions_.get();
  w->receiving = &sessions_->receiving(index);
  w->sending = sessions_->sending(index);
  w->max_peers = options_.max_peers;
  w->neighbours = neighbours_.get();
  w->pool = pool_.get();
  w->readers = grace_periods_.readers();
  for (const std::unique_ptr<Port>& port : ports_) {
    w->ports.push_back(port.get());
    for (uint16_t q = 0; q < port->queues(); ++q) {
      if (q % w->workers == index) w->receive_queues.push_back({port.get(), q});
    }
  }
  w->punts = punts_[index].get();
  w->events = events_[index].get();
  w->incoming.push_back(injected_[index].get());
  for (WorkerIndex other = 0; other < w->workers; ++other) {
    w->to_workers.push_back(hand_over_[index][other].get());
    if (other != index) w->incoming.push_back(hand_over_[other][index].get());
  }
  w->transmit.resize(ports_.size());
  w->hand_over.resize(w->workers);
  PuntBudget::Options budget{.ticks_per_second = clock_.hz(),
                             .workers = w->workers,
                             .ports = static_cast<uint32_t>(ports_.size()),
                             .inits_per_prefix = options_.inits_per_prefix,
                             .inits_per_endpoint = options_.inits_per_endpoint};
  crypto::SystemRandom().Fill(budget.seed);
  w->budget = std::make_unique<PuntBudget>(budget);
  absl::StatusOr<std::unique_ptr<crypto::AeadEngine>> engine =
      crypto::MakeAeadEngine(options_.engine);
  if (!engine.ok()) return engine.status();
  w->engine = std::move(*engine);
  workers_.push_back(std::make_unique<Worker>(std::move(w)));
  return absl::OkStatus();
}

}  // namespace noisegate::dataplane
