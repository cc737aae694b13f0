// What a packet says: Ethernet, IP and UDP headers, read from bytes that anyone may have sent.
//
//   OuterPacket outer;  // underlay: a frame
//   switch (ParseOuter(frame, size, true, &outer)) { case OuterKind::kUdp: … }
//
//   IpPacket inner;     // an opened message is exactly one IP packet
//   if (!ParseIp(message, size, &inner) || inner.size != size) { … kInnerMalformed … }
//
// Plain functions: no allocation, no exception, any alignment, never a byte beyond the given size.
// They see contiguous bytes only: gather a multi-segment mbuf first. Changing packets is rewrite.h,
// writing outer headers is header_template.h.
#ifndef NOISEGATE_DATAPLANE_PACKET_H_
#define NOISEGATE_DATAPLANE_PACKET_H_

#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/address.h"
#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/drop_reason.h"

namespace noisegate::dataplane {

inline constexpr uint32_t kEthernetSize = 14;  // bytes, as the next ones
inline constexpr uint32_t kVlanTagSize = 4;
inline constexpr uint32_t kIpv4Size = 20;  // without options
inline constexpr uint32_t kIpv6Size = 40;  // without extension headers
inline constexpr uint32_t kUdpSize = 8;

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmpv6 = 58;
inline constexpr uint8_t kProtocolUdpLite = 136;
inline constexpr uint8_t kProtocolSctp = 132;

// Ethernet II with at most one 802.1Q tag. A second tag is seen as ether_type kEtherTypeVlan.
struct EthernetFrame {
  uint16_t ether_type = 0;
  uint16_t vlan = 0;      // VLAN id; 0 where there is no tag or only a priority
  uint8_t l3_offset = 0;  // bytes
};

// False where the frame is too short for its headers.
inline bool ParseEthernet(const uint8_t* frame, uint32_t size, EthernetFrame* out) {
  if (size < kEthernetSize) return false;
  out->ether_type = LoadBe16(frame + 12);
  out->vlan = 0;
  out->l3_offset = kEthernetSize;
  if (out->ether_type != kEtherTypeVlan) return true;
  if (size < kEthernetSize + kVlanTagSize) return false;
  out->vlan = LoadBe16(frame + 14) & 0x0fff;
  out->ether_type = LoadBe16(frame + 16);
  out->l3_offset = kEthernetSize + kVlanTagSize;
  return true;
}

// An IPv4 or IPv6 packet's header.
struct IpPacket {
  uint32_t size = 0;            // bytes of the whole packet as its header states, ≤ those given
  uint16_t l4_offset = 0;       // bytes from the version field to the upper layer
  uint8_t version = 0;          // 4 or 6
  uint8_t protocol = 0;         // of the upper layer; for a fragment, of what was fragmented
  uint8_t ttl = 0;              // or hop limit
  uint8_t ecn = 0;              // 0 … 3
  bool fragment = false;        // a part of a packet, the first included
  bool later_fragment = false;  // a part that does not begin with the upper layer's header
  bool dont_fragment = false;   // always true for IPv6

  bool is_v4() const { return version == 4; }
};

// Parses the IP packet at `packet`, of which `available` bytes can be read. Bytes beyond the
// packet's own size are allowed (Ethernet pads), missing ones are not. IPv6 extension headers
// (hop-by-hop, routing, destination options, up to kMaxExtensionHeaders) are stepped over; where
// the walk stops earlier, `protocol` is the header it stopped at. False for anything malformed,
// including an IPv6 address that is an IPv4-mapped one (RFC 4291 2.5.5.2: never on a wire), which
// could otherwise pass for an IPv4 address in our tables.
inline constexpr int kMaxExtensionHeaders = 4;
bool ParseIp(const uint8_t* packet, uint32_t available, IpPacket* out);

// The addresses' bytes in a packet that ParseIp() took, in network order.
inline uint32_t SourceV4(const uint8_t* packet) { return LoadBe32(packet + 12); }  // host order
inline uint32_t DestinationV4(const uint8_t* packet) { return LoadBe32(packet + 16); }
inline const uint8_t* SourceV6(const uint8_t* packet) { return packet + 8; }
inline const uint8_t* DestinationV6(const uint8_t* packet) { return packet + 24; }
IpAddress SourceAddress(const uint8_t* packet, const IpPacket& ip);
IpAddress DestinationAddress(const uint8_t* packet, const IpPacket& ip);

// True where the IPv4 header checksum is right; IPv6 has none. Only after ParseIp().
inline bool HeaderChecksumOk(const uint8_t* packet, const IpPacket& ip) {
  if (!ip.is_v4()) return true;
  if (ip.l4_offset != kIpv4Size) [[unlikely]]
    return ChecksumOk(AddBytes(0, packet, ip.l4_offset));
  // Without options: five words cannot overflow 64 bits, so no carry has to be waited for.
  return ChecksumOk(uint64_t{LoadRaw<uint32_t>(packet)} + LoadRaw<uint32_t>(packet + 4) +
                    LoadRaw<uint32_t>(packet + 8) + LoadRaw<uint32_t>(packet + 12) +
                    LoadRaw<uint32_t>(packet + 16));
}

// True where the destination is of this link only (multicast, link-local, 255.255.255.255), so that
// a router must not forward the packet (RFC 1812 5.3.4, RFC 4291 2.5.6).
bool IsLinkScoped(const uint8_t* packet, const IpPacket& ip);
// True where no host may send from this source: multicast, unspecified, loopback, broadcast, 0/8, 240/4
// (RFC 1812 5.3.7, RFC 6890). Answers must never go there.
bool HasMartianSource(const uint8_t* packet, const IpPacket& ip);
// The same of the destination.
bool HasMartianDestination(const uint8_t* packet, const IpPacket& ip);
// True where the source is of its link only, so that a router must not forward the packet (RFC 3927 2.7,
// RFC 4291 2.5.6).
bool HasLinkLocalSource(const uint8_t* packet, const IpPacket& ip);

// A hash that is equal for packets of one flow and spreads flows evenly over all 32 bits:
// addresses, protocol, and ports where it has them. Fragments hash without ports, IPv6 ones with
// the flow label instead (RFC 6438). Not keyed: it balances load and protects nothing.
uint32_t FlowHash(const uint8_t* packet, const IpPacket& ip);
// Which of `workers` (one bit each, not none) sends a flow: always the same one while the set stays, and
// where it changes, most flows stay, too. Below 64.
inline uint16_t WorkerOfFlow(uint32_t flow, uint64_t workers) {
  const auto all = static_cast<uint32_t>(std::bit_width(workers));
  const uint32_t first_choice = flow % all;
  if ((workers >> first_choice & 1) != 0) return static_cast<uint16_t>(first_choice);
  for (uint32_t skip = (flow >> 16) % std::popcount(workers); skip > 0; --skip) {
    workers &= workers - 1;
  }
  return static_cast<uint16_t>(std::countr_zero(workers));
}

// What the underlay's classify stage does with a frame.
enum class OuterKind : uint8_t {
  kUdp,      // every field of OuterPacket is valid
  kControl,  // ARP, ICMP or ICMPv6 (neighbour discovery): for the control thread
  kDrop,     // for OuterPacket::reason
};

struct OuterPacket {
  DropReason reason = DropReason::kMalformed;  // kDrop
  uint16_t ether_type = 0;                     // kUdp, kControl; as the next ones
  uint16_t vlan = 0;
  uint16_t l3_offset = 0;    // bytes from the frame's start
  IpPacket ip;               // kUdp, and kControl unless ARP
  uint16_t source_port = 0;  // kUdp; host order
  uint16_t destination_port = 0;
  uint32_t payload_offset = 0;  // bytes from the frame's start to the UDP payload
  uint32_t payload_size = 0;    // bytes, padding left out
};

// Sorts a frame from the underlay. `verify_header_checksum` is false where the device did it.
// Whether MAC, VLAN, address and port are ours is for the caller. The UDP checksum is not verified:
// the tag covers what it would (UdpChecksumOk() is there for the control thread).
OuterKind ParseOuter(const uint8_t* frame, uint32_t size, bool verify_header_checksum,
                     OuterPacket* out);

// Of a kUdp packet, or a kControl one with IP.
inline IpAddress SourceAddress(const uint8_t* frame, const OuterPacket& outer) {
  return SourceAddress(frame + outer.l3_offset, outer.ip);
}
inline IpAddress DestinationAddress(const uint8_t* frame, const OuterPacket& outer) {
  return DestinationAddress(frame + outer.l3_offset, outer.ip);
}
inline Endpoint SourceEndpoint(const uint8_t* frame, const OuterPacket& outer) {
  return {SourceAddress(frame, outer), outer.source_port};
}

// True where a kUdp packet's UDP checksum is right, or 0 over IPv4 (RFC 768).
bool UdpChecksumOk(const uint8_t* frame, const OuterPacket& outer);

// Inline parts.

namespace internal {

bool WalkExtensionHeaders(const uint8_t* packet, IpPacket* ip);

// ::ffff:0:0/96
inline bool IsMapped(const uint8_t* address) {
  return LoadRaw<uint64_t>(address) == 0 && LoadBe32(address + 8) == 0xffff;
}

inline bool ParseIpv4(const uint8_t* packet, uint32_t available, IpPacket* out) {
  if (available < kIpv4Size) return false;
  const uint32_t header_size = (packet[0] & 0x0f) * uint32_t{4};
  const uint32_t size = LoadBe16(packet + 2);
  if (header_size < kIpv4Size || size < header_size || size > available) return false;
  const uint16_t flags = LoadBe16(packet + 6);
  out->size = size;
  out->l4_offset = static_cast<uint16_t>(header_size);
  out->version = 4;
  out->protocol = packet[9];
  out->ttl = packet[8];
  out->ecn = packet[1] & 0x03;
  out->fragment = (flags & 0x3fff) != 0;  // MF or an offset
  out->later_fragment = (flags & 0x1fff) != 0;
  out->dont_fragment = (flags & 0x4000) != 0;
  return true;
}

inline bool ParseIpv6(const uint8_t* packet, uint32_t available, IpPacket* out) {
  if (available < kIpv6Size) return false;
  const uint32_t size = kIpv6Size + LoadBe16(packet + 4);
  if (size > available) return false;
  if (IsMapped(SourceV6(packet)) || IsMapped(DestinationV6(packet))) return false;
  out->size = size;
  out->l4_offset = kIpv6Size;
  out->version = 6;
  out->protocol = packet[6];
  out->ttl = packet[7];
  out->ecn = (packet[1] >> 4) & 0x03;
  out->fragment = false;
  out->later_fragment = false;
  out->dont_fragment = true;
  if (out->protocol == kProtocolUdp || out->protocol == kProtocolTcp) return true;
  return WalkExtensionHeaders(packet, out);
}

}  // namespace internal

inline bool ParseIp(const uint8_t* packet, uint32_t available, IpPacket* out) {
  if (available == 0) return false;
  const uint8_t version = packet[0] >> 4;
  if (version == 4) return internal::ParseIpv4(packet, available, out);
  if (version == 6) return internal::ParseIpv6(packet, available, out);
  return false;
}

inline IpAddress SourceAddress(const uint8_t* packet, const IpPacket& ip) {
  IpAddress address;
  if (ip.is_v4()) {
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, packet + 12, 4);
  } else {
    std::memcpy(address.bytes.data(), packet + 8, 16);
  }
  return address;
}

inline IpAddress DestinationAddress(const uint8_t* packet, const IpPacket& ip) {
  IpAddress address;
  if (ip.is_v4()) {
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + 12, packet + 16, 4);
  } else {
    std::memcpy(address.bytes.data(), packet + 24, 16);
  }
  return address;
}

namespace internal {

inline bool IsLinkLocalV4(uint32_t address) { return address >> 16 == 0xa9fe; }  // 169.254/16
inline bool IsLinkLocalV6(const uint8_t* address) {                              // fe80::/10
  return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}
inline bool IsMartianV4(uint32_t address) {
  return address >= 0xe0000000 || address >> 24 == 127 || address >> 24 == 0;
}
inline bool IsMartianV6(const uint8_t* address) {
  return address[0] == 0xff || (LoadRaw<uint64_t>(address) == 0 && LoadBe64(address + 8) <= 1);
}

}  // namespace internal

inline bool IsLinkScoped(const uint8_t* packet, const IpPacket& ip) {
  if (ip.is_v4()) {
    const uint32_t destination = DestinationV4(packet);
    return destination >> 28 == 0xe || destination == 0xffffffff ||
           internal::IsLinkLocalV4(destination);
  }
  const uint8_t* destination = DestinationV6(packet);
  return destination[0] == 0xff || internal::IsLinkLocalV6(destination);
}

inline bool HasMartianSource(const uint8_t* packet, const IpPacket& ip) {
  return ip.is_v4() ? internal::IsMartianV4(SourceV4(packet))
                    : internal::IsMartianV6(SourceV6(packet));
}

inline bool HasMartianDestination(const uint8_t* packet, const IpPacket& ip) {
  return ip.is_v4() ? internal::IsMartianV4(DestinationV4(packet))
                    : internal::IsMartianV6(DestinationV6(packet));
}

inline bool HasLinkLocalSource(const uint8_t* packet, const IpPacket& ip) {
  return ip.is_v4() ? internal::IsLinkLocalV4(SourceV4(packet))
                    : internal::IsLinkLocalV6(SourceV6(packet));
}

namespace internal {

inline OuterKind Drop(OuterPacket* out, DropReason reason) {
  out->reason = reason;
  return OuterKind::kDrop;
}

inline OuterKind ParseOuterUdp(const uint8_t* frame, OuterPacket* out) {
  const uint32_t l4_offset = out->l3_offset + uint32_t{out->ip.l4_offset};
  const uint32_t available = out->ip.size - out->ip.l4_offset;
  if (available < kUdpSize) return Drop(out, DropReason::kMalformed);
  const uint8_t* udp = frame + l4_offset;
  const uint32_t udp_size = LoadBe16(udp + 4);
  if (udp_size < kUdpSize || udp_size > available) return Drop(out, DropReason::kMalformed);
  out->source_port = LoadBe16(udp);
  out->destination_port = LoadBe16(udp + 2);
  // Nobody can be answered there.
  if (out->source_port == 0 || HasMartianSource(frame + out->l3_offset, out->ip)) {
    return Drop(out, DropReason::kMalformed);
  }
  out->payload_offset = l4_offset + kUdpSize;
  out->payload_size = udp_size - kUdpSize;
  return OuterKind::kUdp;
}

}  // namespace internal

inline OuterKind ParseOuter(const uint8_t* frame, uint32_t size, bool verify_header_checksum,
                            OuterPacket* out) {
  EthernetFrame ethernet;
  if (!ParseEthernet(frame, size, &ethernet)) return internal::Drop(out, DropReason::kMalformed);
  out->ether_type = ethernet.ether_type;
  out->vlan = ethernet.vlan;
  out->l3_offset = ethernet.l3_offset;
  if (ethernet.ether_type == kEtherTypeArp) return OuterKind::kControl;
  const bool v4 = ethernet.ether_type == kEtherTypeIpv4;
  if (!v4 && ethernet.ether_type != kEtherTypeIpv6) {
    return internal::Drop(out, DropReason::kUnsupported);
  }
  const uint8_t* packet = frame + ethernet.l3_offset;
  if (!ParseIp(packet, size - ethernet.l3_offset, &out->ip) || out->ip.is_v4() != v4) {
    return internal::Drop(out, DropReason::kMalformed);
  }
  if (verify_header_checksum && !HeaderChecksumOk(packet, out->ip)) {
    return internal::Drop(out, DropReason::kBadChecksum);
  }
  if (out->ip.fragment) return internal::Drop(out, DropReason::kFragment);
  if (out->ip.protocol == kProtocolUdp) return internal::ParseOuterUdp(frame, out);
  if (out->ip.protocol == (v4 ? kProtocolIcmp : kProtocolIcmpv6)) return OuterKind::kControl;
  return internal::Drop(out, DropReason::kUnsupported);
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PACKET_H_
