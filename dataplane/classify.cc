// Classify: what a frame is, and whether it is for us.
//
// Exits, underlay:                              Exits, overlay:
//   a transport message → burst.datagrams         an IP packet → burst.packets
//   another worker's stripe → HandOver            ARP, neighbour discovery → PuntFrame
//   handshakes, closes → PuntHandshake,           Drop: kNoBuffer, kMalformed, kNotForUs,
//     PuntBareClose                                     kUnsupported, kBadChecksum
//   ARP, ND, ICMP to us → PuntFrame
//   Drop: kNoBuffer, kMalformed, kUnsupported,
//         kBadChecksum, kFragment, kNotForUs,
//         kTruncated

#include <rte_prefetch.h>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kPrefetchAhead = 6;  // frames

// The headers of an underlay frame lie in one line, those of the packet inside begin in the next.
void PrefetchDatagram(rte_mbuf* frame) {
  rte_prefetch0(BytesOf(frame));
  rte_prefetch0(BytesOf(frame) + kCacheLine);
}

// A packet from the overlay gets its outer headers in front, where no device has written.
void PrefetchPacket(rte_mbuf* frame) {
  rte_prefetch0(BytesOf(frame));
  __builtin_prefetch(BytesOf(frame) - kCacheLine, 1);
}

bool DeviceCheckedHeader(const rte_mbuf* frame) {
  return (frame->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

bool IsGroupMac(const uint8_t* mac) { return (mac[0] & 1) != 0; }

bool IsForUs(const Port& port, const uint8_t* mac) {
  return port.IsOwnMac(mac) || IsGroupMac(mac);
}

// Frames come in one piece nearly always; the stages after this see nothing else.
bool MakePlain(WorkerState& w, rte_mbuf** frame) {
  if (IsPlain(*frame)) [[likely]]
    return true;
  rte_mbuf* moved = MoveToOwnBuffer(w.pool, *frame);
  if (moved == nullptr) {
    Drop(w, *frame, DropReason::kNoBuffer);
    return false;
  }
  *frame = moved;
  return true;
}

// ARP (whose addresses the control thread reads), or ICMP to one of our addresses or to a group
// that neighbour discovery uses.
void ClassifyControl(WorkerState& w, const Port& port, rte_mbuf* frame, const OuterPacket& outer) {
  const uint8_t* bytes = BytesOf(frame);
  if (!IsForUs(port, bytes)) return Drop(w, frame, DropReason::kNotForUs);
  if (outer.ether_type != kEtherTypeArp) {
    const uint8_t* ip = bytes + outer.l3_offset;
    const bool of_link = !outer.ip.is_v4() && IsLinkScoped(ip, outer.ip);
    if (!of_link && !port.IsOwnAddress(DestinationWords(ip, outer.ip.is_v4()))) {
      return Drop(w, frame, DropReason::kNotForUs);
    }
  }
  PuntFrame(w, port, frame);
}

// A datagram to one of our UDP ports: `size` bytes from `offset` of the frame on.
void ClassifyDatagram(WorkerState& w, const Port& port, rte_mbuf* frame, const OuterPacket& outer) {
  uint8_t* bytes = BytesOf(frame);
  const uint16_t stripe = static_cast<uint16_t>(outer.destination_port - w.listen_port);
  const uint8_t* outer_ip = bytes + outer.l3_offset;
  if (!port.IsOwnMac(bytes) || stripe >= w.workers ||
      !port.IsOwnAddress(DestinationWords(outer_ip, outer.ip.is_v4()))) {
    return Drop(w, frame, DropReason::kNotForUs);
  }
  if (stripe != w.index) {
    PacketNote& note = NoteOf(frame);
    note.kind = PacketNote::Kind::kFrame;
    note.port = port.index();
    return HandOver(w, stripe, frame);
  }
  if (outer.payload_size < kHeaderSize) return Drop(w, frame, DropReason::kTruncated);

  const AddressWords source = SourceWords(outer_ip, outer.ip.is_v4());
  uint8_t* payload = bytes + outer.payload_offset;
  const Header header = DecodeHeader(LoadBe32(payload));
  SetData(frame, static_cast<int32_t>(outer.payload_offset), outer.payload_size);
  if (!header.is_message()) [[unlikely]] {
    if (header.counter == kCounterClose && outer.payload_size == kHeaderSize) {
      return PuntBareClose(w, port, frame, {source.ToAddress(), outer.source_port}, outer_ip);
    }
    return PuntHandshake(w, port, frame, header.counter, {source.ToAddress(), outer.source_port},
                         outer_ip);
  }
  if (outer.payload_size < kOverhead) return Drop(w, frame, DropReason::kTruncated);

  Datagram* datagram = w.burst.datagrams.Grow();
  datagram->key = SessionKey(source, outer.source_port, header.direction);
  datagram->mbuf = frame;
  datagram->bytes = payload;
  datagram->size = outer.payload_size;
  datagram->counter = header.counter;
  datagram->outer_ip_back = static_cast<uint16_t>(payload - outer_ip);
  datagram->port = port.index();
  datagram->ecn = outer.ip.ecn;
}

void ClassifyOverlayFrame(WorkerState& w, const Port& port, rte_mbuf* frame) {
  const uint8_t* bytes = BytesOf(frame);
  const uint32_t size = frame->data_len;
  EthernetFrame ethernet;
  if (!ParseEthernet(bytes, size, &ethernet)) return Drop(w, frame, DropReason::kMalformed);
  if (ethernet.vlan != port.vlan()) return Drop(w, frame, DropReason::kNotForUs);
  if (!IsForUs(port, bytes)) return Drop(w, frame, DropReason::kNotForUs);
  if (ethernet.ether_type == kEtherTypeArp) return PuntFrame(w, port, frame);
  const bool v4 = ethernet.ether_type == kEtherTypeIpv4;
  if (!v4 && ethernet.ether_type != kEtherTypeIpv6) {
    return Drop(w, frame, DropReason::kUnsupported);
  }

  const uint8_t* ip_bytes = bytes + ethernet.l3_offset;
  Packet* packet = w.burst.packets.end();  // written where it stays, if it does
  IpPacket& ip = packet->ip;
  if (!ParseIp(ip_bytes, size - ethernet.l3_offset, &ip) || ip.is_v4() != v4) {
    return Drop(w, frame, DropReason::kMalformed);
  }
  if (!DeviceCheckedHeader(frame) && !HeaderChecksumOk(ip_bytes, ip)) {
    return Drop(w, frame, DropReason::kBadChecksum);
  }
  if (IsGroupMac(bytes) || IsLinkScoped(ip_bytes, ip)) [[unlikely]] {
    if (ip.protocol == kProtocolIcmpv6 && IsLinkScoped(ip_bytes, ip)) {
      return PuntFrame(w, port, frame);
    }
    return Drop(w, frame, DropReason::kUnsupported);
  }
  SetData(frame, ethernet.l3_offset, ip.size);  // without Ethernet's padding
  packet->mbuf = frame;
  packet->from = kNoPeer;
  packet->port = port.index();
  packet->ethernet_size = ethernet.l3_offset;
  packet->arrival = Arrival::kDevice;
  w.burst.packets.Grow();
}

}  // namespace

void ClassifyUnderlay(WorkerState& w, const Port& port, rte_mbuf** frames, uint32_t n) {
  for (uint32_t i = 0; i < n && i < kPrefetchAhead; ++i) PrefetchDatagram(frames[i]);
  for (uint32_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) PrefetchDatagram(frames[i + kPrefetchAhead]);
    rte_mbuf* frame = frames[i];
    if (!MakePlain(w, &frame)) continue;
    OuterPacket outer;
    const OuterKind kind =
        ParseOuter(BytesOf(frame), frame->data_len, !DeviceCheckedHeader(frame), &outer);
    if (kind == OuterKind::kDrop) {
      Drop(w, frame, outer.reason);
    } else if (outer.vlan != port.vlan()) {
      Drop(w, frame, DropReason::kNotForUs);
    } else if (kind == OuterKind::kUdp) [[likely]] {
      ClassifyDatagram(w, port, frame, outer);
    } else {
      ClassifyControl(w, port, frame, outer);
    }
  }
}

void ClassifyOverlay(WorkerState& w, const Port& port, rte_mbuf** frames, uint32_t n) {
  for (uint32_t i = 0; i < n && i < kPrefetchAhead; ++i) PrefetchPacket(frames[i]);
  for (uint32_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) PrefetchPacket(frames[i + kPrefetchAhead]);
    rte_mbuf* frame = frames[i];
    if (MakePlain(w, &frame)) ClassifyOverlayFrame(w, port, frame);
  }
}

}  // namespace noisegate::dataplane
