// The gateway's data path as a DatagramSwarm: datagrams come in by punt and leave as frames of the
// control thread's own, past the kernel.
//
// The data plane carries transport messages of published sessions itself; what appears here are
// handshake messages, closes, and (rate-limited) messages that found no session.
//
// A datagram leaves from the address that the other side knows us by, or it would not be taken for
// an answer: while a datagram is being received, the address that it came to; else the address that
// a running session of that path was made with (Pin); else what the routes say.
//
// Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_DATAPATH_SWARM_H_
#define NOISEGATE_CONTROLPLANE_DATAPATH_SWARM_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controlplane/local_addresses.h"
#include "controlplane/neighbours.h"
#include "controlplane/session_machine.h"
#include "controlplane/swarm.h"
#include "controlplane/underlay_routes.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class DataPathSwarm : public DatagramSwarm {
 public:
  // Punts that carry no datagram of a swarm go to `others` in the order in which they come.
  using PuntHandler = std::function<void(const dataplane::Punt&)>;

  // All outlive the swarm.
  DataPathSwarm(dataplane::Dataplane& dataplane, const UnderlayRoutes& routes,
                const LocalAddresses& addresses, Neighbours& neighbours, uint16_t listen_port, uint16_t stripes, PuntHandler others);

  absl::Status Tell(uint16_t stripe, const dataplane::Endpoint& destination,
                    std::span<const uint8_t> datagram) override;
  size_t Receive(size_t limit, const Receiver& receiver) override;
  size_t Mtu(const dataplane::Endpoint& destination) const override;
  std::vector<dataplane::Endpoint> LocalEndpoints() const override;
  // Workers make no system call to wake anyone: Receive is called once a millisecond instead.
  int event_fd() const override { return -1; }

  // How a datagram on this path would leave now.
  std::optional<UnderlayRoutes::Hop> HopTo(const Path& path) const;
  // A session runs on this path by that hop's port and local address. Counted, so each Pin needs an Unpin.
  void Pin(const Path& path, const UnderlayRoutes::Hop& hop);
  void Unpin(const Path& path);

 private:
  // Where we are reached.
  struct Here {
    dataplane::PortIndex port = 0;
    dataplane::IpAddress local_address;
  };
  struct Pinned {
    Here here;
    uint32_t sessions = 0;
  };
  struct Receiving {
    Path path;
    Here here;
  };

  dataplane::Dataplane& dataplane_;
  const UnderlayRoutes& routes_;
  const LocalAddresses& addresses_;
  Neighbours& neighbours_;
  const uint16_t listen_port_;
  const uint16_t stripes_;
  const PuntHandler others_;
  absl::flat_hash_map<Path, Pinned> pinned_;  // as many as sessions
  std::optional<Receiving> receiving_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_DATAPATH_SWARM_H_
