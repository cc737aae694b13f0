#include "controlplane/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

// Every request here is a fixed header and a handful of attributes.
using Buffer = std::array<char, 512>;

nlmsghdr* Begin(Buffer& buffer, uint16_t type, uint16_t flags) {
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  return request;
}

uint8_t Family(const dataplane::IpAddress& address) { return address.is_v4() ? AF_INET : AF_INET6; }

void PutAddress(nlmsghdr* request, uint16_t attribute, const dataplane::IpAddress& address) {
  const size_t size = address.is_v4() ? 4 : 16;
  mnl_attr_put(request, attribute, size, address.bytes.data() + 16 - size);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Netlink>> Netlink::Open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) {
    return absl::InternalError(absl::StrCat("netlink: ", strerror(errno)));
  }
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
    const int error = errno;
    mnl_socket_close(socket);
    return absl::InternalError(absl::StrCat("netlink: ", strerror(error)));
  }
  return std::unique_ptr<Netlink>(new Netlink(socket));
}

Netlink::~Netlink() { mnl_socket_close(socket_); }

absl::StatusOr<unsigned> Netlink::InterfaceIndex(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return absl::NotFoundError(absl::StrCat("there is no interface ", name));
  return index;
}

absl::Status Netlink::SetLinkUp(unsigned interface, uint16_t mtu) {
  Buffer buffer;
  nlmsghdr* request = Begin(buffer, RTM_NEWLINK, 0);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  link->ifi_index = static_cast<int>(interface);
  link->ifi_flags = IFF_UP;
  link->ifi_change = IFF_UP;
  mnl_attr_put_u32(request, IFLA_MTU, mtu);
  return Ask(request, absl::StrCat("link up with MTU ", mtu));
}

absl::Status Netlink::AddAddress(unsigned interface, const dataplane::Prefix& address) {
  Buffer buffer;
  nlmsghdr* request = Begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifaddrmsg)));
  header->ifa_family = Family(address.address);
  header->ifa_prefixlen = address.length;
  header->ifa_flags = IFA_F_NODAD;
  header->ifa_index = interface;
  PutAddress(request, IFA_LOCAL, address.address);
  PutAddress(request, IFA_ADDRESS, address.address);
  return Ask(request, absl::StrCat("address ", address.ToString()));
}

absl::Status Netlink::AddRoute(unsigned interface, const dataplane::Prefix& destination,
                               const dataplane::IpAddress& via) {
  return Route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, interface, destination, via);
}

absl::Status Netlink::RemoveRoute(unsigned interface, const dataplane::Prefix& destination,
                                  const dataplane::IpAddress& via) {
  return Route(RTM_DELROUTE, 0, interface, destination, via);
}

absl::Status Netlink::Route(uint16_t type, uint16_t flags, unsigned interface,
                            const dataplane::Prefix& destination, const dataplane::IpAddress& via) {
  Buffer buffer;
  nlmsghdr* request = Begin(buffer, type, flags);
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  header->rtm_family = Family(destination.address);
  header->rtm_dst_len = destination.length;
  header->rtm_table = RT_TABLE_MAIN;
  header->rtm_protocol = RTPROT_STATIC;
  header->rtm_scope = RT_SCOPE_UNIVERSE;
  header->rtm_type = RTN_UNICAST;
  PutAddress(request, RTA_DST, destination.address);
  PutAddress(request, RTA_GATEWAY, via);
  mnl_attr_put_u32(request, RTA_OIF, interface);
  return Ask(request, absl::StrCat("route ", destination.ToString(), " via ", via.ToString()));
}

absl::Status Netlink::Ask(nlmsghdr* request, const std::string& what) {
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) {
    return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
  }
  std::array<char, 4096> answer;
  const ssize_t size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
  // With no call-back this judges the acknowledgement alone and puts its error into errno.
  if (size >= 0 && mnl_cb_run(answer.data(), static_cast<size_t>(size), sequence_,
                              mnl_socket_get_portid(socket_), nullptr, nullptr) >= 0) {
    return absl::OkStatus();
  }
  const std::string message = absl::StrCat(what, ": ", strerror(errno));
  switch (errno) {
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ESRCH:
    case ENODEV:
      return absl::NotFoundError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace noisegate::controlplane
