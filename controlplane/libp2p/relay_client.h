// Circuit Relay v2, the client's side: reserves a place at relays, accepts what comes through them,
// and dials others through theirs.
//
// A relayed connection is secured end to end: Noise and yamux run once more inside the stream, and
// the relay sees only sealed bytes.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_CLIENT_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_CLIENT_H_

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/host.h"

namespace noisegate::libp2p {

struct RelayReservation {
  std::shared_ptr<Connection> relay;
  uint64_t expire = 0;               // unix time, s
  std::optional<CircuitLimit> limit;
  std::vector<Multiaddr> addresses;  // where others reach us: …/p2p/RELAY/p2p-circuit/p2p/US
  bool has_voucher = false;          // and it was the relay's, for us
};

// The host's thread. Must live as long as the host serves streams.
class RelayClient {
 public:
  explicit RelayClient(Host& host);
  RelayClient(const RelayClient&) = delete;
  RelayClient& operator=(const RelayClient&) = delete;

  // Connects to the relay (an address that ends in its /p2p/ID) and asks for a place; announces the
  // addresses that come of it beside those of other relays. PermissionDenied and ResourceExhausted name the relay's status.
  Task<absl::StatusOr<RelayReservation>> Reserve(Multiaddr relay);
  // Keeps the place until the connection ends: asks again at half of what is left. Returns why it
  // was lost.
  Task<absl::Status> Hold(RelayReservation reservation);

 private:
  Task<absl::StatusOr<RelayReservation>> Ask(std::shared_ptr<Connection> relay, Multiaddr address);
  Task<absl::StatusOr<std::shared_ptr<Connection>>> Dial(CircuitAddress circuit,
                                                         DialObserver observer);
  Task<void> ServeStop(std::shared_ptr<Stream> stream);
  void Forget(const Connection* connection);
  // The addresses that reach us through this relay, instead of those before.
  void Announce(const PeerId& relay, std::vector<Multiaddr> addresses);
  Task<void> RefuseStop(Stream& stream, CircuitStatus status);

  Host& host_;
  // Relays that we hold a place at: nobody else's stop requests are heard.
  std::vector<std::weak_ptr<Connection>> relays_;
  std::map<PeerId, std::vector<Multiaddr>> announced_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_RELAY_CLIENT_H_
