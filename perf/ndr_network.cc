#include "perf/ndr_network.h"

#include <rte_launch.h>

#include <atomic>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/gateway_plan.h"
#include "crypto/random.h"

namespace noisegate::perf {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr uint16_t kPort = 4242;
constexpr dataplane::MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0x55}};
constexpr seconds kPatience{10};

// Addresses are written here and in no file; they parse.
dataplane::Prefix P(std::string_view text) { return *dataplane::Prefix::Parse(text); }
dataplane::IpAddress A(std::string_view text) { return *dataplane::IpAddress::Parse(text); }

config::Port RingPort(std::string wire, config::Side side, dataplane::Prefix address) {
  config::Port port;
  port.name = wire;
  port.device_name = std::move(wire);
  port.side = side;
  port.device = config::Device::kRing;
  port.addresses = {address};
  return port;
}

// Gateway 0 is a, gateway 1 b.
config::Config ConfigOf(int self, const crypto::PeerId& other, bool busy_poll) {
  config::Config config;
  config.gateway.name = self == 0 ? "ndr-a" : "ndr-b";
  config.gateway.listen_port = kPort;
  config.gateway.max_peers = 64;
  config.gateway.max_sessions = 256;
  config.gateway.busy_poll = busy_poll;
  config.gateway.max_idle_sleep = std::chrono::microseconds(20);
  config.sessions.renew_after = seconds(3);
  config.sessions.life = seconds(6);
  config.sessions.grace = seconds(1);
  config.ports = {RingPort("ndr-wire", config::Side::kUnderlay,
                           P(self == 0 ? "192.0.2.1/24" : "192.0.2.2/24")),
                  RingPort(self == 0 ? "ndr-a" : "ndr-b", config::Side::kOverlay,
                           P(self == 0 ? "10.1.0.1/24" : "10.2.0.1/24"))};
  config.ports[1].neighbours = {{A(self == 0 ? "10.1.0.2" : "10.2.0.2"), kHostMac}};
  config::Peer peer;
  peer.name = self == 0 ? "ndr-b" : "ndr-a";
  peer.id = other;
  peer.allowed_prefixes = {P(self == 0 ? "10.2.0.0/24" : "10.1.0.0/24")};
  if (self == 0) peer.endpoints = {{A("192.0.2.2"), kPort, kPort}};
  config.peers = {peer};
  return config;
}

struct RunningLoad {
  NdrTraffic* traffic;
  NdrTraffic::Load load;
  NdrTraffic::Result result;
  std::atomic<bool> done{false};  // release by the load, acquire by the control thread
};

int RunLoad(void* argument) {
  auto* running = static_cast<RunningLoad*>(argument);
  running->result = running->traffic->Run(running->load);
  running->done.store(true, std::memory_order_release);
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NdrNetwork>> NdrNetwork::Create(const std::vector<unsigned>& lcores,
                                                               const Machine& machine) {
  std::unique_ptr<NdrNetwork> network(new NdrNetwork());
  if (absl::Status status = network->Start(lcores, machine); !status.ok()) return status;
  return network;
}

absl::Status NdrNetwork::Start(const std::vector<unsigned>& lcores, const Machine& machine) {
  // Two workers, the load and the control thread would each have a CPU for itself.
  const bool busy_poll = machine.cpus >= 4;
  std::vector<crypto::PrivateKey> keys;
  for (int i = 0; i < 2; ++i) {
    auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  for (int i = 0; i < 2; ++i) configs_[i] = ConfigOf(i, keys[1 - i].id(), busy_poll);
  for (int i = 0; i < 2; ++i) {
    auto dataplane =
        dataplane::Dataplane::Create(controlplane::DataplaneOptionsFor(configs_[i], {lcores[i]}));
    if (!dataplane.ok()) return dataplane.status();
    auto gateway = controlplane::Gateway::Create(configs_[i], std::move(keys[i]),
                                                 *std::move(dataplane), crypto::SystemRandom());
    if (!gateway.ok()) return gateway.status();
    gateways_[i] = *std::move(gateway);
  }
  auto loop = controlplane::ControlLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  loop_->EveryTurn([this](controlplane::TimePoint now) {
    for (const auto& gateway : gateways_) gateway->RunOnce(now);
  });

  NdrTraffic::Options options{.from_wire = "ndr-a",
                              .to_wire = "ndr-b",
                              .gateway_mac = {},
                              .source = A("10.1.0.2"),
                              .destination = A("10.2.0.2"),
                              .tsc_hz = machine.tsc_hz,
                              .busy_poll = busy_poll};
  for (const auto& port : gateways_[0]->TakeSnapshot({}).ports) {
    if (port.info.side == dataplane::Side::kOverlay) options.gateway_mac = port.info.mac;
  }
  traffic_ = std::make_unique<NdrTraffic>(options);
  if (!traffic_->ok()) return absl::ResourceExhaustedError("no memory for the load");
  load_lcore_ = lcores[2];

  for (const auto& gateway : gateways_) {
    if (absl::Status status = gateway->Start(steady_clock::now()); !status.ok()) return status;
  }
  const auto end = steady_clock::now() + kPatience;
  while (!Up()) {
    if (steady_clock::now() > end) return absl::DeadlineExceededError("the gateways get no session");
    loop_->RunFor(milliseconds(10));
  }
  loop_->RunFor(milliseconds(100));
  return absl::OkStatus();
}

NdrNetwork::~NdrNetwork() {
  for (const auto& gateway : gateways_) {
    if (gateway != nullptr) gateway->Stop();
  }
}

bool NdrNetwork::Up() {
  for (const auto& gateway : gateways_) {
    if (gateway->TakeSnapshot(steady_clock::now()).overview.peers_up == 0) return false;
  }
  return true;
}

NdrTraffic::Result NdrNetwork::Run(const NdrTraffic::Load& load,
                                   const std::function<void()>& meanwhile) {
  RunningLoad running{traffic_.get(), load, {}};
  const auto half = steady_clock::now() +
                    std::chrono::duration_cast<steady_clock::duration>(
                        std::chrono::duration<double>(load.seconds / 2));
  bool called = meanwhile == nullptr;
  rte_eal_remote_launch(RunLoad, &running, load_lcore_);
  while (!running.done.load(std::memory_order_acquire)) {
    loop_->RunOnce();
    if (!called && steady_clock::now() >= half) {
      meanwhile();
      called = true;
    }
  }
  rte_eal_wait_lcore(load_lcore_);
  return std::move(running.result);
}

uint64_t NdrNetwork::Rollovers() {
  uint64_t rollovers = 0;
  for (const auto& gateway : gateways_) {
    rollovers += gateway->TakeSnapshot(steady_clock::now()).overview.rollovers;
  }
  return rollovers;
}

absl::Status NdrNetwork::Reload() {
  auto key = crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
  if (!key.ok()) return key.status();
  ++reloads_;
  for (int i = 0; i < 2; ++i) {
    config::Peer peer;
    peer.name = absl::StrCat("added-", reloads_);
    peer.id = key->id();
    peer.allowed_prefixes = {P(absl::StrCat("10.3.", reloads_, ".0/24"))};
    configs_[i].peers.push_back(peer);
    const absl::Status status = gateways_[i]->Reload(steady_clock::now(), configs_[i]);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string NdrNetwork::engine() {
  return gateways_[0]->TakeSnapshot(steady_clock::now()).overview.engine;
}

}  // namespace noisegate::perf
