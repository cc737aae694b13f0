// Tells senders what became of packets that the gateway could not carry: ICMP and ICMPv6 errors
// (RFC 1812 4.3, RFC 4443 2.4), to where the packet came from, overlay or peer.
//
// Workers punt only so many such packets; here are the limits over all of them: for each kind, so that
// a scan of addresses without a route does not silence path MTU discovery, and for each sender, so that
// one does not silence it for the others (RFC 1812 4.3.2.8, RFC 4443 2.4 f). Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_
#define NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "controlplane/local_addresses.h"
#include "controlplane/session_machine.h"
#include "dataplane/control_packet.h"
#include "dataplane/dataplane.h"
#include "dataplane/init_limiter.h"

namespace noisegate::controlplane {

class IcmpErrors {
 public:
  static constexpr uint64_t kPerSecond = 500;  // of each kind
  static constexpr uint64_t kPerSecondOfSender = 50;

  // Both outlive this.
  IcmpErrors(dataplane::Dataplane& dataplane, const LocalAddresses& addresses)
      : dataplane_(dataplane), addresses_(addresses) {}

  // About `packet`, IP from its first byte. The packet itself is already counted; an error that may
  // not be sent, or not so soon, is left out in silence.
  void Send(TimePoint now, dataplane::IcmpError error, uint16_t mtu,
            std::span<const uint8_t> packet);

 private:
  static constexpr size_t kKinds = static_cast<size_t>(dataplane::IcmpError::kProhibited) + 1;
  static constexpr size_t kCells = 1024;  // senders share cells by their hash

  bool TakeToken(TimePoint now, dataplane::IcmpError error, const dataplane::IpAddress& sender);

  dataplane::Dataplane& dataplane_;
  const LocalAddresses& addresses_;
  std::array<dataplane::TokenBucket, kKinds> kinds_;
  std::array<dataplane::TokenBucket, kCells> senders_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_
