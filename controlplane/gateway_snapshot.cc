// What Gateway::TakeSnapshot() collects, section by section.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "controlplane/gateway.h"

#ifndef NOISEGATE_VERSION
#error "the build defines NOISEGATE_VERSION"
#endif

namespace noisegate::controlplane {
namespace {

using dataplane::kNumDropReasons;
using dataplane::WorkerCounters;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void Add(const dataplane::SessionCounters& counters, Traffic& traffic) {
  traffic.rx_packets += counters.rx_packets;
  traffic.rx_bytes += counters.rx_bytes;
  traffic.tx_packets += counters.tx_packets;
  traffic.tx_bytes += counters.tx_bytes;
}

std::string EndpointText(const dataplane::IpAddress& address, uint32_t port) {
  return dataplane::Endpoint{address, static_cast<uint16_t>(port)}.ToString();
}

}  // namespace

Snapshot Gateway::TakeSnapshot(TimePoint now) {
  now_ = now;
  publisher_.ReadAll();
  const std::vector<WorkerCounters> workers = dataplane_->ReadWorkers();
  Snapshot snapshot;
  snapshot.peers = TakePeers();
  snapshot.sessions = TakeSessions();
  snapshot.ports = TakePorts();
  snapshot.drops = TakeDrops(workers);
  for (size_t i = 0; i < workers.size(); ++i) {
    snapshot.workers.push_back({static_cast<uint32_t>(i),
                                static_cast<uint16_t>(config_.gateway.listen_port + i), workers[i],
                                rates_.busy(i)});
  }
  snapshot.overview = TakeOverview(workers);
  for (const PeerSnapshot& peer : snapshot.peers) snapshot.overview.peers_up += peer.sessions > 0;
  for (const DropSnapshot& drop : snapshot.drops) {
    // Counted among the reasons to keep the books whole, but nothing is lost by it.
    if (drop.reason != dataplane::DropReason::kKeepAlive) snapshot.overview.drops += drop.packets;
  }
  return snapshot;
}

OverviewSnapshot Gateway::TakeOverview(const std::vector<WorkerCounters>& workers) const {
  OverviewSnapshot overview;
  overview.version = NOISEGATE_VERSION;
  overview.name = config_.gateway.name;
  overview.peer_id = identity_.id().ToString();
  overview.engine = std::string(dataplane_->engine_name());
  overview.engine_isa = std::string(dataplane_->engine_isa());
  const dataplane::EndpointRange listen{
      {},
      config_.gateway.listen_port,
      static_cast<uint16_t>(config_.gateway.listen_port + config_.gateway.workers - 1)};
  for (const dataplane::IpAddress& address : routes_.LocalAddresses()) {
    dataplane::EndpointRange range = listen;
    range.address = address;
    overview.listen.push_back(range.ToString());
  }
  overview.uptime_seconds = Seconds(now_ - started_);
  overview.workers = static_cast<uint32_t>(workers.size());
  overview.ports = static_cast<uint32_t>(config_.ports.size());
  overview.peers = static_cast<uint32_t>(registry_.size());
  overview.sessions = static_cast<uint32_t>(publisher_.sessions().size());
  const SessionMachine::Counters& counters = machine_.counters();
  overview.handshakes_started = counters.handshakes_started;
  overview.handshakes_initiator = counters.handshakes_initiator;
  overview.handshakes_responder = counters.handshakes_responder;
  overview.rollovers = counters.rollovers;
  for (const WorkerCounters& worker : workers) {
    overview.opened += worker.opened;
    overview.sealed += worker.sealed;
    overview.relayed += worker.relayed;
    overview.delivered += worker.delivered;
  }
  overview.opened_per_second = rates_.opened_per_second();
  overview.sealed_per_second = rates_.sealed_per_second();
  overview.waiting = waiting_.size() + neighbours_.waiting();
  return overview;
}

std::vector<PeerSnapshot> Gateway::TakePeers() const {
  // The machine knows of paths, the operator of peers: the path that does best stands for the peer.
  absl::flat_hash_map<crypto::PeerId, PathStatus> paths;
  for (PathStatus& path : machine_.Paths(now_)) {
    if (!path.peer) continue;
    const auto [entry, is_new] = paths.try_emplace(*path.peer, path);
    if (!is_new && path.sessions.size() > entry->second.sessions.size()) entry->second = path;
  }
  absl::flat_hash_map<crypto::PeerId, Traffic> live;
  for (const auto& [id, session] : publisher_.sessions()) Add(session.counters, live[session.peer]);

  std::vector<PeerSnapshot> peers;
  for (const PeerRegistry::Peer* peer : registry_.All()) {
    const crypto::PeerId& id = peer->config.id;
    PeerSnapshot& row = peers.emplace_back();
    row.name = peer->config.name;
    row.id = id.ToString();
    row.state = peer->config.endpoints.empty() ? "awaited" : "silent";
    for (const dataplane::Prefix& prefix : peer->config.allowed_prefixes) {
      row.allowed_prefixes.push_back(prefix.ToString());
    }
    if (const dataplane::EndpointRange* dialled = dialler_.EndpointOf(id)) {
      row.endpoint = dialled->ToString();
    }
    if (const auto path = paths.find(id); path != paths.end()) {
      row.state = path->second.state;
      if (!path->second.last_failure.empty()) row.last_failure = path->second.last_failure;
      if (path->second.handshake_rtt) {
        row.handshake_rtt_seconds = Seconds(*path->second.handshake_rtt);
      }
    }
    if (const auto traffic = live.find(id); traffic != live.end()) row.traffic = traffic->second;
    const SessionPublisher::PeerRecord* record = publisher_.RecordOf(id);
    if (record == nullptr) continue;
    row.sessions = static_cast<uint32_t>(record->sessions.size());
    row.handshakes = record->handshakes;
    row.stripes = record->capabilities.stripes;
    row.original = record->handshakes > 0 && record->capabilities.version == 0;
    if (!record->sessions.empty()) row.state = "up";
    if (record->last_endpoint) row.endpoint = record->last_endpoint->ToString();
    if (record->last_handshake)
      row.last_handshake_seconds = Seconds(now_ - *record->last_handshake);
    row.traffic.rx_packets += record->rx_packets;
    row.traffic.rx_bytes += record->rx_bytes;
    row.traffic.tx_packets += record->tx_packets;
    row.traffic.tx_bytes += record->tx_bytes;
  }
  return peers;
}

std::vector<SessionSnapshot> Gateway::TakeSessions() const {
  std::vector<SessionSnapshot> sessions;
  for (const auto& [id, session] : publisher_.sessions()) {
    const PeerRegistry::Peer* peer = registry_.Find(session.peer);
    SessionSnapshot& row = sessions.emplace_back();
    row.id = id;
    row.peer = peer == nullptr ? session.peer.ToString() : peer->config.name;
    row.local = EndpointText(session.hop.local_address,
                             uint32_t{config_.gateway.listen_port} + session.path.stripe);
    row.remote = session.path.remote.ToString();
    row.stripe = session.path.stripe;
    row.initiator = session.role == dataplane::Role::kInitiator;
    row.confirmed = session.counters.confirmed;
    row.age_seconds = Seconds(now_ - session.since);
    row.remaining_seconds = std::max(0.0, Seconds(session.receive_until - now_));
    row.next_counter = session.counters.next_counter;
    Add(session.counters, row.traffic);
  }
  std::sort(sessions.begin(), sessions.end(), [](const auto& a, const auto& b) {
    return std::tie(a.peer, a.stripe, a.id) < std::tie(b.peer, b.stripe, b.id);
  });
  return sessions;
}

std::vector<PortSnapshot> Gateway::TakePorts() const {
  std::vector<PortSnapshot> ports;
  const std::vector<dataplane::PortCounters> counters = dataplane_->ReadPorts();
  for (size_t i = 0; i < counters.size(); ++i) {
    PortSnapshot& row = ports.emplace_back();
    row.info = dataplane_->port_info(static_cast<dataplane::PortIndex>(i));
    row.counters = counters[i];
    for (const dataplane::Prefix& address : config_.ports[i].addresses) {
      row.addresses.push_back(address.ToString());
    }
  }
  return ports;
}

std::vector<DropSnapshot> Gateway::TakeDrops(const std::vector<WorkerCounters>& workers) const {
  std::vector<DropSnapshot> drops(kNumDropReasons);
  const WorkerCounters control = dataplane_->ReadControlCounters();
  for (size_t i = 0; i < kNumDropReasons; ++i) {
    drops[i].reason = static_cast<dataplane::DropReason>(i);
    drops[i].packets = control.drops[i] + machine_.counters().rejected[i];
    for (const WorkerCounters& worker : workers) drops[i].packets += worker.drops[i];
  }
  return drops;
}

}  // namespace noisegate::controlplane
