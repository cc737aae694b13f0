// Frames from the underlay and packets from the overlay: nothing is read beyond the end, what
// parses as a datagram is built back the same, and a rewritten packet keeps the checksums that it
// had.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "dataplane/header_template.h"
#include "dataplane/packet.h"
#include "dataplane/rewrite.h"

namespace {

using namespace noisegate::dataplane;

void Require(bool condition) {
  if (!condition) std::abort();
}

MacAddress MacAt(const uint8_t* p) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), p, mac.bytes.size());
  return mac;
}

void BuildBack(const uint8_t* frame, const OuterPacket& outer) {
  const uint8_t* payload = frame + outer.payload_offset;
  if (outer.payload_size < kHeaderSize || outer.payload_size > 9000) return;
  const HeaderTemplate t =
      BuildHeaderTemplate({.source_mac = MacAt(frame + 6),
                           .destination_mac = MacAt(frame),
                           .vlan = outer.vlan,
                           .local_address = SourceAddress(frame, outer),
                           .local_port = outer.source_port,
                           .remote = {DestinationAddress(frame, outer), outer.destination_port}});
  const uint32_t size = outer.payload_size - static_cast<uint32_t>(kHeaderSize);
  std::vector<uint8_t> buffer(HeaderTemplate::kRoom + size);
  uint8_t* ciphertext = buffer.data() + HeaderTemplate::kRoom;
  if (size > 0) std::memcpy(ciphertext, payload + kHeaderSize, size);
  const uint8_t* built =
      StampHeader(t, ciphertext, size, LoadBe32(payload), outer.ip.ecn, UdpChecksum::kFull);
  OuterPacket again;
  Require(ParseOuter(built, t.size + size, true, &again) == OuterKind::kUdp);
  Require(UdpChecksumOk(built, again));
  Require(SourceEndpoint(built, again) == SourceEndpoint(frame, outer));
  Require(DestinationAddress(built, again) == DestinationAddress(frame, outer));
  Require(again.destination_port == outer.destination_port && again.vlan == outer.vlan);
  Require(again.payload_size == outer.payload_size && again.ip.ecn == outer.ip.ecn);
  Require(std::memcmp(built + again.payload_offset, payload, outer.payload_size) == 0);
}

bool TcpChecksumOk(const std::vector<uint8_t>& packet, const IpPacket& ip) {
  const uint32_t size = ip.size - ip.l4_offset;
  const uint8_t* p = packet.data();
  const uint64_t pseudo =
      ip.is_v4() ? PseudoHeaderSum(p + 12, p + 16, 4, kProtocolTcp, size)
                 : PseudoHeaderSum(SourceV6(p), DestinationV6(p), 16, kProtocolTcp, size);
  return ChecksumOk(AddBytes(pseudo, p + ip.l4_offset, size));
}

void Rewrite(std::vector<uint8_t> packet, const IpPacket& ip) {
  const uint32_t size = static_cast<uint32_t>(packet.size());
  const bool header_ok = HeaderChecksumOk(packet.data(), ip);
  IpPacket after;
  if (ip.ttl > 1) {
    DecrementTtl(packet.data(), ip);
    Require(ParseIp(packet.data(), size, &after) && after.ttl == ip.ttl - 1);
  }
  for (uint8_t ecn = 0; ecn < 4; ++ecn) {
    Require(ParseIp(packet.data(), size, &after));
    SetEcn(packet.data(), after, ecn);
    Require(ParseIp(packet.data(), size, &after) && after.ecn == ecn);
  }
  Require(HeaderChecksumOk(packet.data(), after) == header_ok);
  const bool tcp_ok = TcpChecksumOk(packet, ip);
  if (ClampMss(packet.data(), ip, 1300)) {
    Require(!ClampMss(packet.data(), ip, 1300));
    Require(TcpChecksumOk(packet, ip) == tcp_ok);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 70000) return 0;
  const uint32_t available = static_cast<uint32_t>(size);
  for (bool verify : {true, false}) {
    OuterPacket outer;
    if (ParseOuter(data, available, verify, &outer) != OuterKind::kUdp) continue;
    Require(outer.payload_offset + outer.payload_size <= available);
    (void)UdpChecksumOk(data, outer);
    BuildBack(data, outer);
  }
  IpPacket ip;
  if (ParseIp(data, available, &ip)) {
    Require(ip.size <= available && ip.l4_offset <= ip.size);
    Require(SourceAddress(data, ip).is_v4() == ip.is_v4());
    Require(DestinationAddress(data, ip).is_v4() == ip.is_v4());
    (void)FlowHash(data, ip);
    (void)IsLinkScoped(data, ip);
    Rewrite({data, data + size}, ip);
  }
  return 0;
}
