#include "controlplane/udp_swarm.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Endpoint;
using dataplane::IpAddress;

constexpr size_t kBatch = 64;               // datagrams for one system call
constexpr size_t kMaxPayload = 65'535 - 8;  // bytes behind a UDP header
constexpr size_t kIpv4Overhead = 20 + 8;    // bytes of IPv4 and UDP header
constexpr size_t kIpv6Overhead = 40 + 8;    // bytes of IPv6 and UDP header
constexpr size_t kMtuWithoutRoute = 1280 - kIpv6Overhead;
constexpr size_t kMaxKnownMtus = 1024;
constexpr auto kMtuLife = std::chrono::seconds(1);  // then the kernel is asked again
constexpr int kSocketBuffer = 4 << 20;  // bytes wished for; the kernel has its own maximum

// A socket address of either family, as the system calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const Endpoint& endpoint, int family) {
  SocketAddress out;
  if (family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    in.sin_addr.s_addr = htonl(endpoint.address.v4());
    std::memcpy(&out.storage, &in, sizeof(in));
    out.size = sizeof(in);
  } else {
    // Our form of an IPv4 address is the one that a socket for both families takes.
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    std::memcpy(&in6.sin6_addr, endpoint.address.bytes.data(), sizeof(in6.sin6_addr));
    std::memcpy(&out.storage, &in6, sizeof(in6));
    out.size = sizeof(in6);
  }
  return out;
}

std::optional<Endpoint> FromSocketAddress(const sockaddr* address) {
  Endpoint endpoint;
  if (address->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof(in));
    endpoint.address = IpAddress::V4(ntohl(in.sin_addr.s_addr));
    endpoint.port = ntohs(in.sin_port);
    return endpoint;
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof(in6));
    std::memcpy(endpoint.address.bytes.data(), &in6.sin6_addr, endpoint.address.bytes.size());
    endpoint.port = ntohs(in6.sin6_port);
    return endpoint;
  }
  return std::nullopt;
}

absl::Status SystemError(const std::string& what) {
  return absl::UnavailableError(absl::StrCat(what.c_str(), ": ", std::strerror(errno)));
}

void SetInt(int socket, int level, int option, int value) {
  // Every option set by this is a wish: without it the socket is slower, not wrong.
  static_cast<void>(setsockopt(socket, level, option, &value, sizeof(value)));
}

// Never fragment, and let Mtu() learn from ICMP. A socket for both families has both settings.
void SetDontFragment(int socket, int family) {
  if (family == AF_INET6) SetInt(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
  SetInt(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
}

}  // namespace

// Datagrams that wait for one sendmmsg. The buffers keep their memory from batch to batch.
struct UdpSwarm::SendBatch {
  size_t count = 0;
  std::array<std::vector<uint8_t>, kBatch> bytes;
  std::array<SocketAddress, kBatch> destinations;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> messages{};
};

struct UdpSwarm::ReceiveBatch {
  // Not initialised, so that the kernel only gives us the pages that are ever used.
  std::unique_ptr<uint8_t[]> bytes =
      std::make_unique_for_overwrite<uint8_t[]>(kBatch * kMaxPayload);
  std::array<SocketAddress, kBatch> sources;
  std::array<iovec, kBatch> vectors{};
  std::array<mmsghdr, kBatch> messages{};

  uint8_t* Datagram(size_t i) { return bytes.get() + i * kMaxPayload; }

  void Prepare() {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {Datagram(i), kMaxPayload};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &sources[i].storage;
      messages[i].msg_hdr.msg_namelen = sizeof(sources[i].storage);
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

absl::StatusOr<std::unique_ptr<UdpSwarm>> UdpSwarm::Bind(const Endpoint& local) {
  const int family = local.address.is_v4() ? AF_INET : AF_INET6;
  const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("UDP socket for " + local.ToString());
  if (family == AF_INET6) SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  SetDontFragment(fd, family);
  SetInt(fd, SOL_SOCKET, SO_RCVBUF, kSocketBuffer);
  SetInt(fd, SOL_SOCKET, SO_SNDBUF, kSocketBuffer);

  const SocketAddress wanted = ToSocketAddress(local, family);
  SocketAddress bound;
  bound.size = sizeof(bound.storage);
  if (bind(fd, wanted.get(), wanted.size) != 0 || getsockname(fd, bound.get(), &bound.size) != 0) {
    absl::Status status = SystemError("bind to " + local.ToString());
    close(fd);
    return status;
  }
  return std::unique_ptr<UdpSwarm>(new UdpSwarm(fd, *FromSocketAddress(bound.get()), family));
}

UdpSwarm::UdpSwarm(int socket, const Endpoint& local, int family)
    : socket_(socket),
      local_(local),
      family_(family),
      send_(std::make_unique<SendBatch>()),
      receive_(std::make_unique<ReceiveBatch>()) {}

UdpSwarm::~UdpSwarm() {
  Flush();
  close(socket_);
}

bool UdpSwarm::Carries(const IpAddress& address) const {
  if (family_ == AF_INET) return address.is_v4();
  return !address.is_v4() || local_.address.is_unspecified();
}

bool UdpSwarm::CanSendTo(const Endpoint& destination) const {
  return destination.port != 0 && !destination.address.is_unspecified() &&
         !destination.address.is_multicast() && Carries(destination.address);
}

absl::Status UdpSwarm::Tell(uint16_t stripe, const Endpoint& destination,
                            std::span<const uint8_t> datagram) {
  if (stripe != 0) return absl::InvalidArgumentError("a UDP socket has one stripe");
  if (datagram.size() > kMaxPayload) {
    return absl::InvalidArgumentError(
        absl::StrCat("datagram of ", datagram.size(), " bytes; UDP carries ", kMaxPayload));
  }
  if (!CanSendTo(destination)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot send to ", destination.ToString().c_str(), " from ", local_.ToString().c_str()));
  }

  if (send_->count == kBatch) Flush();
  const size_t i = send_->count++;
  send_->bytes[i].assign(datagram.begin(), datagram.end());
  send_->destinations[i] = ToSocketAddress(destination, family_);
  return absl::OkStatus();
}

void UdpSwarm::Flush() {
  SendBatch& batch = *send_;
  for (size_t i = 0; i < batch.count; ++i) {
    batch.vectors[i] = {batch.bytes[i].data(), batch.bytes[i].size()};
    batch.messages[i] = {};
    batch.messages[i].msg_hdr.msg_name = &batch.destinations[i].storage;
    batch.messages[i].msg_hdr.msg_namelen = batch.destinations[i].size;
    batch.messages[i].msg_hdr.msg_iov = &batch.vectors[i];
    batch.messages[i].msg_hdr.msg_iovlen = 1;
  }
  size_t next = 0;
  while (next < batch.count) {
    const int sent = sendmmsg(socket_, &batch.messages[next],
                              static_cast<unsigned>(batch.count - next), MSG_DONTWAIT);
    if (sent > 0) {
      counters_.sent += static_cast<size_t>(sent);
      next += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      // Late datagrams help nobody: whoever needs them sends again.
      counters_.send_full += batch.count - next;
      break;
    } else if (errno != EINTR) {
      // The error is of the first one; the others may still go. Its path may just have shrunk.
      if (errno == EMSGSIZE) mtus_.clear();
      ++counters_.send_failed;
      ++next;
    }
  }
  batch.count = 0;
}

size_t UdpSwarm::Receive(size_t limit, const Receiver& receiver) {
  size_t received = 0;
  while (received < limit) {
    const size_t wanted = std::min(limit - received, kBatch);
    receive_->Prepare();
    const int got = recvmmsg(socket_, receive_->messages.data(), static_cast<unsigned>(wanted),
                             MSG_DONTWAIT, nullptr);
    if (got <= 0) break;  // nothing there, or an ICMP error of an earlier datagram
    for (size_t i = 0; i < static_cast<size_t>(got); ++i) {
      const auto source = FromSocketAddress(receive_->sources[i].get());
      // Our endpoints carry no scope, so a link-local source could not be answered.
      if (!source || source->address.is_link_local() ||
          (receive_->messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        ++counters_.unusable;
        continue;
      }
      ++counters_.received;
      receiver(*source, 0, {receive_->Datagram(i), receive_->messages[i].msg_len});
    }
    received += static_cast<size_t>(got);
    if (static_cast<size_t>(got) < wanted) break;
  }
  return received;
}

size_t UdpSwarm::Mtu(const Endpoint& destination) const {
  if (!CanSendTo(destination)) return 0;
  const auto now = std::chrono::steady_clock::now();
  const auto known = mtus_.find(destination.address);
  if (known != mtus_.end() && now - known->second.asked < kMtuLife) return known->second.mtu;

  if (mtus_.size() >= kMaxKnownMtus) mtus_.clear();
  const size_t mtu = AskKernelForMtu(destination);
  mtus_[destination.address] = {mtu, now};
  return mtu;
}

// Only a connected socket can be asked, and ours must hear everyone. So a second one is connected,
// which sends nothing.
size_t UdpSwarm::AskKernelForMtu(const Endpoint& destination) const {
  const bool v4 = destination.address.is_v4();
  const int family = v4 ? AF_INET : AF_INET6;
  const int probe = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return kMtuWithoutRoute;
  SetDontFragment(probe, family);
  if (!local_.address.is_unspecified() && local_.address.is_v4() == v4) {
    // Routes may depend on the source. Where this fails the kernel's own choice is good enough.
    const SocketAddress source = ToSocketAddress({local_.address, 0}, family);
    static_cast<void>(bind(probe, source.get(), source.size));
  }

  const SocketAddress target = ToSocketAddress(destination, family);
  int mtu = 0;
  socklen_t size = sizeof(mtu);
  const bool known = connect(probe, target.get(), target.size) == 0 &&
                     (v4 ? getsockopt(probe, IPPROTO_IP, IP_MTU, &mtu, &size)
                         : getsockopt(probe, IPPROTO_IPV6, IPV6_MTU, &mtu, &size)) == 0;
  close(probe);
  const int overhead = static_cast<int>(v4 ? kIpv4Overhead : kIpv6Overhead);
  if (!known || mtu <= overhead) return kMtuWithoutRoute;
  return static_cast<size_t>(std::min(mtu, 65'535) - overhead);
}

std::vector<Endpoint> UdpSwarm::LocalEndpoints() const {
  if (!local_.address.is_unspecified()) return {local_};
  std::vector<Endpoint> endpoints;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return endpoints;
  for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || (i->ifa_flags & IFF_UP) == 0) continue;
    auto endpoint = FromSocketAddress(i->ifa_addr);
    if (!endpoint || !Carries(endpoint->address) || endpoint->address.is_link_local()) continue;
    endpoint->port = local_.port;
    endpoints.push_back(*endpoint);
  }
  freeifaddrs(interfaces);
  return endpoints;
}

}  // namespace noisegate::controlplane
