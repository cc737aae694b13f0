// Where datagrams to an address leave the gateway: port, source address and next hop, from the
// addresses and gateways of the underlay ports. Immutable.
#ifndef NOISEGATE_CONTROLPLANE_UNDERLAY_ROUTES_H_
#define NOISEGATE_CONTROLPLANE_UNDERLAY_ROUTES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "config/config.h"
#include "dataplane/address.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class UnderlayRoutes {
 public:
  struct Hop {
    dataplane::PortIndex port = 0;
    dataplane::IpAddress local_address;
    dataplane::IpAddress next_hop;  // the destination itself where it is on the link
    uint16_t mtu = 0;               // bytes of IP packet
    bool operator==(const Hop&) const = default;
  };

  // A port's index is its position in `ports`.
  explicit UnderlayRoutes(std::span<const config::Port> ports);

  // The longest prefix of an address of ours that covers the destination; else, in the order of the
  // ports, the first with a gateway of that family. A link-local destination is on the link, whichever
  // prefixes there are, and never behind a gateway.
  std::optional<Hop> To(const dataplane::IpAddress& destination) const;
  // The same with port and source address given: link-local ones may stand on several ports. Nothing where
  // the port does not have the address.
  std::optional<Hop> From(dataplane::PortIndex port, const dataplane::IpAddress& local_address,
                          const dataplane::IpAddress& destination) const;

  // Our own addresses on the underlay.
  std::vector<dataplane::IpAddress> LocalAddresses() const;

 private:
  struct Source {
    dataplane::PortIndex port;
    dataplane::Prefix address;
    std::optional<dataplane::IpAddress> gateway;  // of the address's family
    uint16_t mtu;
  };
  static std::optional<Hop> Over(const Source& source, const dataplane::IpAddress& destination);

  std::vector<Source> sources_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_UNDERLAY_ROUTES_H_
