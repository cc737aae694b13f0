// A libp2p node: listens, dials, and serves protocols on the connections that come of it.
//
//   asio::io_context loop;
//   auto host = Host::Create(loop.get_executor(), key, options);
//   (*host)->Listen();
//   (*host)->ListenAddresses();              // with ports, without /p2p/ID
//   auto connection = co_await (*host)->Dial(address);
//
// ping, identify and id/push are always served; echo and perf where the options say so; others are
// added by AddProtocol(). Runs on the executor's one thread, which must be the caller's.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_HOST_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_HOST_H_

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/connection.h"
#include "controlplane/libp2p/connection_limits.h"
#include "controlplane/libp2p/identify_message.h"
#include "controlplane/libp2p/multiaddr.h"
#include "controlplane/libp2p/upgrade.h"
#include "crypto/aead.h"
#include "crypto/key.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

struct HostOptions {
  std::vector<dataplane::Endpoint> listen;  // TCP; port 0: a free one
  std::vector<Multiaddr> announce;          // instead of what it listens on; empty: that
  ConnectionLimitOptions limits;            // of connections that others open
  uint32_t max_half_open = 256;             // not secured yet; beyond it the oldest goes
  // Where so many that others opened are secured, each newcomer takes the place of the one that has
  // been idle for longest, if for `idle_grace`: with neither a stream in use nor a reservation.
  uint32_t trim_above = UINT32_MAX;
  std::chrono::milliseconds idle_grace{20'000};
  // Bytes that connections may hold together (Connection::memory()). Beyond it the address that
  // holds most loses the connection that holds most.
  size_t max_memory = 256 * 1024 * 1024;
  std::chrono::milliseconds handshake_timeout{10'000};  // of each step
  ConnectionOptions connection;
  NoiseChannelOptions channel;
  bool echo = true;
  bool perf = false;
};

// What happened to connections since start.
struct HostCounters {
  uint64_t accepted = 0;           // TCP connections that others opened
  uint64_t secured = 0;            // with a proven identity, either way
  uint64_t refused = 0;            // at a limit
  uint64_t half_open_dropped = 0;  // to make room for newer ones
  uint64_t idle_dropped = 0;       // secured, for the same reason
  uint64_t memory_dropped = 0;     // at max_memory
  uint64_t negotiation_failed = 0;
  uint64_t handshake_failed = 0;
  uint64_t muxer_failed = 0;
};

// Told as each step of a dial is done: "tcp", "negotiation", "handshake", "muxer", "relay".
using DialObserver = std::function<void(std::string_view step, const std::string& detail)>;
using StreamHandler = std::function<Task<void>(std::shared_ptr<Stream>)>;

class Host final : public ConnectionOwner {
 public:
  // `key` must outlive the host. Fails where this CPU cannot run the AEAD, or the key cannot sign.
  static absl::StatusOr<std::unique_ptr<Host>> Create(const Executor& executor,
                                                      const crypto::PrivateKey& key,
                                                      HostOptions options);
  // Only after Stop(), and when the loop has run dry.
  ~Host() override;

  // Unavailable names the address that is taken.
  absl::Status Listen();
  // Ends listening at once, and connections after what is queued is sent or `patience` is over.
  void Stop(std::chrono::milliseconds patience);

  // By TCP, or through a relay. The address may end in /p2p/ID: then nobody else may answer.
  Task<absl::StatusOr<std::shared_ptr<Connection>>> Dial(Multiaddr address,
                                                         DialObserver observer = {});

  // Secures a pipe that came about otherwise, as a relay's client gets them.
  Task<absl::StatusOr<std::shared_ptr<Connection>>> Adopt(std::unique_ptr<Transport> transport,
                                                          ConnectionInfo info,
                                                          std::optional<PeerId> expected,
                                                          DialObserver observer);

  // Serves `protocol` from now on, on connections for which `offered` holds (all, where it is empty).
  void AddProtocol(std::string protocol, StreamHandler handler,
                   std::function<bool(const Connection&)> offered = {});
  // While `kept` holds, a connection is not idle.
  void KeepWhile(std::function<bool(const Connection&)> kept);
  // Called when a connection has ended.
  void OnClosed(std::function<void(const Connection&)> listener);
  // Makes /p2p-circuit addresses known: how Dial() gets through relays (relay_client.h).
  using CircuitDialler = std::function<Task<absl::StatusOr<std::shared_ptr<Connection>>>(
      CircuitAddress, DialObserver)>;
  void SetCircuitDialler(CircuitDialler dialler) { dial_circuit_ = std::move(dialler); }

  const PeerId& peer_id() const { return identity_.peer_id(); }
  const crypto::PrivateKey& key() const { return key_; }
  const Executor& executor() const { return executor_; }
  const HostOptions& options() const { return options_; }
  // Where it listens: as bound, so that an unspecified address is that of no one.
  const std::vector<Multiaddr>& ListenAddresses() const { return listening_; }
  // Where others find it: what to announce, or each address of each interface that it listens on,
  // and what AnnounceAlso() added.
  std::vector<Multiaddr> PublicAddresses() const;
  // Addresses through relays. Peers that are connected are told (id/push).
  void AnnounceAlso(std::vector<Multiaddr> addresses);
  // What identify says on this connection.
  IdentifyMessage Describe(const Connection& connection);

  std::shared_ptr<Connection> FindConnection(ConnectionId id) const;
  size_t connection_count() const { return connections_.size(); }
  size_t half_open_count() const { return half_open_.size(); }
  // Bytes that connections hold for their streams.
  size_t queued_bytes() const;
  size_t memory() const { return memory_; }  // sum of Connection::memory()
  const HostCounters& counters() const { return counters_; }

  std::vector<std::string> ProtocolsFor(const Connection& connection) override;
  Task<void> HandleStream(std::shared_ptr<Stream> stream) override;
  void HandleClosed(Connection& connection) override;
  void HandleMemory(size_t before, size_t now) override;

 private:
  struct Protocol {
    std::string name;
    StreamHandler handler;
    std::function<bool(const Connection&)> offered;
  };
  struct Open {
    std::shared_ptr<Connection> connection;
    ConnectionLimits::Slot slot;
  };

  Host(const Executor& executor, const crypto::PrivateKey& key, NoiseIdentity identity,
       std::unique_ptr<crypto::AeadEngine> engine, HostOptions options);
  Task<void> AcceptLoop(asio::ip::tcp::acceptor* acceptor);
  Task<void> Accept(asio::ip::tcp::socket socket, ConnectionLimits::Slot slot);
  Task<absl::StatusOr<std::shared_ptr<Connection>>> Secure(std::unique_ptr<Transport> transport,
                                                           ConnectionInfo info,
                                                           ConnectionLimits::Slot slot,
                                                           std::optional<PeerId> expected,
                                                           DialObserver observer);
  void CountFailure(UpgradeStep failed);
  void TrimIdle();
  void RelieveMemory();
  std::shared_ptr<Connection> FindGreediest() const;
  std::vector<std::shared_ptr<Connection>> OpenConnections() const;
  Task<void> PushIdentify(std::shared_ptr<Connection> connection);

  const Executor executor_;
  const crypto::PrivateKey& key_;
  const NoiseIdentity identity_;
  const std::unique_ptr<crypto::AeadEngine> engine_;
  const HostOptions options_;
  ConnectionLimits limits_;
  std::list<asio::ip::tcp::acceptor> acceptors_;
  std::vector<Multiaddr> listening_;
  std::vector<Multiaddr> circuit_addresses_;
  std::vector<Protocol> protocols_;
  std::vector<std::function<bool(const Connection&)>> keepers_;
  std::vector<std::function<void(const Connection&)>> closed_listeners_;
  CircuitDialler dial_circuit_;
  std::list<Transport*> half_open_;  // that others opened, oldest first
  absl::flat_hash_map<ConnectionId, Open> connections_;
  ConnectionId next_connection_ = 1;
  HostCounters counters_;
  size_t memory_ = 0;
  bool relieving_ = false;
  std::vector<uint8_t> peer_record_;  // signed
  std::vector<Multiaddr> recorded_;   // the addresses in it
  uint64_t record_sequence_ = 0;
  bool stopping_ = false;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_HOST_H_
