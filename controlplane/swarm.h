// Swarms: where messages go and come from. The library's way in.
//
// A DatagramSwarm carries unreliable datagrams between endpoints: a UDP socket, memory, or the
// gateway's data path. A SecureSwarm is the Noise Swarm protocol over any of them: messages to and
// from peers whose identity is proven.
//
//   auto udp = UdpSwarm::Bind(local);
//   SecureSwarm swarm(**udp, identity, policy, {});
//   swarm.OnReceive([](const SecureSwarm::Message& m) { … m.source, m.bytes … });
//   swarm.Tell({peer_id, endpoint}, bytes);
//   swarm.Run(stop);   // or Poll() from an event loop of one's own
//
// docs/library.md is the guide.
#ifndef NOISEGATE_CONTROLPLANE_SWARM_H_
#define NOISEGATE_CONTROLPLANE_SWARM_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/peer_id.h"
#include "dataplane/address.h"

namespace noisegate::controlplane {

// Unreliable, unordered, unauthenticated datagrams. One thread.
class DatagramSwarm {
 public:
  using Receiver = std::function<void(const dataplane::Endpoint& source, uint16_t stripe,
                                      std::span<const uint8_t> datagram)>;
  virtual ~DatagramSwarm() = default;

  // Best effort: an error only for what can never be sent. `stripe` picks the local port. May hold
  // the datagram back until Flush(), to send several in one go.
  virtual absl::Status Tell(uint16_t stripe, const dataplane::Endpoint& destination,
                            std::span<const uint8_t> datagram) = 0;
  virtual void Flush() {}
  // Hands at most `limit` waiting datagrams to `receiver`; never blocks. Returns how many. The
  // bytes live for that call only. `receiver` may call Tell, but not Receive.
  virtual size_t Receive(size_t limit, const Receiver& receiver) = 0;
  // The largest datagram that can be sent there, in bytes; 0 where none ever can.
  virtual size_t Mtu(const dataplane::Endpoint& destination) const = 0;
  virtual std::vector<dataplane::Endpoint> LocalEndpoints() const = 0;
  // Readable when Receive may find something; -1 where there is none to poll.
  virtual int event_fd() const = 0;
};

// A peer at an endpoint. Text: "PEERID@ip:port".
struct PeerAddress {
  crypto::PeerId peer;
  dataplane::Endpoint endpoint;
  auto operator<=>(const PeerAddress&) const = default;
  std::string ToString() const;
  static absl::StatusOr<PeerAddress> Parse(std::string_view text);
  template <typename H>
  friend H AbslHashValue(H h, const PeerAddress& a) {
    return H::combine(std::move(h), a.peer, a.endpoint);
  }
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SWARM_H_
