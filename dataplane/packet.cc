#include "dataplane/packet.h"

namespace noisegate::dataplane {
namespace {

constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kProtocolDccp = 33;

bool StartsWithPorts(uint8_t protocol) {
  switch (protocol) {
    case kProtocolTcp:
    case kProtocolUdp:
    case kProtocolUdpLite:
    case kProtocolSctp:
    case kProtocolDccp:
      return true;
    default:
      return false;
  }
}

// One round of multiply and fold: every bit of the inputs reaches every bit of the result.
uint64_t Mix(uint64_t a, uint64_t b) {
  __extension__ using Uint128 = unsigned __int128;
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Odd constants with about as many ones as zeros: the fractions of the roots of 2, 3 and 5.
constexpr uint64_t kMixA = 0x6a09e667f3bcc909;
constexpr uint64_t kMixB = 0xbb67ae8584caa73b;
constexpr uint64_t kMixC = 0x3c6ef372fe94f82b;

}  // namespace

namespace internal {

bool WalkExtensionHeaders(const uint8_t* packet, IpPacket* ip) {
  uint32_t offset = kIpv6Size;
  for (int i = 0; i < kMaxExtensionHeaders; ++i) {
    const uint8_t type = ip->protocol;
    if (type != kHopByHop && type != kRouting && type != kDestinationOptions &&
        type != kFragmentHeader) {
      return true;
    }
    if (ip->size - offset < 8) return false;
    const uint8_t* header = packet + offset;
    const uint32_t header_size = type == kFragmentHeader ? 8 : (header[1] + uint32_t{1}) * 8;
    if (ip->size - offset < header_size) return false;
    offset += header_size;
    ip->protocol = header[0];
    ip->l4_offset = static_cast<uint16_t>(offset);
    if (type == kFragmentHeader) {
      const uint16_t word = LoadBe16(header + 2);
      ip->fragment = (word & 0xfff9) != 0;  // an "atomic" fragment (RFC 6946) is whole
      ip->later_fragment = (word & 0xfff8) != 0;
      if (ip->later_fragment) return true;  // what follows is no header
    }
  }
  return true;
}

}  // namespace internal

uint32_t FlowHash(const uint8_t* packet, const IpPacket& ip) {
  uint64_t last = ip.protocol;
  if (!ip.fragment && StartsWithPorts(ip.protocol) && ip.size - ip.l4_offset >= 4) {
    last |= uint64_t{LoadRaw<uint32_t>(packet + ip.l4_offset)} << 32;
  } else if (!ip.is_v4()) {
    last |= uint64_t{LoadBe32(packet) & 0xfffff} << 32;
  }
  uint64_t hash;
  if (ip.is_v4()) {
    hash = Mix(LoadRaw<uint64_t>(packet + 12) ^ kMixA, last ^ kMixB);
  } else {
    const uint8_t* source = SourceV6(packet);
    const uint8_t* destination = DestinationV6(packet);
    hash = Mix(LoadRaw<uint64_t>(source) ^ kMixA, LoadRaw<uint64_t>(source + 8) ^ kMixB);
    hash = Mix(LoadRaw<uint64_t>(destination) ^ hash, LoadRaw<uint64_t>(destination + 8) ^ kMixC);
    hash = Mix(hash ^ kMixA, last ^ kMixB);
  }
  hash = Mix(hash ^ kMixC, kMixA);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

bool UdpChecksumOk(const uint8_t* frame, const OuterPacket& outer) {
  const uint8_t* packet = frame + outer.l3_offset;
  const uint8_t* udp = frame + outer.payload_offset - kUdpSize;
  if (LoadRaw<uint16_t>(udp + 6) == 0) return outer.ip.is_v4();
  const uint32_t udp_size = kUdpSize + outer.payload_size;
  const uint64_t sum =
      outer.ip.is_v4()
          ? PseudoHeaderSum(packet + 12, packet + 16, 4, kProtocolUdp, udp_size)
          : PseudoHeaderSum(SourceV6(packet), DestinationV6(packet), 16, kProtocolUdp, udp_size);
  return ChecksumOk(AddBytes(sum, udp, udp_size));
}

}  // namespace noisegate::dataplane
