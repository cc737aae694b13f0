// ARP, neighbour discovery and ICMP: what parses is built back the same, answers are well formed,
// and no answer calls for an answer.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "dataplane/control_packet.h"
#include "dataplane/icmp.h"
#include "dataplane/packet.h"

namespace {

using namespace noisegate::dataplane;

void Require(bool condition) {
  if (!condition) std::abort();
}

const MacAddress kMac = {{0x02, 0, 0, 0, 0, 1}};

// An ICMP packet of ours, to a host.
void CheckIcmp(const std::vector<uint8_t>& packet) {
  IpPacket ip;
  Require(ParseIp(packet.data(), static_cast<uint32_t>(packet.size()), &ip));
  Require(ip.size == packet.size() && HeaderChecksumOk(packet.data(), ip));
  Require(!HasMartianSource(packet.data(), ip));
  const uint32_t size = ip.size - ip.l4_offset;
  const uint64_t pseudo = ip.is_v4() ? 0
                                     : PseudoHeaderSum(packet.data() + 8, packet.data() + 24, 16,
                                                       kProtocolIcmpv6, size);
  Require(ChecksumOk(AddBytes(pseudo, packet.data() + ip.l4_offset, size)));
  Require(BuildEchoReply(packet).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 65535) return 0;  // no link carries more
  const std::span<const uint8_t> bytes(data, size);
  if (const auto arp = ParseArp(bytes)) {
    Require(ParseArp(BuildArp(*arp, kMac)) == arp);
    Require(ParseArp(BuildArpReply(*arp, kMac)).has_value() || !arp->target.is_v4() ||
            arp->target.is_unspecified() || arp->target.is_multicast() ||
            arp->target.v4() == 0xffffffff);
  }
  if (const auto neighbour = ParseNeighbour(bytes)) {
    Require(ParseNeighbour(BuildNeighbour(*neighbour, kMac)) == neighbour);
    if (neighbour->kind == NeighbourMessage::Kind::kSolicitation) {
      const auto answer = ParseNeighbour(BuildAdvertisement(*neighbour, kMac));
      Require(answer.has_value() && answer->target == neighbour->target);
      Require(answer->link_address == kMac &&
              answer->solicited != neighbour->source.is_unspecified());
    }
  }
  if (const auto reply = BuildEchoReply(bytes); !reply.empty()) CheckIcmp(reply);
  for (const IpAddress& own : {IpAddress::V4(0x0a000001), IpAddress{{0x20, 1, 0x0d, 0xb8}}}) {
    for (const IcmpError error : {IcmpError::kTooBig, IcmpError::kTimeExceeded, IcmpError::kNoRoute,
                                  IcmpError::kHostUnreachable, IcmpError::kProhibited}) {
      const auto report = BuildIcmpError(error, 1400, own, bytes);
      if (report.empty()) continue;
      CheckIcmp(report);
      Require(report.size() <= (own.is_v4() ? 576u : 1280u));
      Require(BuildIcmpError(error, 1400, own, report).empty());
    }
  }
  return 0;
}
