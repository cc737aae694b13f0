#include "dataplane/rewrite.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kTcpSize = 20;  // bytes, without options
constexpr uint8_t kTcpSyn = 0x02;

// Offset of the value of the MSS option from the start of the TCP header, or 0 where there is none.
uint32_t FindMss(const uint8_t* tcp, uint32_t header_size) {
  constexpr uint8_t kEnd = 0, kNop = 1, kMss = 2;
  for (uint32_t i = kTcpSize; i < header_size;) {
    if (tcp[i] == kEnd) return 0;
    if (tcp[i] == kNop) {
      ++i;
      continue;
    }
    if (i + 1 >= header_size) return 0;
    const uint32_t option_size = tcp[i + 1];
    if (option_size < 2 || i + option_size > header_size) return 0;
    if (tcp[i] == kMss) return option_size == 4 ? i + 2 : 0;
    i += option_size;
  }
  return 0;
}

}  // namespace

bool ClampMss(uint8_t* packet, const IpPacket& ip, uint32_t mtu) {
  if (ip.protocol != kProtocolTcp || ip.fragment) return false;
  const uint32_t available = ip.size - ip.l4_offset;
  if (available < kTcpSize) return false;
  uint8_t* tcp = packet + ip.l4_offset;
  if ((tcp[13] & kTcpSyn) == 0) return false;
  const uint32_t header_size = (tcp[12] >> 4) * uint32_t{4};
  if (header_size < kTcpSize || header_size > available) return false;
  const uint32_t at = FindMss(tcp, header_size);
  if (at == 0) return false;

  const uint32_t headers = (ip.is_v4() ? kIpv4Size : kIpv6Size) + kTcpSize;
  if (mtu <= headers || LoadBe16(tcp + at) <= mtu - headers) return false;
  uint16_t before = LoadRaw<uint16_t>(tcp + at);
  StoreBe16(tcp + at, static_cast<uint16_t>(mtu - headers));
  uint16_t after = LoadRaw<uint16_t>(tcp + at);
  if (at % 2 != 0) {  // across two of the checksum's words: the same sum with bytes swapped
    before = __builtin_bswap16(before);
    after = __builtin_bswap16(after);
  }
  UpdateChecksum(tcp + 16, before, after);
  return true;
}

}  // namespace noisegate::dataplane
