#include "controlplane/libp2p/service.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "config/config.h"
#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/relay_service.h"

namespace noisegate::libp2p {
namespace {

constexpr std::chrono::milliseconds kSnapshotInterval{500};
// Bytes of announced addresses that reservations and identify hold beside keys and signatures.
constexpr size_t kMaxAnnouncedSize = 2'048;
// Descriptors that the rest of the process needs, generously.
constexpr rlim_t kOtherDescriptors = 512;

// A connection costs a descriptor, and without any left nothing else in the process works either.
absl::Status RaiseDescriptorLimit(uint32_t connections) {
  const rlim_t want = connections + kOtherDescriptors;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) return absl::OkStatus();
  const rlim_t hard = limit.rlim_max;
  limit.rlim_cur = want;
  if (hard >= want && setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("libp2p.connections: ", connections, " of them and the rest take ", want,
                   " descriptors, and this process may have ", hard, " (ulimit -n, LimitNOFILE)"));
}

absl::StatusOr<std::vector<PeerId>> PeersOf(const std::vector<std::string>& texts,
                                            const char* key) {
  std::vector<PeerId> peers;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto peer = PeerId::Parse(texts[i]);
    if (!peer.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("libp2p.relay.", key, "[", i, "]: ", peer.status().message()));
    }
    peers.push_back(*peer);
  }
  return peers;
}

}  // namespace

absl::StatusOr<HostOptions> HostOptionsOf(const config::Libp2p& config) {
  HostOptions options;
  options.listen = config.listen;
  size_t announced_size = 0;
  for (size_t i = 0; i < config.announce.size(); ++i) {
    auto address = Multiaddr::Parse(config.announce[i]);
    if (!address.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("libp2p.announce[", i, "]: ", address.status().message()));
    }
    // It is added where somebody is told, and one that is a relay's would have to be reserved.
    if (address->Has(AddressProtocol::kP2p) || address->Has(AddressProtocol::kP2pCircuit)) {
      return absl::InvalidArgumentError(
          absl::StrCat("libp2p.announce[", i, "]: without /p2p/ID and /p2p-circuit, please"));
    }
    announced_size += address->ToBytes().size();
    options.announce.push_back(*std::move(address));
  }
  if (announced_size > kMaxAnnouncedSize) {
    return absl::InvalidArgumentError(absl::StrCat("libp2p.announce: ", announced_size, " bytes, ",
                                                   kMaxAnnouncedSize, " fit into a message"));
  }
  options.limits.total = config.connections;
  options.limits.per_address = config.connections_per_address;
  options.limits.per_prefix = config.connections_per_prefix;
  options.max_half_open = std::max<uint32_t>(config.connections / 4, 16);
  options.trim_above = config.connections - config.connections / 4;
  options.max_memory = size_t{config.memory_mib} * 1024 * 1024;
  options.handshake_timeout = config.handshake_timeout;
  options.connection.negotiation_timeout = config.handshake_timeout;
  options.connection.yamux.max_inbound_streams = config.streams;
  options.connection.yamux.keep_alive = config.keep_alive;
  options.echo = config.echo;
  options.perf = config.perf;
  return options;
}

absl::StatusOr<std::optional<RelayOptions>> RelayOptionsOf(
    const std::optional<config::Libp2pRelay>& config) {
  if (!config) return std::optional<RelayOptions>();
  auto allow = PeersOf(config->allow_peers, "allow_peers");
  if (!allow.ok()) return allow.status();
  auto deny = PeersOf(config->deny_peers, "deny_peers");
  if (!deny.ok()) return deny.status();
  RelayOptions options;
  options.reservations = config->reservations;
  options.reservations_per_address = config->reservations_per_address;
  options.reservations_per_prefix = config->reservations_per_prefix;
  options.reservation_life = config->reservation_life;
  options.circuits = config->circuits;
  options.circuits_per_peer = config->circuits_per_peer;
  options.circuits_per_address = config->circuits_per_address;
  options.circuit_duration = config->circuit_duration;
  options.circuit_bytes = config->circuit_bytes;
  options.bytes_per_second_per_peer = config->bytes_per_second_per_peer;
  options.bytes_per_second = config->bytes_per_second;
  options.allow_peers = *std::move(allow);
  options.deny_peers = *std::move(deny);
  options.allow_prefixes = config->allow_prefixes;
  options.deny_prefixes = config->deny_prefixes;
  return std::optional(std::move(options));
}

absl::Status CheckConfig(const config::Libp2p& config) {
  if (const auto host = HostOptionsOf(config); !host.ok()) return host.status();
  return RelayOptionsOf(config.relay).status();
}

class Service::Loop {
 public:
  Loop(crypto::PrivateKey key, std::function<void()> on_thread)
      : key_(std::move(key)), on_thread_(std::move(on_thread)), loop_(1) {}
  ~Loop() { Stop(std::chrono::milliseconds(0)); }

  absl::Status Start(HostOptions options, const std::optional<RelayOptions>& relay) {
    auto host = Host::Create(loop_.get_executor(), key_, std::move(options));
    if (!host.ok()) return host.status();
    host_ = *std::move(host);
    relay_ = std::make_unique<RelayService>(*host_, relay);
    if (auto listening = host_->Listen(); !listening.ok()) return listening;
    Publish();
    asio::co_spawn(loop_, PublishOften(), asio::detached);
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "ng-libp2p");
      if (on_thread_) on_thread_();
      while (!RunDry()) {
      }
    });
    return absl::OkStatus();
  }

  void Stop(std::chrono::milliseconds patience) {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this, patience] {
      stopping_ = true;
      pause_.Notify();
      host_->Stop(patience);
    });
    thread_.join();
  }

  void SetRelay(std::optional<RelayOptions> options) {
    asio::post(loop_, [this, options = std::move(options)] { relay_->SetOptions(options); });
  }

  ServiceSnapshot Snapshot() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  // False where something threw, which out of memory it does: what it was about is lost, and the
  // rest of the process must not be.
  bool RunDry() {
    try {
      loop_.run();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  Task<void> PublishOften() {
    while (!stopping_) {
      const TimeLimit next(loop_.get_executor(), kSnapshotInterval, [this] { pause_.Notify(); });
      co_await pause_.Wait();
      relay_->Expire();
      Publish();
    }
  }

  void Publish() {
    ServiceSnapshot fresh = Take();
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(fresh);
  }

  ServiceSnapshot Take() const {
    ServiceSnapshot s;
    s.peer_id = host_->peer_id().ToString();
    for (const Multiaddr& address : host_->ListenAddresses()) {
      s.listen.push_back(address.WithPeer(host_->peer_id()).ToString());
    }
    s.connections = static_cast<uint32_t>(host_->connection_count());
    s.half_open = static_cast<uint32_t>(host_->half_open_count());
    s.queued_bytes = host_->queued_bytes();
    s.memory_bytes = host_->memory();
    s.max_memory_bytes = host_->options().max_memory;
    const HostCounters& counters = host_->counters();
    s.accepted = counters.accepted;
    s.secured = counters.secured;
    s.refused = counters.refused + counters.half_open_dropped;
    s.idle_dropped = counters.idle_dropped;
    s.memory_dropped = counters.memory_dropped;
    s.negotiation_failed = counters.negotiation_failed;
    s.handshake_failed = counters.handshake_failed;
    s.muxer_failed = counters.muxer_failed;
    TakeRelay(&s);
    return s;
  }

  void TakeRelay(ServiceSnapshot* s) const {
    const RelayPolicy& policy = relay_->policy();
    s->relay = relay_->enabled();
    s->reservations = policy.reservations();
    s->max_reservations = policy.options().reservations;
    s->circuits = policy.circuits();
    s->max_circuits = policy.options().circuits;
    s->relayed_bytes = policy.relayed_bytes();
    for (const RelayOutcomeText& text : kRelayOutcomes) {
      s->outcomes.push_back(
          {std::string(text.name), policy.count(text.outcome), std::string(text.meaning)});
    }
    for (const RelayPeerAccount& account : policy.Accounts(Now())) {
      s->peers.push_back({.peer = account.peer.ToString(),
                          .reservation_seconds = account.reservation_seconds,
                          .circuits = account.circuits,
                          .circuits_opened = account.circuits_opened,
                          .sent_bytes = account.sent_bytes,
                          .received_bytes = account.received_bytes,
                          .circuit_seconds = account.circuit_seconds,
                          .refused = account.refused});
    }
  }

  const crypto::PrivateKey key_;
  const std::function<void()> on_thread_;
  asio::io_context loop_;
  // The loop's thread only, once that runs.
  std::unique_ptr<Host> host_;
  std::unique_ptr<RelayService> relay_;
  Notifier pause_{loop_.get_executor()};
  bool stopping_ = false;
  std::thread thread_;
  mutable std::mutex mutex_;
  ServiceSnapshot snapshot_;  // guarded by mutex_
};

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const config::Libp2p& config,
                                                        crypto::PrivateKey key,
                                                        std::function<void()> on_thread) {
  auto options = HostOptionsOf(config);
  if (!options.ok()) return options.status();
  const auto relay = RelayOptionsOf(config.relay);
  if (!relay.ok()) return relay.status();
  if (auto raised = RaiseDescriptorLimit(config.connections); !raised.ok()) return raised;
  auto loop = std::make_unique<Loop>(std::move(key), std::move(on_thread));
  if (auto started = loop->Start(*std::move(options), *relay); !started.ok()) return started;
  return std::unique_ptr<Service>(new Service(std::move(loop)));
}

Service::Service(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Service::~Service() = default;

ServiceSnapshot Service::Snapshot() const { return loop_->Snapshot(); }
void Service::SetRelay(std::optional<RelayOptions> options) { loop_->SetRelay(std::move(options)); }
void Service::Stop(std::chrono::milliseconds patience) { loop_->Stop(patience); }

}  // namespace noisegate::libp2p
