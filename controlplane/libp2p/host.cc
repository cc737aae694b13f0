#include "controlplane/libp2p/host.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/protocols.h"
#include "controlplane/libp2p/signed_envelope.h"
#include "controlplane/libp2p/tcp_transport.h"
#include "crypto/random.h"
#include "crypto/x25519.h"

namespace noisegate::libp2p {
namespace {

using asio::ip::tcp;

constexpr std::string_view kProtocolVersion = "ipfs/0.1.0";
constexpr std::string_view kAgentVersion = "noisegate/" NOISEGATE_VERSION;
// Wait after accept() failed, as it does when descriptors run out.
constexpr std::chrono::milliseconds kAcceptPause{100};
// For whoever makes room for a newcomer.
constexpr std::chrono::milliseconds kGoodbyeTime{1'000};
// A machine may have any number of addresses, and messages have a limit.
constexpr size_t kMaxAddresses = 32;

// The addresses that a socket bound to an unspecified one can be reached at.
std::vector<dataplane::IpAddress> InterfaceAddresses(bool v4) {
  std::vector<dataplane::IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (v4 && entry->ifa_addr->sa_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      addresses.push_back(dataplane::IpAddress::V4(ntohl(in->sin_addr.s_addr)));
    } else if (!v4 && entry->ifa_addr->sa_family == AF_INET6) {
      const auto* in = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      const auto address = dataplane::IpAddress::V6(
          std::span<const uint8_t, 16>(in->sin6_addr.s6_addr, 16));
      if (!address.is_link_local()) addresses.push_back(address);
    }
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Host>> Host::Create(const Executor& executor,
                                                   const crypto::PrivateKey& key,
                                                   HostOptions options) {
  auto identity =
      NoiseIdentity::Create(key, crypto::X25519KeyPair::Generate(crypto::SystemRandom()));
  if (!identity.ok()) return identity.status();
  auto engine = crypto::MakeAeadEngine(crypto::AeadEngineKind::kAuto);
  if (!engine.ok()) return engine.status();
  return std::unique_ptr<Host>(new Host(executor, key, *std::move(identity), *std::move(engine),
                                        std::move(options)));
}

Host::Host(const Executor& executor, const crypto::PrivateKey& key, NoiseIdentity identity,
           std::unique_ptr<crypto::AeadEngine> engine, HostOptions options)
    : executor_(executor),
      key_(key),
      identity_(std::move(identity)),
      engine_(std::move(engine)),
      options_(std::move(options)),
      limits_(options_.limits),
      record_sequence_(static_cast<uint64_t>(
          std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1))) {
  AddProtocol(std::string(kPingProtocol), &ServePing);
  AddProtocol(std::string(kIdentifyProtocol),
              [this](std::shared_ptr<Stream> stream) { return ServeIdentify(*this, stream); });
  AddProtocol(std::string(kIdentifyPushProtocol), &ServeIdentifyPush);
  if (options_.echo) AddProtocol(std::string(kEchoProtocol), &ServeEcho);
  if (options_.perf) AddProtocol(std::string(kPerfProtocol), &ServePerf);
}

Host::~Host() = default;

absl::Status Host::Listen() {
  for (const dataplane::Endpoint& endpoint : options_.listen) {
    auto acceptor = ListenTcp(executor_, endpoint);
    if (!acceptor.ok()) return acceptor.status();
    acceptors_.push_back(*std::move(acceptor));
    listening_.push_back(Multiaddr::OfTcp(ToEndpoint(acceptors_.back().local_endpoint())));
  }
  for (tcp::acceptor& acceptor : acceptors_) {
    asio::co_spawn(executor_, AcceptLoop(&acceptor), asio::detached);
  }
  return absl::OkStatus();
}

void Host::Stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  for (tcp::acceptor& acceptor : acceptors_) {
    asio::error_code ignored;
    acceptor.close(ignored);
  }
  for (Transport* transport : half_open_) transport->Close();
  for (const auto& connection : OpenConnections()) connection->CloseGracefully(patience);
}

// As they are now, where what is done to them may end some.
std::vector<std::shared_ptr<Connection>> Host::OpenConnections() const {
  std::vector<std::shared_ptr<Connection>> open;
  for (const auto& [id, entry] : connections_) open.push_back(entry.connection);
  return open;
}

Task<void> Host::AcceptLoop(tcp::acceptor* acceptor) {
  while (!stopping_) {
    asio::error_code error;
    tcp::socket socket = co_await acceptor->async_accept(
        asio::redirect_error(asio::use_awaitable, error));
    if (stopping_) break;
    if (error) {
      co_await SleepUntil(executor_, Now() + kAcceptPause);
      continue;
    }
    // Whoever is gone again already must not hold up the next.
    const tcp::endpoint remote = socket.remote_endpoint(error);
    if (error) continue;
    ++counters_.accepted;
    ConnectionLimits::Slot slot = limits_.Admit(ToEndpoint(remote).address);
    if (!slot) {
      ++counters_.refused;
      continue;
    }
    asio::co_spawn(executor_, Accept(std::move(socket), std::move(slot)), asio::detached);
  }
}

Task<void> Host::Accept(tcp::socket socket, ConnectionLimits::Slot slot) {
  asio::error_code error;
  const dataplane::Endpoint remote = ToEndpoint(socket.remote_endpoint(error));
  if (error) co_return;
  ConnectionInfo info;
  info.remote = Multiaddr::OfTcp(remote);
  info.address = remote.address;
  info.inbound = true;
  co_await Secure(MakeTcpTransport(std::move(socket)), std::move(info), std::move(slot),
                  std::nullopt, {});
}

Task<absl::StatusOr<std::shared_ptr<Connection>>> Host::Secure(
    std::unique_ptr<Transport> transport, ConnectionInfo info, ConnectionLimits::Slot slot,
    std::optional<PeerId> expected, DialObserver observer) {
  // Those that others open wait in line, so that they can be dropped.
  std::optional<std::list<Transport*>::iterator> place;
  const auto leave = [&] {
    if (place) half_open_.erase(*place);
    place.reset();
  };
  const absl::Cleanup left = leave;
  if (info.inbound) {
    if (half_open_.size() >= options_.max_half_open) {
      ++counters_.half_open_dropped;
      half_open_.front()->Close();
      half_open_.splice(half_open_.end(), half_open_, half_open_.begin());
    }
    place = half_open_.insert(half_open_.end(), transport.get());
  }
  UpgradeStep next = UpgradeStep::kNegotiation;
  UpgradeOptions upgrade;
  upgrade.role =
      info.inbound ? crypto::NoiseRole::kResponder : crypto::NoiseRole::kInitiator;
  upgrade.identity = &identity_;
  upgrade.engine = engine_.get();
  upgrade.channel = options_.channel;
  upgrade.expected_peer = std::move(expected);
  upgrade.step_timeout = options_.handshake_timeout;
  upgrade.done = [&next, &observer](UpgradeStep step, const std::string& detail) {
    static constexpr std::string_view kNames[] = {"negotiation", "handshake", "muxer"};
    if (observer) observer(kNames[static_cast<size_t>(step)], detail);
    next = static_cast<UpgradeStep>(static_cast<uint8_t>(step) + 1);
  };
  auto upgraded = co_await Upgrade(std::move(transport), std::move(upgrade));
  leave();
  if (!upgraded.ok()) {
    CountFailure(next);
    co_return upgraded.status();
  }
  if (stopping_) co_return absl::CancelledError("the host is stopping");
  ++counters_.secured;
  info.id = next_connection_++;
  info.peer = upgraded->peer;
  const ConnectionId id = info.id;
  auto connection = Connection::Start(executor_, std::move(info), *std::move(upgraded),
                                      options_.connection, *this);
  connections_[id] = Open{connection, std::move(slot)};
  if (connection->info().inbound) TrimIdle();
  co_return connection;
}

void Host::TrimIdle() {
  const TimePoint latest = Now() - options_.idle_grace;
  size_t inbound = 0;
  Connection* idlest = nullptr;
  TimePoint since = latest;
  for (const auto& [id, open] : connections_) {
    const Connection& connection = *open.connection;
    if (!open.slot) continue;
    ++inbound;
    const auto idle = connection.idle_since();
    if (!idle || *idle > since || connection.closing()) continue;
    if (std::any_of(keepers_.begin(), keepers_.end(),
                    [&](const auto& kept) { return kept(connection); })) {
      continue;
    }
    since = *idle;
    idlest = open.connection.get();
  }
  if (inbound <= options_.trim_above || idlest == nullptr) return;
  ++counters_.idle_dropped;
  idlest->CloseGracefully(kGoodbyeTime);
}

void Host::HandleMemory(size_t before, size_t now) {
  memory_ += now - before;
  if (memory_ <= options_.max_memory || relieving_) return;
  // Not from within whatever the connection is doing.
  relieving_ = true;
  asio::post(executor_, [this] {
    relieving_ = false;
    RelieveMemory();
  });
}

void Host::RelieveMemory() {
  while (memory_ > options_.max_memory) {
    const std::shared_ptr<Connection> greediest = FindGreediest();
    if (greediest == nullptr) return;
    ++counters_.memory_dropped;
    greediest->Close(absl::ResourceExhaustedError("it held more memory than others may"));
  }
}

// Of the address that holds most, so that many connections of one cost none of others.
std::shared_ptr<Connection> Host::FindGreediest() const {
  absl::flat_hash_map<dataplane::Prefix, size_t> held;
  for (const auto& [id, open] : connections_) {
    held[OneAddress(open.connection->info().address)] += open.connection->memory();
  }
  std::shared_ptr<Connection> greediest;
  std::pair<size_t, size_t> most;
  for (const auto& [id, open] : connections_) {
    const std::pair here(held[OneAddress(open.connection->info().address)],
                         open.connection->memory());
    if (here <= most) continue;
    most = here;
    greediest = open.connection;
  }
  return greediest;
}

void Host::CountFailure(UpgradeStep failed) {
  switch (failed) {
    case UpgradeStep::kNegotiation:
      ++counters_.negotiation_failed;
      return;
    case UpgradeStep::kHandshake:
      ++counters_.handshake_failed;
      return;
    case UpgradeStep::kMuxer:
      ++counters_.muxer_failed;
      return;
  }
}

Task<absl::StatusOr<std::shared_ptr<Connection>>> Host::Adopt(
    std::unique_ptr<Transport> transport, ConnectionInfo info, std::optional<PeerId> expected,
    DialObserver observer) {
  co_return co_await Secure(std::move(transport), std::move(info), ConnectionLimits::Slot(),
                            std::move(expected), std::move(observer));
}

Task<absl::StatusOr<std::shared_ptr<Connection>>> Host::Dial(Multiaddr address,
                                                             DialObserver observer) {
  if (address.Has(AddressProtocol::kP2pCircuit)) {
    auto circuit = address.circuit();
    if (!circuit || !dial_circuit_) {
      co_return absl::InvalidArgumentError(
          absl::StrCat(address.ToString(), " is no address through one relay"));
    }
    co_return co_await dial_circuit_(*std::move(circuit), std::move(observer));
  }
  const auto target = address.tcp();
  if (!target) {
    co_return absl::InvalidArgumentError(
        absl::StrCat(address.ToString(), " cannot be dialled: only /ip4, /ip6 and /dns with /tcp"));
  }
  auto socket = co_await ConnectTcp(*target, options_.handshake_timeout);
  if (!socket.ok()) co_return socket.status();
  asio::error_code error;
  const dataplane::Endpoint remote = ToEndpoint(socket->remote_endpoint(error));
  if (error) co_return SocketError("connect", error);
  if (observer) observer("tcp", Multiaddr::OfTcp(remote).ToString());
  ConnectionInfo info;
  info.remote = Multiaddr::OfTcp(remote);
  info.address = remote.address;
  co_return co_await Secure(MakeTcpTransport(*std::move(socket)), std::move(info),
                            ConnectionLimits::Slot(), address.last_peer(), std::move(observer));
}

void Host::AddProtocol(std::string protocol, StreamHandler handler,
                       std::function<bool(const Connection&)> offered) {
  protocols_.push_back({std::move(protocol), std::move(handler), std::move(offered)});
}

void Host::KeepWhile(std::function<bool(const Connection&)> kept) {
  keepers_.push_back(std::move(kept));
}

void Host::OnClosed(std::function<void(const Connection&)> listener) {
  closed_listeners_.push_back(std::move(listener));
}

std::vector<Multiaddr> Host::PublicAddresses() const {
  std::vector<Multiaddr> addresses = options_.announce;
  if (addresses.empty()) {
    for (const Multiaddr& address : listening_) {
      const TcpTarget target = *address.tcp();
      if (!target.address->is_unspecified()) {
        addresses.push_back(address);
        continue;
      }
      for (const auto& own : InterfaceAddresses(target.address->is_v4())) {
        addresses.push_back(Multiaddr::OfTcp({own, target.port}));
      }
    }
  }
  addresses.insert(addresses.end(), circuit_addresses_.begin(), circuit_addresses_.end());
  if (addresses.size() > kMaxAddresses) addresses.resize(kMaxAddresses);
  return addresses;
}

void Host::AnnounceAlso(std::vector<Multiaddr> addresses) {
  if (addresses == circuit_addresses_) return;
  circuit_addresses_ = std::move(addresses);
  for (const auto& connection : OpenConnections()) {
    asio::co_spawn(executor_, PushIdentify(connection), asio::detached);
  }
}

Task<void> Host::PushIdentify(std::shared_ptr<Connection> connection) {
  const auto stream =
      co_await connection->OpenStream(kIdentifyPushProtocol);
  if (!stream.ok()) co_return;  // it need not understand it
  (*stream)->SetTimeLimit(options_.handshake_timeout);
  const std::vector<uint8_t> message = WithLengthPrefix(SerializeIdentify(Describe(*connection)));
  const absl::Status sent = co_await (*stream)->Write(message);
  if (!sent.ok()) co_return;
  (*stream)->CloseWrite();
  co_await (*stream)->WaitEnd();
}

IdentifyMessage Host::Describe(const Connection& connection) {
  const std::vector<Multiaddr> addresses = PublicAddresses();
  if (peer_record_.empty() || recorded_ != addresses) {
    const auto record = SealPeerRecord(
        key_, {.peer = peer_id(), .sequence = record_sequence_++, .addresses = addresses});
    if (record.ok()) peer_record_ = *record;
    recorded_ = addresses;
  }
  IdentifyMessage message;
  message.protocol_version = kProtocolVersion;
  message.agent_version = kAgentVersion;
  message.public_key = EncodePublicKey(key_.public_key());
  message.listen_addresses = addresses;
  message.observed_address = connection.info().remote;
  message.protocols = ProtocolsFor(connection);
  message.signed_peer_record = peer_record_;
  return message;
}

std::shared_ptr<Connection> Host::FindConnection(ConnectionId id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.connection;
}

size_t Host::queued_bytes() const {
  size_t total = 0;
  for (const auto& [id, open] : connections_) total += open.connection->queued_bytes();
  return total;
}

std::vector<std::string> Host::ProtocolsFor(const Connection& connection) {
  std::vector<std::string> names;
  for (const Protocol& protocol : protocols_) {
    if (!protocol.offered || protocol.offered(connection)) names.push_back(protocol.name);
  }
  return names;
}

Task<void> Host::HandleStream(std::shared_ptr<Stream> stream) {
  for (const Protocol& protocol : protocols_) {
    if (protocol.name == stream->protocol()) return protocol.handler(std::move(stream));
  }
  return [](std::shared_ptr<Stream> dropped) -> Task<void> {
    dropped->Reset();  // no longer served
    co_return;
  }(std::move(stream));
}

void Host::HandleClosed(Connection& connection) {
  for (const auto& listener : closed_listeners_) listener(connection);
  connections_.erase(connection.info().id);
}

}  // namespace noisegate::libp2p
