#include "dataplane/header_template.h"

namespace noisegate::dataplane {
namespace {

constexpr uint8_t kOuterTtl = 64;
constexpr uint16_t kDontFragment = 0x4000;

// 20 bits, never zero, that differ between sessions of one pair of hosts.
uint32_t FlowLabel(const HeaderTemplateOptions& o) {
  uint64_t label = (uint64_t{o.local_port} << 16 | o.remote.port) + 1;
  label ^= LoadRaw<uint64_t>(o.local_address.bytes.data() + 8);
  label = (label ^ (label >> 29)) * 0x9e3779b97f4a7c15;
  label ^= LoadRaw<uint64_t>(o.remote.address.bytes.data() + 8);
  label = (label ^ (label >> 31)) * 0xbf58476d1ce4e5b9;
  return static_cast<uint32_t>(label >> 44) | 1;
}

void WriteIpv4(const HeaderTemplateOptions& o, uint8_t* ip, HeaderTemplate* t) {
  ip[0] = 0x45;
  StoreBe16(ip + 6, kDontFragment);
  ip[8] = kOuterTtl;
  ip[9] = kProtocolUdp;
  StoreBe32(ip + 12, o.local_address.v4());
  StoreBe32(ip + 16, o.remote.address.v4());
  t->ip_sum = FoldSum(AddBytes(0, ip, kIpv4Size));
  t->pseudo_sum = FoldSum(PseudoHeaderSum(ip + 12, ip + 16, 4, kProtocolUdp, 0));
}

void WriteIpv6(const HeaderTemplateOptions& o, uint8_t* ip, HeaderTemplate* t) {
  StoreBe32(ip, uint32_t{6} << 28 | FlowLabel(o));
  ip[6] = kProtocolUdp;
  ip[7] = kOuterTtl;
  std::memcpy(ip + 8, o.local_address.bytes.data(), 16);
  std::memcpy(ip + 24, o.remote.address.bytes.data(), 16);
  t->pseudo_sum = FoldSum(PseudoHeaderSum(ip + 8, ip + 24, 16, kProtocolUdp, 0));
}

}  // namespace

HeaderTemplate BuildHeaderTemplate(const HeaderTemplateOptions& o) {
  assert(o.local_address.is_v4() == o.remote.address.is_v4());
  HeaderTemplate t;
  t.v6 = !o.remote.address.is_v4();
  const uint32_t ethernet_size = kEthernetSize + (o.vlan != 0 ? kVlanTagSize : 0);
  t.size = static_cast<uint8_t>(ethernet_size + OuterIpOverhead(t.v6));

  uint8_t* frame = t.bytes.data() + HeaderTemplate::kRoom - t.size;
  std::memcpy(frame, o.destination_mac.bytes.data(), 6);
  std::memcpy(frame + 6, o.source_mac.bytes.data(), 6);
  if (o.vlan != 0) {
    StoreBe16(frame + 12, kEtherTypeVlan);
    StoreBe16(frame + 14, o.vlan & 0x0fff);
  }
  uint8_t* ip = frame + ethernet_size;
  StoreBe16(ip - 2, t.v6 ? kEtherTypeIpv6 : kEtherTypeIpv4);
  if (t.v6) {
    WriteIpv6(o, ip, &t);
  } else {
    WriteIpv4(o, ip, &t);
  }
  uint8_t* udp = ip + (t.v6 ? kIpv6Size : kIpv4Size);
  StoreBe16(udp, o.local_port);
  StoreBe16(udp + 2, o.remote.port);
  return t;
}

}  // namespace noisegate::dataplane
