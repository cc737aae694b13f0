#include "dataplane/control_packet.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

namespace noisegate::dataplane {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kMinFrameSize = 60;  // bytes, without the check sequence
constexpr size_t kArpSize = 28;
constexpr size_t kNeighbourSize = 24;  // ICMPv6 header and target; options follow
constexpr size_t kLinkOptionSize = 8;
constexpr uint8_t kOptionSourceLink = 1;
constexpr uint8_t kOptionTargetLink = 2;
constexpr uint8_t kNeighbourHopLimit = 255;

constexpr IpAddress kAllNodes = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

MacAddress LoadMac(const uint8_t* p) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), p, 6);
  return mac;
}
void StoreMac(uint8_t* p, const MacAddress& mac) { std::memcpy(p, mac.bytes.data(), 6); }

IpAddress LoadV6(const uint8_t* p) { return IpAddress::V6(std::span<const uint8_t, 16>(p, 16)); }
void StoreV6(uint8_t* p, const IpAddress& address) { std::memcpy(p, address.bytes.data(), 16); }

bool IsSolicitedNodeGroup(const IpAddress& address) {
  return address == SolicitedNodeGroup(address);  // of a group it makes the same group
}

// An ICMPv6 message in an IPv6 packet in a frame, checksum included.
Bytes BuildNeighbourFrame(const NeighbourMessage& m, const MacAddress& frame_destination,
                          std::span<const uint8_t> icmp) {
  Bytes packet(kIpv6Size + icmp.size());
  StoreBe32(packet.data(), uint32_t{6} << 28);
  StoreBe16(packet.data() + 4, static_cast<uint16_t>(icmp.size()));
  packet[6] = kProtocolIcmpv6;
  packet[7] = kNeighbourHopLimit;
  StoreV6(packet.data() + 8, m.source);
  StoreV6(packet.data() + 24, m.destination);
  uint8_t* body = packet.data() + kIpv6Size;
  std::copy(icmp.begin(), icmp.end(), body);
  const uint64_t pseudo = PseudoHeaderSum(packet.data() + 8, packet.data() + 24, 16,
                                          kProtocolIcmpv6, static_cast<uint32_t>(icmp.size()));
  StoreRaw(body + 2, FinishSum(AddBytes(pseudo, body, icmp.size())));
  return BuildFrame(frame_destination, m.frame_source, kEtherTypeIpv6, packet);
}

// The link-layer address option of the type wanted; false where an option is malformed (RFC 4861
// 7.1: then the whole message is discarded).
bool ParseLinkOption(std::span<const uint8_t> options, uint8_t wanted,
                     std::optional<MacAddress>* link_address) {
  while (!options.empty()) {
    if (options.size() < 2) return false;
    const size_t size = options[1] * size_t{8};
    if (size == 0 || size > options.size()) return false;
    if (options[0] == wanted && !link_address->has_value()) {
      if (size != kLinkOptionSize) return false;
      const MacAddress mac = LoadMac(options.data() + 2);
      if (!IsHostMac(mac)) return false;
      *link_address = mac;
    }
    options = options.subspan(size);
  }
  return true;
}

}  // namespace

bool IsHostMac(const MacAddress& mac) { return (mac.bytes[0] & 0x01) == 0 && mac != MacAddress{}; }

Bytes BuildFrame(const MacAddress& destination, const MacAddress& source, uint16_t ether_type,
                 std::span<const uint8_t> payload) {
  Bytes frame(std::max<size_t>(kMinFrameSize, kEthernetSize + payload.size()));
  StoreMac(frame.data(), destination);
  StoreMac(frame.data() + 6, source);
  StoreBe16(frame.data() + 12, ether_type);
  std::copy(payload.begin(), payload.end(), frame.begin() + kEthernetSize);
  return frame;
}

std::optional<ArpMessage> ParseArp(std::span<const uint8_t> frame) {
  EthernetFrame ethernet;
  const uint32_t size = static_cast<uint32_t>(frame.size());
  if (!ParseEthernet(frame.data(), size, &ethernet) || ethernet.ether_type != kEtherTypeArp ||
      size - ethernet.l3_offset < kArpSize) {
    return std::nullopt;
  }
  const uint8_t* arp = frame.data() + ethernet.l3_offset;
  constexpr std::array<uint8_t, 6> kEthernetAndIpv4 = {0, 1, 0x08, 0x00, 6, 4};
  const uint16_t operation = LoadBe16(arp + 6);
  if (std::memcmp(arp, kEthernetAndIpv4.data(), kEthernetAndIpv4.size()) != 0 ||
      (operation != 1 && operation != 2)) {
    return std::nullopt;
  }
  ArpMessage m;
  m.operation = static_cast<ArpMessage::Operation>(operation);
  m.sender_mac = LoadMac(arp + 8);
  m.sender = IpAddress::V4(LoadBe32(arp + 14));
  m.target_mac = LoadMac(arp + 18);
  m.target = IpAddress::V4(LoadBe32(arp + 24));
  const bool probe = m.sender.is_unspecified() && m.operation == ArpMessage::Operation::kRequest;
  const bool sender_ok = probe || (!m.sender.is_unspecified() && !m.sender.is_multicast() &&
                                   m.sender.v4() != 0xffffffff);
  if (!IsHostMac(m.sender_mac) || !sender_ok) return std::nullopt;
  return m;
}

Bytes BuildArp(const ArpMessage& m, const MacAddress& frame_destination) {
  std::array<uint8_t, kArpSize> arp = {0, 1, 0x08, 0x00, 6, 4};
  StoreBe16(arp.data() + 6, static_cast<uint16_t>(m.operation));
  StoreMac(arp.data() + 8, m.sender_mac);
  StoreBe32(arp.data() + 14, m.sender.v4());
  StoreMac(arp.data() + 18, m.target_mac);
  StoreBe32(arp.data() + 24, m.target.v4());
  return BuildFrame(frame_destination, m.sender_mac, kEtherTypeArp, arp);
}

Bytes BuildArpRequest(const MacAddress& own_mac, const IpAddress& own_address,
                      const IpAddress& target, const std::optional<MacAddress>& known) {
  return BuildArp({.operation = ArpMessage::Operation::kRequest,
                   .sender_mac = own_mac,
                   .sender = own_address,
                   .target_mac = known.value_or(MacAddress{}),
                   .target = target},
                  known.value_or(kBroadcastMac));
}

Bytes BuildArpReply(const ArpMessage& request, const MacAddress& own_mac) {
  return BuildArp({.operation = ArpMessage::Operation::kReply,
                   .sender_mac = own_mac,
                   .sender = request.target,
                   .target_mac = request.sender_mac,
                   .target = request.sender},
                  request.sender_mac);
}

std::optional<NeighbourMessage> ParseNeighbour(std::span<const uint8_t> frame) {
  EthernetFrame ethernet;
  const uint32_t frame_size = static_cast<uint32_t>(frame.size());
  if (!ParseEthernet(frame.data(), frame_size, &ethernet) ||
      ethernet.ether_type != kEtherTypeIpv6) {
    return std::nullopt;
  }
  const uint8_t* packet = frame.data() + ethernet.l3_offset;
  IpPacket ip;
  if (!ParseIp(packet, frame_size - ethernet.l3_offset, &ip) || ip.is_v4() || ip.fragment ||
      ip.protocol != kProtocolIcmpv6 || ip.ttl != kNeighbourHopLimit) {
    return std::nullopt;
  }
  const uint32_t size = ip.size - ip.l4_offset;
  if (size < kNeighbourSize) return std::nullopt;
  const uint8_t* icmp = packet + ip.l4_offset;
  const uint64_t pseudo = PseudoHeaderSum(packet + 8, packet + 24, 16, kProtocolIcmpv6, size);
  if (!ChecksumOk(AddBytes(pseudo, icmp, size)) || icmp[1] != 0) return std::nullopt;

  NeighbourMessage m;
  const bool solicitation = icmp[0] == static_cast<uint8_t>(NeighbourMessage::Kind::kSolicitation);
  if (!solicitation && icmp[0] != static_cast<uint8_t>(NeighbourMessage::Kind::kAdvertisement)) {
    return std::nullopt;
  }
  m.kind = static_cast<NeighbourMessage::Kind>(icmp[0]);
  m.frame_source = LoadMac(frame.data() + 6);
  m.source = LoadV6(packet + 8);
  m.destination = LoadV6(packet + 24);
  m.target = LoadV6(icmp + 8);
  if (!solicitation) {
    m.router = (icmp[4] & 0x80) != 0;
    m.solicited = (icmp[4] & 0x40) != 0;
    m.override_existing = (icmp[4] & 0x20) != 0;
  }
  if (m.target.is_multicast() || m.target.is_unspecified() || m.target.is_v4() ||
      m.source.is_multicast() || !IsHostMac(m.frame_source)) {
    return std::nullopt;
  }
  if (!ParseLinkOption({icmp + kNeighbourSize, size - kNeighbourSize},
                       solicitation ? kOptionSourceLink : kOptionTargetLink, &m.link_address)) {
    return std::nullopt;
  }
  if (m.source.is_unspecified() &&
      (!solicitation || m.link_address.has_value() || !IsSolicitedNodeGroup(m.destination))) {
    return std::nullopt;
  }
  if (m.solicited && m.destination.is_multicast()) return std::nullopt;
  return m;
}

Bytes BuildNeighbour(const NeighbourMessage& m, const MacAddress& frame_destination) {
  std::array<uint8_t, kNeighbourSize + kLinkOptionSize> icmp = {};
  const bool solicitation = m.kind == NeighbourMessage::Kind::kSolicitation;
  icmp[0] = static_cast<uint8_t>(m.kind);
  icmp[4] = static_cast<uint8_t>((m.router ? 0x80 : 0) | (m.solicited ? 0x40 : 0) |
                                 (m.override_existing ? 0x20 : 0));
  StoreV6(icmp.data() + 8, m.target);
  if (!m.link_address.has_value()) {
    return BuildNeighbourFrame(m, frame_destination, std::span(icmp).first(kNeighbourSize));
  }
  icmp[kNeighbourSize] = solicitation ? kOptionSourceLink : kOptionTargetLink;
  icmp[kNeighbourSize + 1] = kLinkOptionSize / 8;
  StoreMac(icmp.data() + kNeighbourSize + 2, *m.link_address);
  return BuildNeighbourFrame(m, frame_destination, icmp);
}

Bytes BuildSolicitation(const MacAddress& own_mac, const IpAddress& own_address,
                        const IpAddress& target, const std::optional<MacAddress>& known) {
  const IpAddress group = SolicitedNodeGroup(target);
  return BuildNeighbour({.kind = NeighbourMessage::Kind::kSolicitation,
                         .frame_source = own_mac,
                         .source = own_address,
                         .destination = known.has_value() ? target : group,
                         .target = target,
                         .link_address = own_mac},
                        known.value_or(GroupMac(group)));
}

Bytes BuildAdvertisement(const NeighbourMessage& solicitation, const MacAddress& own_mac) {
  // A duplicate-address probe has no address to answer to: everyone is told (RFC 4861 7.2.4).
  const bool probe = solicitation.source.is_unspecified();
  return BuildNeighbour(
      {.kind = NeighbourMessage::Kind::kAdvertisement,
       .frame_source = own_mac,
       .source = solicitation.target,
       .destination = probe ? kAllNodes : solicitation.source,
       .target = solicitation.target,
       .link_address = own_mac,
       .router = true,
       .solicited = !probe,
       .override_existing = true},
      probe ? GroupMac(kAllNodes) : solicitation.link_address.value_or(solicitation.frame_source));
}

Bytes BuildUnsolicitedAdvertisement(const MacAddress& own_mac, const IpAddress& own_address) {
  return BuildNeighbour({.kind = NeighbourMessage::Kind::kAdvertisement,
                         .frame_source = own_mac,
                         .source = own_address,
                         .destination = kAllNodes,
                         .target = own_address,
                         .link_address = own_mac,
                         .router = true,
                         .override_existing = true},
                        GroupMac(kAllNodes));
}

IpAddress SolicitedNodeGroup(const IpAddress& target) {
  IpAddress group = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
  std::copy(target.bytes.begin() + 13, target.bytes.end(), group.bytes.begin() + 13);
  return group;
}

MacAddress GroupMac(const IpAddress& group) {
  MacAddress mac = {{0x33, 0x33}};
  std::copy(group.bytes.begin() + 12, group.bytes.end(), mac.bytes.begin() + 2);
  return mac;
}

}  // namespace noisegate::dataplane
