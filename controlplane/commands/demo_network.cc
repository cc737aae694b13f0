#include "controlplane/commands/demo_network.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/gateway_plan.h"
#include "controlplane/host_interface.h"
#include "crypto/random.h"

namespace noisegate::commands {
namespace {

using controlplane::Gateway;

constexpr uint16_t kPort = 4242;
enum : size_t { kSiteA, kRelay, kSiteB };

// Addresses are written here and in no file; they parse.
dataplane::Prefix P(std::string_view text) { return *dataplane::Prefix::Parse(text); }
dataplane::IpAddress A(std::string_view text) { return *dataplane::IpAddress::Parse(text); }

config::Port RingPort(std::string name, config::Side side,
                      std::vector<dataplane::Prefix> addresses) {
  config::Port port;
  port.device_name = name;
  port.name = std::move(name);
  port.side = side;
  port.device = config::Device::kRing;
  port.addresses = std::move(addresses);
  return port;
}

config::Peer PeerAt(std::string name, const crypto::PeerId& id,
                    std::vector<dataplane::Prefix> prefixes) {
  config::Peer peer;
  peer.name = std::move(name);
  peer.id = id;
  peer.allowed_prefixes = std::move(prefixes);
  return peer;
}

config::Config Common(std::string name, uint32_t workers) {
  config::Config config;
  config.gateway.name = std::move(name);
  config.gateway.listen_port = kPort;
  config.gateway.workers = workers;
  config.gateway.max_peers = 8;
  config.gateway.max_sessions = 1024;
  config.gateway.mbufs = 8192;
  config.sessions.renew_after = std::chrono::seconds(3);
  config.sessions.life = std::chrono::seconds(6);
  config.sessions.grace = std::chrono::seconds(1);
  return config;
}

// A site: its host's network on one side, the way to the relay on the other.
struct Site {
  std::string name;
  std::string host_wire, relay_wire;
  std::vector<dataplane::Prefix> overlay, underlay;
  dataplane::IpAddress relay;
  std::vector<dataplane::Prefix> own_prefixes, other_prefixes;
  DemoTraffic::Host host;
};

std::array<Site, 2> Sites() {
  Site a, b;
  a.name = "site-a";
  a.host_wire = "demo-host-a";
  a.relay_wire = "demo-a-relay";
  a.overlay = {P("10.1.0.1/24"), P("fd00:1::1/64")};
  a.underlay = {P("192.0.2.1/24")};
  a.relay = A("192.0.2.254");
  a.host = {a.host_wire, {{2, 0, 0, 0, 0, 0xa}}, {}, A("10.1.0.2"), A("fd00:1::2")};
  b.name = "site-b";
  b.host_wire = "demo-host-b";
  b.relay_wire = "demo-b-relay";
  b.overlay = {P("10.2.0.1/24"), P("fd00:2::1/64")};
  b.underlay = {P("2001:db8::1/64")};
  b.relay = A("2001:db8::254");
  b.host = {b.host_wire, {{2, 0, 0, 0, 0, 0xb}}, {}, A("10.2.0.2"), A("fd00:2::2")};
  a.own_prefixes = b.other_prefixes = {P("10.1.0.0/24"), P("fd00:1::/64")};
  b.own_prefixes = a.other_prefixes = {P("10.2.0.0/24"), P("fd00:2::/64")};
  return {a, b};
}

config::Config SiteConfig(const Site& site, const crypto::PeerId& relay, uint32_t workers) {
  config::Config config = Common(site.name, workers);
  config.ports = {RingPort(site.relay_wire, config::Side::kUnderlay, site.underlay),
                  RingPort(site.host_wire, config::Side::kOverlay, site.overlay)};
  config.ports[1].neighbours = {{site.host.v4, site.host.mac}, {site.host.v6, site.host.mac}};
  config::Peer peer = PeerAt("relay", relay, site.other_prefixes);
  peer.endpoints = {{site.relay, kPort, kPort}};
  config.peers = {peer};
  return config;
}

config::Config RelayConfig(const std::array<Site, 2>& sites,
                           const std::array<crypto::PeerId, 2>& ids, uint32_t workers) {
  config::Config config = Common("relay", workers);
  config.ports = {RingPort(sites[0].relay_wire, config::Side::kUnderlay, {P("192.0.2.254/24")}),
                  RingPort(sites[1].relay_wire, config::Side::kUnderlay, {P("2001:db8::254/64")})};
  for (size_t i = 0; i < 2; ++i) {
    config::Peer peer = PeerAt(sites[i].name, ids[i], sites[i].own_prefixes);
    peer.relay_to = {sites[1 - i].name};
    config.peers.push_back(peer);
  }
  return config;
}

absl::StatusOr<std::unique_ptr<Gateway>> MakeGateway(const config::Config& config,
                                                     crypto::PrivateKey key,
                                                     std::vector<unsigned> lcores) {
  auto dataplane =
      dataplane::Dataplane::Create(controlplane::DataplaneOptionsFor(config, std::move(lcores)));
  if (!dataplane.ok()) return dataplane.status();
  return Gateway::Create(config, std::move(key), *std::move(dataplane), crypto::SystemRandom());
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoNetwork>> DemoNetwork::Create(
    const std::vector<unsigned>& worker_lcores) {
  const size_t workers = worker_lcores.size() / kGateways;
  std::vector<crypto::PrivateKey> keys;
  for (size_t i = 0; i < kGateways; ++i) {
    auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  const std::array<Site, 2> sites = Sites();
  const auto count = static_cast<uint32_t>(workers);
  const std::array<config::Config, kGateways> configs = {
      SiteConfig(sites[0], keys[kRelay].id(), count),
      RelayConfig(sites, {keys[kSiteA].id(), keys[kSiteB].id()}, count),
      SiteConfig(sites[1], keys[kRelay].id(), count)};

  std::unique_ptr<DemoNetwork> network(new DemoNetwork());
  for (size_t i = 0; i < kGateways; ++i) {
    const auto first = worker_lcores.begin() + static_cast<ptrdiff_t>(i * workers);
    auto gateway = MakeGateway(configs[i], std::move(keys[i]),
                               {first, first + static_cast<ptrdiff_t>(workers)});
    if (!gateway.ok()) return gateway.status();
    network->gateways_[i] = *std::move(gateway);
  }
  network->hosts_.queues = static_cast<uint16_t>(workers);
  network->hosts_.max_size = controlplane::OverlayMtu(configs[kSiteB]);
  for (size_t i = 0; i < 2; ++i) {
    network->hosts_.hosts[i] = sites[i].host;
    Gateway& site = *network->gateways_[i == 0 ? kSiteA : kSiteB];
    for (const auto& port : site.TakeSnapshot({}).ports) {
      if (port.info.side == dataplane::Side::kOverlay) {
        network->hosts_.hosts[i].gateway_mac = port.info.mac;
      }
    }
  }
  return network;
}

DemoNetwork::~DemoNetwork() { Stop(); }

absl::Status DemoNetwork::Start(controlplane::TimePoint now) {
  for (const auto& gateway : gateways_) {
    if (auto started = gateway->Start(now); !started.ok()) return started;
  }
  return absl::OkStatus();
}

void DemoNetwork::RunOnce(controlplane::TimePoint now) {
  for (const auto& gateway : gateways_) gateway->RunOnce(now);
}

void DemoNetwork::SayGoodbye(controlplane::TimePoint now) {
  for (const auto& gateway : gateways_) gateway->SayGoodbye(now);
}

void DemoNetwork::Stop() {
  for (const auto& gateway : gateways_) {
    if (gateway != nullptr) gateway->Stop();
  }
}

bool DemoNetwork::Up(controlplane::TimePoint now) {
  for (const auto& gateway : gateways_) {
    const controlplane::Snapshot snapshot = gateway->TakeSnapshot(now);
    std::set<std::string> ready;  // to be sent to; an unconfirmed session only receives
    for (const controlplane::SessionSnapshot& session : snapshot.sessions) {
      if (session.confirmed) ready.insert(session.peer);
    }
    if (ready.size() < snapshot.overview.peers) return false;
  }
  return true;
}

DemoTraffic::Options DemoNetwork::HostOptions() const { return hosts_; }

}  // namespace noisegate::commands
