// ICMP (RFC 792, RFC 1812) and ICMPv6 (RFC 4443) as a router speaks them: pongs and errors.
//
// For the control thread: IP packet in, IP packet out. Whether an address is ours, and how often to
// answer, is for the caller.
#ifndef NOISEGATE_DATAPLANE_ICMP_H_
#define NOISEGATE_DATAPLANE_ICMP_H_

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/address.h"

namespace noisegate::dataplane {

// The answer to an ICMP or ICMPv6 echo request, as an IP packet to an IP packet. Empty for anything
// else, a wrong checksum, a fragment, and a source or destination that must not be answered or
// answer.
std::vector<uint8_t> BuildEchoReply(std::span<const uint8_t> packet);

enum class IcmpError : uint8_t {
  kTooBig,           // fragmentation needed, or packet too big: `mtu` says what fits
  kTimeExceeded,     // TTL or hop limit ran out in transit
  kNoRoute,          // nothing covers the destination
  kHostUnreachable,  // the next hop does not answer
  kProhibited,       // a permission is missing
};

// An ICMP error about `packet` (a whole IP packet, of which the beginning is quoted), as an IP
// packet from `own_address`. Empty where none may be sent: about an ICMP error, a later fragment,
// what was sent to or from a group or broadcast address, what does not parse, or where own_address
// is of the other family.
std::vector<uint8_t> BuildIcmpError(IcmpError error, uint16_t mtu, const IpAddress& own_address,
                                    std::span<const uint8_t> packet);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_ICMP_H_
