#include "dataplane/icmp.h"

#include <algorithm>

#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

namespace noisegate::dataplane {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kIcmpSize = 8;           // bytes of header, both versions
constexpr uint32_t kMaxErrorSizeV4 = 576;   // RFC 1812 4.3.2.3
constexpr uint32_t kMaxErrorSizeV6 = 1280;  // RFC 4443 2.4 (c): the minimum MTU
constexpr uint8_t kTtl = 64;

constexpr uint8_t kEchoReplyV4 = 0;
constexpr uint8_t kEchoRequestV4 = 8;
constexpr uint8_t kEchoRequestV6 = 128;
constexpr uint8_t kEchoReplyV6 = 129;

// An IP header and room for `icmp_size` bytes.
Bytes StartPacket(const IpAddress& source, const IpAddress& destination, uint32_t icmp_size) {
  const bool v4 = source.is_v4();
  Bytes packet((v4 ? kIpv4Size : kIpv6Size) + icmp_size);
  uint8_t* ip = packet.data();
  if (v4) {
    ip[0] = 0x45;
    StoreBe16(ip + 2, static_cast<uint16_t>(packet.size()));
    ip[8] = kTtl;
    ip[9] = kProtocolIcmp;
    StoreBe32(ip + 12, source.v4());
    StoreBe32(ip + 16, destination.v4());
    StoreRaw(ip + 10, FinishSum(AddBytes(0, ip, kIpv4Size)));
  } else {
    StoreBe32(ip, uint32_t{6} << 28);
    StoreBe16(ip + 4, static_cast<uint16_t>(icmp_size));
    ip[6] = kProtocolIcmpv6;
    ip[7] = kTtl;
    std::copy(source.bytes.begin(), source.bytes.end(), ip + 8);
    std::copy(destination.bytes.begin(), destination.bytes.end(), ip + 24);
  }
  return packet;
}

// ICMPv6 covers a pseudo-header too, ICMP does not.
uint64_t StartSum(const uint8_t* packet, bool v4, uint32_t icmp_size) {
  return v4 ? 0 : PseudoHeaderSum(packet + 8, packet + 24, 16, kProtocolIcmpv6, icmp_size);
}

void FinishPacket(Bytes* packet, bool v4) {
  const uint32_t header_size = v4 ? kIpv4Size : kIpv6Size;
  const uint32_t icmp_size = static_cast<uint32_t>(packet->size()) - header_size;
  uint8_t* icmp = packet->data() + header_size;
  StoreRaw(icmp + 2, FinishSum(AddBytes(StartSum(packet->data(), v4, icmp_size), icmp, icmp_size)));
}

bool IsGroupOrBroadcast(const IpAddress& address) {
  return address.is_multicast() || (address.is_v4() && address.v4() == 0xffffffff);
}

// Whether an error may be sent about an ICMP message of this type (RFC 1122 3.2.2, RFC 4443 2.4).
bool IsIcmpInformation(uint8_t type, bool v4) {
  constexpr uint8_t kRedirectV6 = 137;
  if (!v4) return type >= 128 && type != kRedirectV6;
  switch (type) {
    case kEchoReplyV4:
    case kEchoRequestV4:
    case 9:   // router advertisement
    case 10:  // router solicitation
    case 13:  // timestamp and its reply
    case 14:
      return true;
    default:
      return false;
  }
}

struct TypeAndCode {
  uint8_t type, code;
};

TypeAndCode TypeOf(IcmpError error, bool v4) {
  switch (error) {
    case IcmpError::kTooBig:
      return v4 ? TypeAndCode{3, 4} : TypeAndCode{2, 0};
    case IcmpError::kTimeExceeded:
      return v4 ? TypeAndCode{11, 0} : TypeAndCode{3, 0};
    case IcmpError::kNoRoute:
      return v4 ? TypeAndCode{3, 0} : TypeAndCode{1, 0};
    case IcmpError::kHostUnreachable:
      return v4 ? TypeAndCode{3, 1} : TypeAndCode{1, 3};
    case IcmpError::kProhibited:
      return v4 ? TypeAndCode{3, 13} : TypeAndCode{1, 1};
  }
  return {};
}

bool MayReportAbout(IcmpError error, std::span<const uint8_t> packet, const IpPacket& ip) {
  if (ip.later_fragment || HasMartianSource(packet.data(), ip)) return false;
  // RFC 4443 2.4 (e.3): a group learns its path MTU, and nothing else.
  const bool too_big_v6 = error == IcmpError::kTooBig && !ip.is_v4();
  if (IsGroupOrBroadcast(DestinationAddress(packet.data(), ip)) && !too_big_v6) return false;
  if (ip.protocol != (ip.is_v4() ? kProtocolIcmp : kProtocolIcmpv6)) return true;
  return ip.size > ip.l4_offset && IsIcmpInformation(packet[ip.l4_offset], ip.is_v4());
}

}  // namespace

Bytes BuildEchoReply(std::span<const uint8_t> request) {
  IpPacket ip;
  const uint8_t* packet = request.data();
  if (!ParseIp(packet, static_cast<uint32_t>(request.size()), &ip) || ip.fragment) return {};
  const bool v4 = ip.is_v4();
  const uint32_t icmp_size = ip.size - ip.l4_offset;
  if (ip.protocol != (v4 ? kProtocolIcmp : kProtocolIcmpv6) || icmp_size < kIcmpSize) return {};
  const uint8_t* icmp = packet + ip.l4_offset;
  const IpAddress source = SourceAddress(packet, ip), destination = DestinationAddress(packet, ip);
  if (icmp[0] != (v4 ? kEchoRequestV4 : kEchoRequestV6) || icmp[1] != 0 ||
      HasMartianSource(packet, ip) || HasMartianDestination(packet, ip) ||
      !ChecksumOk(AddBytes(StartSum(packet, v4, icmp_size), icmp, icmp_size))) {
    return {};
  }
  Bytes reply = StartPacket(destination, source, icmp_size);
  uint8_t* reply_icmp = reply.data() + (v4 ? kIpv4Size : kIpv6Size);
  std::copy(icmp, icmp + icmp_size, reply_icmp);
  reply_icmp[0] = v4 ? kEchoReplyV4 : kEchoReplyV6;
  StoreRaw<uint16_t>(reply_icmp + 2, 0);
  FinishPacket(&reply, v4);
  return reply;
}

Bytes BuildIcmpError(IcmpError error, uint16_t mtu, const IpAddress& own_address,
                     std::span<const uint8_t> packet) {
  IpPacket ip;
  if (!ParseIp(packet.data(), static_cast<uint32_t>(packet.size()), &ip) ||
      ip.is_v4() != own_address.is_v4() || !MayReportAbout(error, packet, ip)) {
    return {};
  }
  const bool v4 = ip.is_v4();
  const uint32_t room = v4 ? kMaxErrorSizeV4 - kIpv4Size : kMaxErrorSizeV6 - kIpv6Size;
  const uint32_t quoted = std::min(ip.size, room - kIcmpSize);
  Bytes report = StartPacket(own_address, SourceAddress(packet.data(), ip), kIcmpSize + quoted);
  uint8_t* icmp = report.data() + (v4 ? kIpv4Size : kIpv6Size);
  const TypeAndCode what = TypeOf(error, v4);
  icmp[0] = what.type;
  icmp[1] = what.code;
  if (error == IcmpError::kTooBig) {
    if (v4) {
      StoreBe16(icmp + 6, mtu);  // RFC 1191
    } else {
      // No IPv6 link has less, and hosts ignore less (RFC 8201 4).
      StoreBe32(icmp + 4, std::max<uint32_t>(mtu, kMaxErrorSizeV6));
    }
  }
  std::copy_n(packet.begin(), quoted, icmp + kIcmpSize);
  FinishPacket(&report, v4);
  return report;
}

}  // namespace noisegate::dataplane
