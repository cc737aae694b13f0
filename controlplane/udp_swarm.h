// UdpSwarm: datagrams on a kernel UDP socket, IPv4 or IPv6.
//
// Bound to [::] it carries both families. Datagrams are sent with DF set and never fragmented here;
// Mtu() follows what the kernel knows of the path. One socket, one stripe (0).
#ifndef NOISEGATE_CONTROLPLANE_UDP_SWARM_H_
#define NOISEGATE_CONTROLPLANE_UDP_SWARM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/swarm.h"
#include "dataplane/address.h"

namespace noisegate::controlplane {

// One thread. The socket is closed when it is destroyed; datagrams held back are flushed before.
class UdpSwarm final : public DatagramSwarm {
 public:
  struct Counters {
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t send_full = 0;    // the socket's buffer was full
    uint64_t send_failed = 0;  // the kernel refused: no route, larger than the path carries, …
    uint64_t unusable = 0;     // received, but truncated or from a source that cannot be answered
  };

  // Port 0 takes a free one. The message of an error names the endpoint.
  static absl::StatusOr<std::unique_ptr<UdpSwarm>> Bind(const dataplane::Endpoint& local);
  ~UdpSwarm() override;
  UdpSwarm(const UdpSwarm&) = delete;
  UdpSwarm& operator=(const UdpSwarm&) = delete;

  // InvalidArgument: another stripe than 0, a destination that cannot be (another family than the
  // socket's, no address, no port, multicast), or a datagram that no UDP header can announce.
  absl::Status Tell(uint16_t stripe, const dataplane::Endpoint& destination,
                    std::span<const uint8_t> datagram) override;
  void Flush() override;
  size_t Receive(size_t limit, const Receiver& receiver) override;
  // 1,232 (what every IPv6 path carries) where the kernel has no route; 0 for a destination that
  // cannot be.
  size_t Mtu(const dataplane::Endpoint& destination) const override;
  // Where bound to a wildcard: one for each address of the host's interfaces that are up, without
  // IPv6's link-local ones.
  std::vector<dataplane::Endpoint> LocalEndpoints() const override;
  int event_fd() const override { return socket_; }

  const Counters& counters() const { return counters_; }

 private:
  struct SendBatch;
  struct ReceiveBatch;
  struct KnownMtu {
    size_t mtu = 0;
    std::chrono::steady_clock::time_point asked;
  };

  UdpSwarm(int socket, const dataplane::Endpoint& local, int family);
  bool Carries(const dataplane::IpAddress& address) const;
  bool CanSendTo(const dataplane::Endpoint& destination) const;
  size_t AskKernelForMtu(const dataplane::Endpoint& destination) const;

  const int socket_;
  const dataplane::Endpoint local_;
  const int family_;
  Counters counters_;
  std::unique_ptr<SendBatch> send_;
  std::unique_ptr<ReceiveBatch> receive_;
  mutable absl::flat_hash_map<dataplane::IpAddress, KnownMtu> mtus_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_UDP_SWARM_H_
