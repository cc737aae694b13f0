// The headers of a session's datagrams, written once and then stamped in front of each message:
// Ethernet, with or without an 802.1Q tag, IPv4 or IPv6, UDP, and the Noise Swarm header.
//
//   HeaderTemplate t = BuildHeaderTemplate({.local_port = 4242, …});        // control thread
//   uint8_t* frame = StampHeader(t, ciphertext, size, EncodeHeader(…), …);  // worker
#ifndef NOISEGATE_DATAPLANE_HEADER_TEMPLATE_H_
#define NOISEGATE_DATAPLANE_HEADER_TEMPLATE_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/address.h"
#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/header.h"
#include "dataplane/packet.h"

namespace noisegate::dataplane {

struct HeaderTemplateOptions {
  MacAddress source_mac;
  MacAddress destination_mac;  // of the next hop; SetDestinationMac() changes it in a frame
  uint16_t vlan = 0;           // 802.1Q id; 0 for no tag
  IpAddress local_address;     // of the same family as remote.address
  uint16_t local_port = 0;
  Endpoint remote;
};

struct HeaderTemplate {
  // A stamp copies this many bytes, or the last kShort of them where the headers fit those, because
  // a copy of constant size is a few vector moves. So kRoom bytes in front of the ciphertext must be
  // ours to write. Short headers (IPv4 without a tag) touch one cache line less on either side.
  static constexpr size_t kRoom = 80;
  static constexpr size_t kShort = 48;

  alignas(16) std::array<uint8_t, kRoom> bytes = {};  // the headers, at the end
  uint32_t ip_sum = 0;      // IPv4 header without total length, identification and ECN
  uint32_t pseudo_sum = 0;  // pseudo-header without length
  uint8_t size = 0;         // bytes of all headers: 46, 50, 66 or 70
  bool v6 = false;
};
static_assert(std::is_trivially_copyable_v<HeaderTemplate>);
static_assert(sizeof(HeaderTemplate) == 96, "part of the memory budget of a session");

// Who computes the UDP checksum.
enum class UdpChecksum : uint8_t {
  kNone,    // nobody: 0 on the wire, allowed over IPv4 (RFC 768) and not over IPv6 (RFC 8200 8.1)
  kDevice,  // the field holds the pseudo-header's sum and the device adds the rest
  kFull,    // here; the ciphertext must be final
};

// Outer headers have DSCP 0, TTL 64, don't-fragment (so that a path that is too narrow is noticed)
// and, for IPv6, a flow label that is fixed for the session (RFC 6438).
HeaderTemplate BuildHeaderTemplate(const HeaderTemplateOptions& options);

// Bytes of outer IP packet beyond the ciphertext and its tag, Ethernet not counted.
constexpr uint32_t OuterIpOverhead(bool v6) {
  return (v6 ? kIpv6Size : kIpv4Size) + kUdpSize + uint32_t{kHeaderSize};
}

// The largest inner packet that fits a path MTU (bytes of outer IP packet).
constexpr uint32_t MaxInnerSize(uint32_t path_mtu, bool v6) {
  const uint32_t overhead = OuterIpOverhead(v6) + uint32_t{kTagSize};
  return path_mtu > overhead ? path_mtu - overhead : 0;
}

// Writes all headers in front of `ciphertext`, which has `size` bytes with its tag, and returns
// where the frame begins (ciphertext - t.size). HeaderTemplate::kRoom bytes before `ciphertext` are
// overwritten. `ecn` is what EcnToOuter() says.
inline uint8_t* StampHeader(const HeaderTemplate& t, uint8_t* ciphertext, uint32_t size,
                            uint32_t header_word, uint8_t ecn, UdpChecksum checksum) {
  assert(size <= 0xffff - kIpv4Size - kUdpSize - kHeaderSize);
  assert(!(t.v6 && checksum == UdpChecksum::kNone));
  constexpr size_t kRoom = HeaderTemplate::kRoom, kShort = HeaderTemplate::kShort;
  std::memcpy(ciphertext - kShort, t.bytes.data() + kRoom - kShort, kShort);
  if (t.size > kShort) std::memcpy(ciphertext - kRoom, t.bytes.data(), kRoom - kShort);
  StoreBe32(ciphertext - kHeaderSize, header_word);
  uint8_t* udp = ciphertext - kHeaderSize - kUdpSize;
  const uint16_t udp_size = static_cast<uint16_t>(kUdpSize + kHeaderSize + size);
  StoreBe16(udp + 4, udp_size);
  if (t.v6) {
    uint8_t* ip = udp - kIpv6Size;
    StoreBe16(ip + 4, udp_size);
    ip[1] = static_cast<uint8_t>(ip[1] | ecn << 4);
  } else {
    uint8_t* ip = udp - kIpv4Size;
    const uint16_t ip_size = static_cast<uint16_t>(kIpv4Size + udp_size);
    // What is never fragmented may carry any identification (RFC 6864 4.1).
    const uint16_t identification = static_cast<uint16_t>(header_word);
    ip[1] = ecn;
    StoreBe16(ip + 2, ip_size);
    StoreBe16(ip + 4, identification);
    StoreRaw(ip + 10, FinishSum(uint64_t{t.ip_sum} + (uint32_t{ecn} << 8) +
                                __builtin_bswap16(ip_size) + __builtin_bswap16(identification)));
  }
  if (checksum != UdpChecksum::kNone) {
    const uint64_t pseudo_sum = uint64_t{t.pseudo_sum} + __builtin_bswap16(udp_size);
    StoreRaw(udp + 6, checksum == UdpChecksum::kDevice
                          ? FoldSum(pseudo_sum)
                          : FinishUdpSum(AddBytes(pseudo_sum, udp, udp_size)));
  }
  return ciphertext - t.size;
}

inline void SetDestinationMac(uint8_t* frame, const MacAddress& mac) {
  std::memcpy(frame, mac.bytes.data(), mac.bytes.size());
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_HEADER_TEMPLATE_H_
