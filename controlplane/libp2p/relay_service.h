// Circuit Relay v2, the relay's side: answers hop requests, asks the wanted peer (stop), and splices
// the two streams, within what RelayPolicy allows.
//
//   source ── hop stream ──> relay ── stop stream ──> destination
//   RESERVE / CONNECT          │        CONNECT
//   STATUS                     │        STATUS
//   ………………… the same two streams, spliced byte for byte ………………
//
// https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_SERVICE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_SERVICE_H_

#include <chrono>
#include <memory>
#include <optional>

#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/relay_policy.h"

namespace noisegate::libp2p {

// The host's thread. Must live as long as the host serves streams.
class RelayService {
 public:
  // Without options it is off: the protocol is not offered.
  RelayService(Host& host, const std::optional<RelayOptions>& options);
  RelayService(const RelayService&) = delete;
  RelayService& operator=(const RelayService&) = delete;

  // Turning it off frees all reservations; circuits that are open go on to their limits.
  void SetOptions(const std::optional<RelayOptions>& options);
  // Frees what nobody renewed; otherwise that is done when somebody asks for something.
  void Expire() { policy_.Expire(Now()); }
  bool enabled() const { return enabled_; }
  const RelayPolicy& policy() const { return policy_; }

 private:
  struct Circuit;

  Task<void> ServeHop(std::shared_ptr<Stream> stream);
  Task<void> Reserve(std::shared_ptr<Stream> stream);
  Task<void> Connect(std::shared_ptr<Stream> source, PeerId wanted);
  Task<absl::StatusOr<std::shared_ptr<Stream>>> AskDestination(Connection& destination,
                                                               PeerId source);
  Task<void> Answer(Stream& stream, CircuitStatus status);
  Task<void> Splice(std::shared_ptr<Circuit> circuit, RelayWay way);
  CircuitLimit Limit() const;

  Host& host_;
  bool enabled_ = false;
  RelayPolicy policy_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_SERVICE_H_
