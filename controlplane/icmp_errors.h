// Tells senders what became of packets that the gateway could not carry: ICMP and ICMPv6 errors
// (RFC 1812 4.3, RFC 4443 2.4), to where the packet came from, overlay or peer.
//
// Workers punt only so many such packets; here is the limit over all of them. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_
#define NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_

#include <chrono>
#include <cstdint>
#include <span>

#include "controlplane/local_addresses.h"
#include "controlplane/session_machine.h"
#include "dataplane/control_packet.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class IcmpErrors {
 public:
  static constexpr double kPerSecond = 1000;
  static constexpr double kBurst = 200;

  // Both outlive this.
  IcmpErrors(dataplane::Dataplane& dataplane, const LocalAddresses& addresses)
      : dataplane_(dataplane), addresses_(addresses) {}

  // About `packet`, IP from its first byte. The packet itself is already counted; an error that may
  // not be sent, or not so soon, is left out in silence.
  void Send(TimePoint now, dataplane::IcmpError error, uint16_t mtu,
            std::span<const uint8_t> packet);

 private:
  bool TakeToken(TimePoint now);

  dataplane::Dataplane& dataplane_;
  const LocalAddresses& addresses_;
  double tokens_ = kBurst;
  TimePoint filled_{};
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_ICMP_ERRORS_H_
