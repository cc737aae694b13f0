// A connection to a peer that has proved its identity: Noise and yamux over a Transport, driven by
// coroutines on the host's thread.
//
// Backpressure is end to end: a stream's window opens only as its handler reads, and handlers wait
// where the socket does not take more. The muxer bounds what can pile up on either side.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/connection_id.h"
#include "controlplane/libp2p/multiaddr.h"
#include "controlplane/libp2p/peer_id.h"
#include "controlplane/libp2p/stream.h"
#include "controlplane/libp2p/upgrade.h"
#include "controlplane/libp2p/yamux.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

struct ConnectionInfo {
  ConnectionId id = 0;
  PeerId peer;
  Multiaddr remote;                // without /p2p/ID
  dataplane::IpAddress address;    // of the socket; for a relayed connection, the relay's
  bool inbound = false;
  bool relayed = false;            // goes through a relay
};

// What a connection needs of its host.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // Offered on this connection to streams that the peer opens.
  virtual std::vector<std::string> ProtocolsFor(const Connection& connection) = 0;
  // Called once the protocol is agreed.
  virtual Task<void> HandleStream(std::shared_ptr<Stream> stream) = 0;
  virtual void HandleClosed(Connection& connection) = 0;
  // What a connection's memory() was and is.
  virtual void HandleMemory(size_t before, size_t now) = 0;
};

struct ConnectionOptions {
  YamuxOptions yamux;
  std::chrono::milliseconds negotiation_timeout{10'000};  // of each stream
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `owner` may go before the connection does, but only after HandleClosed().
  static std::shared_ptr<Connection> Start(const Executor& executor, ConnectionInfo info,
                                           Upgraded upgraded, const ConnectionOptions& options,
                                           ConnectionOwner& owner);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const Executor& executor() const { return executor_; }
  const ConnectionInfo& info() const { return info_; }

  // NotFound where the peer does not speak the protocol.
  Task<absl::StatusOr<std::shared_ptr<Stream>>> OpenStream(std::string_view protocol);

  // Sends what is queued and a go-away, for at most `patience`, then ends the connection.
  void CloseGracefully(std::chrono::milliseconds patience);
  // Ends it at once. Idempotent.
  void Close(absl::Status why);
  bool closed() const { return closed_; }
  bool closing() const { return closing_; }  // CloseGracefully() was called
  // Why it ended; Cancelled for CloseGracefully().
  const absl::Status& status() const { return status_; }
  // Until it is closed.
  Task<void> WaitClosed();

  std::optional<std::chrono::nanoseconds> round_trip() const { return mux_.round_trip(); }
  size_t stream_count() const { return mux_.stream_count(); }
  const YamuxCounters& muxer_counters() const { return mux_.counters(); }
  size_t queued_bytes() const { return mux_.send_queue_size() + mux_.receive_queue_size(); }
  // Bytes that it makes us hold, about: itself, its streams, its buffers, and what is queued.
  size_t memory() const;
  // Since when it has no stream of a protocol that does anything for the peer: ping and identify
  // are no use, but the upkeep of a connection. nullopt while it has one.
  std::optional<TimePoint> idle_since() const;

 private:
  friend class Stream;

  Connection(const Executor& executor, ConnectionInfo info, Upgraded upgraded,
             const ConnectionOptions& options, ConnectionOwner& owner);
  void Run();
  Task<void> ReadLoop();
  Task<void> WriteLoop();
  Task<void> TimerLoop();
  void Receive(std::span<const uint8_t> text);
  // Fills and seals the next burst; false where there is nothing to send.
  bool FillBurst();
  // After the muxer was given anything: events out, output going, timer right.
  void Pump();
  void HandleEvent(const YamuxStreamEvent& event);
  // Close(why) then, unless it has ended by itself.
  void EndIn(std::chrono::milliseconds time, absl::Status why);
  absl::Status MuxerStatus() const;
  void AccountMemory(size_t now);
  Task<void> ServeInbound(std::shared_ptr<Stream> stream);

  const Executor executor_;
  const ConnectionInfo info_;
  const ConnectionOptions options_;
  ConnectionOwner* owner_;
  std::unique_ptr<Transport> transport_;
  NoiseSealer sealer_;
  NoiseOpener opener_;
  YamuxSession mux_;
  absl::flat_hash_map<StreamId, Stream*> streams_;  // they take themselves out
  Notifier output_, ended_;
  asio::steady_timer timer_;
  std::optional<TimeLimit> goodbye_;
  TimePoint used_at_;
  size_t accounted_ = 0;  // bytes that the owner was told of
  bool pumping_ = false;
  bool output_waiting_ = false;
  bool closing_ = false;
  bool closed_ = false;
  absl::Status status_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_H_
