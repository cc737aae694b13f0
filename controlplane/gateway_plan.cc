#include "controlplane/gateway_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

// Retired sessions keep their slots until every worker has passed a quiescent state, about a
// millisecond: slots beside those of the live ones, for as many as a burst of handshakes replaces.
constexpr uint32_t kSessionsBeingReclaimed = 256;
// The same of neighbours, for as many as a turn replaces.
constexpr uint32_t kNeighboursBeingReclaimed = 512;

dataplane::DeviceKind DeviceKindOf(config::Device device) {
  switch (device) {
    case config::Device::kPci:
      return dataplane::DeviceKind::kPci;
    case config::Device::kAfXdp:
      return dataplane::DeviceKind::kAfXdp;
    case config::Device::kAfPacket:
      return dataplane::DeviceKind::kAfPacket;
    case config::Device::kTap:
      return dataplane::DeviceKind::kTap;
    case config::Device::kMemif:
      return dataplane::DeviceKind::kMemif;
    case config::Device::kVirtioUser:
      return dataplane::DeviceKind::kVirtioUser;
    case config::Device::kRing:
      return dataplane::DeviceKind::kRing;
    case config::Device::kPcap:
      return dataplane::DeviceKind::kPcap;
    case config::Device::kNull:
      return dataplane::DeviceKind::kNull;
  }
  return dataplane::DeviceKind::kNull;
}

crypto::AeadEngineKind EngineKindOf(config::Engine engine) {
  switch (engine) {
    case config::Engine::kAuto:
      return crypto::AeadEngineKind::kAuto;
    case config::Engine::kLanes:
      return crypto::AeadEngineKind::kLanes;
    case config::Engine::kIpsecMb:
      return crypto::AeadEngineKind::kIpsecMb;
    case config::Engine::kSodium:
      return crypto::AeadEngineKind::kSodium;
  }
  return crypto::AeadEngineKind::kAuto;
}

dataplane::PortOptions PortOptionsFor(const config::Port& port) {
  dataplane::PortOptions options;
  options.name = port.name;
  options.side =
      port.side == config::Side::kUnderlay ? dataplane::Side::kUnderlay : dataplane::Side::kOverlay;
  options.kind = DeviceKindOf(port.device);
  options.device = port.device_name;
  options.device_args = port.device_args;
  options.addresses = port.addresses;
  options.mtu = port.mtu;
  options.vlan = port.vlan;
  options.rx_descriptors = port.rx_descriptors;
  options.tx_descriptors = port.tx_descriptors;
  return options;
}

// What is reached on an overlay port without any peer. Two addresses in one subnet name its prefix twice, which
// Forwarding takes for one claim.
void AppendPortRoutes(const config::Port& port, uint16_t index,
                      std::vector<dataplane::PrefixRoute>& routes) {
  using dataplane::Route;
  const auto add = [&](const dataplane::Prefix& prefix, Route::Kind kind,
                       const dataplane::IpAddress& next_hop = {}) {
    Route route;
    route.kind = kind;
    route.port = index;
    route.next_hop = next_hop;
    routes.push_back({prefix, route});
  };
  for (const dataplane::Prefix& address : port.addresses) {
    const uint8_t host_length = address.address.is_v4() ? 32 : 128;
    add({address.address, host_length}, Route::Kind::kLocal);
    if (address.length < host_length) add(address.Masked(), Route::Kind::kConnected);
  }
  for (const config::StaticRoute& route : port.routes) {
    add(route.prefix.Masked(), Route::Kind::kVia, route.via);
  }
}

}  // namespace

dataplane::DataplaneOptions DataplaneOptionsFor(const config::Config& config,
                                                std::vector<unsigned> worker_lcores) {
  dataplane::DataplaneOptions options;
  options.name = config.gateway.name;
  options.worker_lcores = std::move(worker_lcores);
  for (const config::Port& port : config.ports) options.ports.push_back(PortOptionsFor(port));
  options.listen_port = config.gateway.listen_port;
  options.max_peers = config.gateway.max_peers;
  options.max_sessions = config.gateway.max_sessions + kSessionsBeingReclaimed;
  options.max_neighbours = config.gateway.max_neighbours + kNeighboursBeingReclaimed;
  options.mbufs = config.gateway.mbufs;
  options.engine = EngineKindOf(config.crypto.engine);
  options.clamp_mss = config.gateway.clamp_mss;
  options.busy_poll = config.gateway.busy_poll;
  options.max_idle_sleep = config.gateway.max_idle_sleep;
  options.inits_per_prefix = config.limits.inits_per_prefix;
  options.inits_per_endpoint = config.limits.inits_per_endpoint;
  return options;
}

SessionMachine::Options MachineOptionsFor(const config::Config& config) {
  SessionMachine::Options options;
  const config::Sessions& sessions = config.sessions;
  options.session_life = sessions.life;
  options.renew_after = sessions.renew_after;
  options.grace = sessions.grace;
  // The other times keep the proportions that they have in a life of 60 s.
  const SessionMachine::Options usual;
  const auto scaled = [&](Duration time) {
    return Duration(time.count() * (sessions.life / std::chrono::milliseconds(1)) /
                    (usual.session_life / std::chrono::milliseconds(1)));
  };
  options.send_life = scaled(usual.send_life);
  options.renew_jitter = scaled(usual.renew_jitter);
  options.responder_renews_after =
      std::min(options.send_life,
               options.renew_after + scaled(usual.responder_renews_after - usual.renew_after));
  options.max_sessions = config.gateway.max_sessions;
  // On each stripe two in either direction, as during a rollover.
  options.max_sessions_per_peer =
      std::max<uint32_t>(options.max_sessions_per_peer, 4 * config.gateway.workers);
  options.max_paths = std::max(options.max_paths, config.gateway.max_sessions * 2);
  options.offered.stripes = config.gateway.workers;
  return options;
}

WaitingLimits WaitingLimitsFor(const config::Limits& limits) {
  WaitingLimits waiting;
  waiting.packets_per_key = limits.queue_packets;
  waiting.life = limits.queue_time;
  return waiting;
}

absl::StatusOr<std::unique_ptr<const dataplane::Forwarding>> BuildForwarding(
    const config::Config& config, const PeerRegistry& registry) {
  std::vector<dataplane::PrefixRoute> routes;
  for (size_t i = 0; i < config.ports.size(); ++i) {
    if (config.ports[i].side != config::Side::kOverlay) continue;
    AppendPortRoutes(config.ports[i], static_cast<uint16_t>(i), routes);
  }
  const std::vector<dataplane::PrefixRoute> to_peers = registry.Routes();
  routes.insert(routes.end(), to_peers.begin(), to_peers.end());
  return dataplane::Forwarding::Build(routes, registry.Permissions());
}

}  // namespace noisegate::controlplane
