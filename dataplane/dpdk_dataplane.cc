// The control thread's side of a running data plane.

#include "dataplane/dpdk_dataplane.h"

#include <pthread.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_ring.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/mbuf_bytes.h"
#include "dataplane/packet_pool.h"
#include "dataplane/punt.h"

namespace noisegate::dataplane {
namespace {

int RunWorker(void* worker) {
  char name[16];
  snprintf(name, sizeof(name), "ng-w%u", rte_lcore_id());
  pthread_setname_np(pthread_self(), name);
  static_cast<Worker*>(worker)->Run();
  return 0;
}

// Calls `take` for every packet in the ring.
template <typename F>
void DrainRing(rte_ring* ring, F&& take) {
  void* item;
  while (ring != nullptr && rte_ring_dequeue(ring, &item) == 0) take(static_cast<rte_mbuf*>(item));
}

WorkerCounters CountersOf(const WorkerStats& stats, unsigned lcore) {
  WorkerCounters counters{.lcore = lcore,
                          .sealed = stats.sealed.Get(),
                          .opened = stats.opened.Get(),
                          .relayed = stats.relayed.Get(),
                          .delivered = stats.delivered.Get(),
                          .handed_over = stats.handed_over.Get(),
                          .punted = stats.punted.Get(),
                          .loops = stats.loops.Get(),
                          .busy_loops = stats.busy_loops.Get(),
                          .sleeps = stats.sleeps.Get(),
                          .busy_cycles = stats.busy_cycles.Get()};
  for (size_t i = 0; i < kNumDropReasons; ++i) counters.drops[i] = stats.drops[i].Get();
  return counters;
}

}  // namespace

void FreePool::operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
void FreePacketRing::operator()(rte_ring* ring) const {
  DrainRing(ring, [](rte_mbuf* mbuf) { rte_pktmbuf_free(mbuf); });
  rte_ring_free(ring);
}
void FreeEventRing::operator()(rte_ring* ring) const { rte_ring_free(ring); }

DpdkDataplane::~DpdkDataplane() {
  Stop();
  Reclaim();  // while the tables are still there; no worker holds anything back
}

absl::Status DpdkDataplane::Start() {
  if (state_ != State::kBuilt) return absl::FailedPreconditionError("started once already");
  for (size_t i = 0; i < workers_.size(); ++i) {
    const unsigned lcore = options_.worker_lcores[i];
    if (const int error = rte_eal_remote_launch(RunWorker, workers_[i].get(), lcore); error != 0) {
      // Only those that are ours: whoever keeps that lcore busy may do so for ever.
      for (size_t started = 0; started < i; ++started) {
        workers_[started]->Stop();
        rte_eal_wait_lcore(options_.worker_lcores[started]);
      }
      DrainForShutdown();
      state_ = State::kStopped;
      return absl::FailedPreconditionError(
          absl::StrCat("lcore ", lcore, " is busy: each worker needs one of its own"));
    }
  }
  state_ = State::kRunning;
  return absl::OkStatus();
}

void DpdkDataplane::Stop() {
  if (state_ != State::kRunning) return;
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Stop();
  for (const unsigned lcore : options_.worker_lcores) rte_eal_wait_lcore(lcore);
  DrainForShutdown();
  state_ = State::kStopped;
}

// Nothing is lost without a reason, not even now.
void DpdkDataplane::DrainForShutdown() {
  const auto drop = [this](rte_mbuf* mbuf) {
    CountDrop(DropReason::kShutdown, 1);
    rte_pktmbuf_free(mbuf);
  };
  for (const PacketRing& ring : punts_) DrainRing(ring.get(), drop);
  for (const PacketRing& ring : injected_) DrainRing(ring.get(), drop);
  for (const auto& from : hand_over_) {
    for (const PacketRing& ring : from) DrainRing(ring.get(), drop);
  }
}

absl::StatusOr<SessionRef> DpdkDataplane::Publish(const SessionParams& params) {
  if (params.port >= ports_.size() || params.next_hop >= options_.max_neighbours) {
    return absl::InvalidArgumentError("session: port or next hop out of range");
  }
  return sessions_->Publish(params, *ports_[params.port], clock_);
}

absl::Status DpdkDataplane::Retire(SessionRef session) { return sessions_->Retire(session); }

absl::Status DpdkDataplane::HoldSending(SessionRef session, bool hold) {
  return sessions_->HoldSending(session, hold);
}

void DpdkDataplane::Reclaim() { grace_periods_.Reclaim(); }

SessionCounters DpdkDataplane::ReadSession(SessionRef ref) const {
  const Session* session = sessions_->Find(ref);
  if (session == nullptr) return {};
  return {.tx_packets = session->tx_packets.Get(),
          .tx_bytes = session->tx_bytes.Get(),
          .rx_packets = session->rx_packets.Get(),
          .rx_bytes = session->rx_bytes.Get(),
          .next_counter = session->next_counter.Get(),
          .confirmed = session->confirmed.Get() != 0,
          .last_tx = clock_.ToTime(session->last_tx.Get()),
          .last_rx = clock_.ToTime(session->last_rx.Get()),
          .last_data_rx = clock_.ToTime(session->last_data_rx.Get())};
}

absl::Status DpdkDataplane::Inject(WorkerIndex worker, rte_mbuf* mbuf) {
  if (rte_ring_enqueue(injected_[worker].get(), mbuf) == 0) return absl::OkStatus();
  rte_pktmbuf_free(mbuf);
  CountDrop(DropReason::kQueueFull, 1);
  return absl::ResourceExhaustedError(absl::StrCat("worker ", worker, " is behind"));
}

absl::Status DpdkDataplane::SendMessage(SessionRef ref, std::span<const uint8_t> bytes) {
  const Session* session = sessions_->Find(ref);
  if (session == nullptr) return absl::NotFoundError("session: retired already");
  if (bytes.size() > session->max_inner) {
    return absl::InvalidArgumentError(absl::StrCat("message of ", bytes.size(),
                                                   " bytes, but ", session->max_inner, " fit"));
  }
  rte_mbuf* mbuf = CopyToPacket(pool_.get(), bytes);
  if (mbuf == nullptr) return absl::ResourceExhaustedError("out of mbufs");
  PacketNote& note = NoteOf(mbuf);
  note = {};
  note.kind = PacketNote::Kind::kMessage;
  note.session = ref;
  return Inject(session->worker, mbuf);
}

void DpdkDataplane::SetForwarding(std::unique_ptr<const Forwarding> forwarding) {
  std::shared_ptr<const Forwarding> old = std::move(forwarding_);
  forwarding_ = std::move(forwarding);
  published_.forwarding.store(forwarding_.get(), std::memory_order_release);
  grace_periods_.Defer([old = std::move(old)] {});
}

absl::Status DpdkDataplane::SetKnownEndpoints(std::span<const IpAddress> endpoints) {
  std::shared_ptr<const KnownEndpoints> old = std::move(known_endpoints_);
  known_endpoints_ = std::make_shared<const KnownEndpoints>(endpoints);
  published_.known_endpoints.store(known_endpoints_.get(), std::memory_order_release);
  grace_periods_.Defer([old = std::move(old)] {});
  return absl::OkStatus();
}

absl::StatusOr<NeighbourIndex> DpdkDataplane::AddNeighbour(PortIndex port,
                                                           const IpAddress& address) {
  if (port >= ports_.size()) return absl::InvalidArgumentError("neighbour: no such port");
  return neighbours_->Add(port, address);
}

void DpdkDataplane::SetNeighbour(NeighbourIndex neighbour, std::optional<MacAddress> mac) {
  neighbours_->Set(neighbour, mac);
}

void DpdkDataplane::RemoveNeighbour(NeighbourIndex neighbour) { neighbours_->Remove(neighbour); }

size_t DpdkDataplane::DrainPunts(size_t limit, const std::function<void(const Punt&)>& handle) {
  size_t drained = 0;
  for (size_t i = 0; i < punts_.size(); ++i) {
    rte_ring* ring = punts_[(first_to_drain_ + i) % punts_.size()].get();
    void* item;
    while (drained < limit && rte_ring_dequeue(ring, &item) == 0) {
      rte_mbuf* mbuf = static_cast<rte_mbuf*>(item);
      handle(ReadPunt(mbuf, *neighbours_));
      rte_pktmbuf_free(mbuf);
      ++drained;
    }
  }
  ++first_to_drain_;
  return drained;
}

size_t DpdkDataplane::DrainEvents(size_t limit,
                                  const std::function<void(const SessionEvent&)>& handle) {
  size_t drained = 0;
  for (const EventRing& ring : events_) {
    void* item;
    while (drained < limit && rte_ring_dequeue(ring.get(), &item) == 0) {
      const SessionEvent event = DecodeEvent(item);
      ++drained;
      if (sessions_->Find(event.session) == nullptr) continue;  // retired meanwhile
      if (event.kind == SessionEvent::Kind::kConfirmed) sessions_->HandleConfirmed(event.session);
      handle(event);
    }
  }
  return drained;
}

absl::Status DpdkDataplane::TransmitFrame(PortIndex port, std::span<const uint8_t> frame) {
  constexpr size_t kMacs = 12;  // bytes, in front of which no tag goes
  if (port >= ports_.size()) return absl::InvalidArgumentError("frame: no such port");
  const PortOptions& options = ports_[port]->options();
  if (frame.size() < kEthernetSize || frame.size() > kEthernetSize + size_t{options.mtu}) {
    return absl::InvalidArgumentError(absl::StrCat("port ", options.name, ": a frame of ",
                                                   frame.size(), " bytes does not fit it"));
  }
  rte_mbuf* mbuf = CopyToPacket(pool_.get(), frame);
  if (mbuf == nullptr) return absl::ResourceExhaustedError("out of mbufs");
  if (options.vlan != 0) {
    SetData(mbuf, -int32_t{kVlanTagSize}, static_cast<uint32_t>(frame.size()) + kVlanTagSize);
    uint8_t* bytes = BytesOf(mbuf);
    std::memcpy(bytes, frame.data(), kMacs);
    StoreBe16(bytes + kMacs, kEtherTypeVlan);
    StoreBe16(bytes + kMacs + 2, options.vlan);
  }
  PacketNote& note = NoteOf(mbuf);
  note = {};
  note.kind = PacketNote::Kind::kTransmit;
  note.port = port;
  return Inject(0, mbuf);  // worker 0 has a transmit queue on every port
}

absl::Status DpdkDataplane::Reinject(std::span<const uint8_t> packet, PeerIndex from,
                                     TimePoint waits_until) {
  if (from != kNoPeer && from >= options_.max_peers) {
    return absl::InvalidArgumentError("packet: no such peer");
  }
  rte_mbuf* mbuf = CopyToPacket(pool_.get(), packet);
  if (mbuf == nullptr) return absl::ResourceExhaustedError("out of mbufs");
  PacketNote& note = NoteOf(mbuf);
  note = {};
  note.kind = PacketNote::Kind::kPacket;
  note.from = from;
  note.waits_until = waits_until;
  return Inject(WorkerFor(packet), mbuf);
}

// The worker that the packet's flow is sent by; worker 0 where no session is in question.
WorkerIndex DpdkDataplane::WorkerFor(std::span<const uint8_t> packet) const {
  IpPacket ip;
  if (!ParseIp(packet.data(), static_cast<uint32_t>(packet.size()), &ip)) return 0;
  const Route& route = forwarding_->Lookup(DestinationAddress(packet.data(), ip));
  if (route.kind != Route::Kind::kPeer || route.index >= options_.max_peers) return 0;
  const uint64_t workers = sessions_->WorkersOf(route.index);
  return workers == 0 ? 0 : WorkerOfFlow(FlowHash(packet.data(), ip), workers);
}

void DpdkDataplane::CountDrop(DropReason reason, uint64_t packets) {
  control_stats_.Drop(reason, packets);
}

std::vector<WorkerCounters> DpdkDataplane::ReadWorkers() const {
  std::vector<WorkerCounters> counters;
  for (size_t i = 0; i < workers_.size(); ++i) {
    counters.push_back(CountersOf(workers_[i]->state().stats, options_.worker_lcores[i]));
  }
  return counters;
}

WorkerCounters DpdkDataplane::ReadControlCounters() const {
  return CountersOf(control_stats_, rte_get_main_lcore());
}

std::vector<PortCounters> DpdkDataplane::ReadPorts() const {
  std::vector<PortCounters> counters;
  for (const std::unique_ptr<Port>& port : ports_) counters.push_back(port->Counters());
  return counters;
}

const PortInfo& DpdkDataplane::port_info(PortIndex port) const {
  return port_infos_[port] = ports_[port]->Info();
}

std::string_view DpdkDataplane::engine_name() const {
  return workers_.front()->state().engine->name();
}

std::string_view DpdkDataplane::engine_isa() const {
  return workers_.front()->state().engine->isa();
}

}  // namespace noisegate::dataplane
