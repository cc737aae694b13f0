// What the gateway asks of the kernel about a tap interface, over rtnetlink (rtnetlink(7), RFC
// 3549): link up and MTU, addresses, routes. Each call waits for the kernel's answer, which comes
// at once.
//
// Needs CAP_NET_ADMIN. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_NETLINK_H_
#define NOISEGATE_CONTROLPLANE_NETLINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/address.h"

struct mnl_socket;
struct nlmsghdr;

namespace noisegate::controlplane {

class Netlink {
 public:
  static absl::StatusOr<std::unique_ptr<Netlink>> Open();
  ~Netlink();
  Netlink(const Netlink&) = delete;
  Netlink& operator=(const Netlink&) = delete;

  // NotFound where there is no interface of that name.
  static absl::StatusOr<unsigned> InterfaceIndex(const std::string& name);

  absl::Status SetLinkUp(unsigned interface, uint16_t mtu);
  // Without duplicate address detection: nobody else is on the link. Being there already is fine.
  absl::Status AddAddress(unsigned interface, const dataplane::Prefix& address);
  // AlreadyExists where the kernel has another route for the prefix; that one is left alone.
  absl::Status AddRoute(unsigned interface, const dataplane::Prefix& destination,
                        const dataplane::IpAddress& via);
  absl::Status RemoveRoute(unsigned interface, const dataplane::Prefix& destination,
                           const dataplane::IpAddress& via);

 private:
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}
  absl::Status Route(uint16_t type, uint16_t flags, unsigned interface,
                     const dataplane::Prefix& destination, const dataplane::IpAddress& via);
  // Sends the request and judges the kernel's answer.
  absl::Status Ask(nlmsghdr* request, const std::string& what);

  mnl_socket* socket_;
  uint32_t sequence_ = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_NETLINK_H_
