// The kernel's side of a tap port: the interface that the host sees, with addresses and routes that
// lead what is for peers to the gateway.
//
// It vanishes with the process, and its addresses and routes with it. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_HOST_INTERFACE_H_
#define NOISEGATE_CONTROLPLANE_HOST_INTERFACE_H_

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/netlink.h"

namespace noisegate::controlplane {

class HostInterface {
 public:
  // Brings the interface of a started tap port up with its addresses and the given MTU.
  static absl::StatusOr<std::unique_ptr<HostInterface>> Open(const config::Port& port,
                                                             uint16_t mtu);

  // Makes the kernel's routes through the interface exactly those to `prefixes`, where the port's
  // config wants any. Prefixes of a family in which the gateway has no address on the port, and
  // those for which the kernel has another route, are left out and logged.
  void SetRoutes(std::span<const dataplane::Prefix> prefixes);

 private:
  HostInterface(const config::Port& port, std::unique_ptr<Netlink> netlink, unsigned index)
      : port_(port), netlink_(std::move(netlink)), index_(index) {}
  // Whom the kernel sends to on this interface: the gateway's own address there.
  const dataplane::IpAddress* Via(const dataplane::Prefix& prefix) const;

  const config::Port port_;
  const std::unique_ptr<Netlink> netlink_;
  const unsigned index_;
  std::set<dataplane::Prefix> routes_;
};

// The largest MTU at which what comes from the overlay fits into every underlay port's datagrams.
uint16_t OverlayMtu(const config::Config& config);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_HOST_INTERFACE_H_
