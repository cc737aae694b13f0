// The gateway as a host: answers for its own addresses to ARP, neighbour discovery and ping, on
// every port and through the tunnel, and tells the links at start that it is there.
//
// Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_LOCAL_RESPONDER_H_
#define NOISEGATE_CONTROLPLANE_LOCAL_RESPONDER_H_

#include <cstdint>
#include <span>

#include "controlplane/local_addresses.h"
#include "controlplane/neighbours.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class LocalResponder {
 public:
  // All outlive this.
  LocalResponder(dataplane::Dataplane& dataplane, const LocalAddresses& addresses,
                 Neighbours& neighbours)
      : dataplane_(dataplane), addresses_(addresses), neighbours_(neighbours) {}

  // A frame addressed to the gateway itself, from Ethernet on.
  void HandleFrame(dataplane::PortIndex port, std::span<const uint8_t> frame);
  // An inner packet from a peer to an address of ours.
  void HandleInner(std::span<const uint8_t> packet);
  // Gratuitous ARP (RFC 5227 3) and unsolicited advertisements (RFC 4861 7.2.6) for every address,
  // so that the links forget a MAC that a former gateway had.
  void Announce();

 private:
  bool HandleArp(dataplane::PortIndex port, std::span<const uint8_t> frame);
  bool HandleNeighbour(dataplane::PortIndex port, std::span<const uint8_t> frame);
  bool HandleEcho(dataplane::PortIndex port, std::span<const uint8_t> frame);
  void Transmit(dataplane::PortIndex port, std::span<const uint8_t> frame);

  dataplane::Dataplane& dataplane_;
  const LocalAddresses& addresses_;
  Neighbours& neighbours_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_LOCAL_RESPONDER_H_
