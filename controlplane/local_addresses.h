// The gateway's own addresses and MACs, port by port. Immutable.
#ifndef NOISEGATE_CONTROLPLANE_LOCAL_ADDRESSES_H_
#define NOISEGATE_CONTROLPLANE_LOCAL_ADDRESSES_H_

#include <optional>
#include <vector>

#include "config/config.h"
#include "dataplane/address.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class LocalAddresses {
 public:
  struct Port {
    dataplane::Side side = dataplane::Side::kUnderlay;
    dataplane::MacAddress mac;
    std::vector<dataplane::Prefix> addresses;
  };

  LocalAddresses(const config::Config& config, const dataplane::Dataplane& dataplane);

  const std::vector<Port>& ports() const { return ports_; }  // by PortIndex

  // Whether the port itself has the address: what ARP and neighbour discovery answer for.
  bool OnPort(dataplane::PortIndex port, const dataplane::IpAddress& address) const;
  // Whether any port of the side has it: what answers a ping that came in on that side.
  bool OnSide(dataplane::Side side, const dataplane::IpAddress& address) const;
  // Whom to ask for `neighbour` as: an address of ours on the port, of its family, of its subnet
  // where there is one.
  std::optional<dataplane::IpAddress> SourceFor(dataplane::PortIndex port,
                                                const dataplane::IpAddress& neighbour) const;
  // The first on the overlay of that family: what ICMP errors come from.
  std::optional<dataplane::IpAddress> OnOverlay(bool v4) const;

 private:
  std::vector<Port> ports_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_LOCAL_ADDRESSES_H_
