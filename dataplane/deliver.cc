// Deliver: to a host on the overlay.
//
//   1. look all next hops up in bulk     3. one hop less to live, Ethernet header
//   2. does it fit the link?
//
// Exits:
//   the frame → Transmit
//   the next hop's MAC is not known → PuntNeedNeighbour     too big, don't fragment → PuntPacket
//   Drop: kNoRoute, kNoBuffer

#include "dataplane/fragment.h"
#include "dataplane/mbuf_bytes.h"
#include "dataplane/rewrite.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

AddressWords NextHopOf(const Packet& packet) {
  return packet.route->kind == Route::Kind::kVia
             ? AddressWords::Of(packet.route->next_hop)
             : DestinationWords(BytesOf(packet.mbuf), packet.ip.is_v4());
}

void SendFrame(WorkerState& w, const Port& port, const Packet& packet, const MacAddress& mac) {
  uint8_t* bytes = BytesOf(packet.mbuf);
  DecrementTtl(bytes, packet.ip);
  const uint32_t header = port.ethernet_size();
  port.WriteEthernet(bytes - header, mac, packet.ip.is_v4() ? kEtherTypeIpv4 : kEtherTypeIpv6);
  SetData(packet.mbuf, -static_cast<int32_t>(header), header + packet.ip.size);
  packet.mbuf->ol_flags = 0;
  w.stats.delivered.Add(1);
  Transmit(w, port, packet.mbuf);
}

void SendFragments(WorkerState& w, const Port& port, const Packet& packet, const MacAddress& mac) {
  Packet fragments[kMaxFragments];
  const uint32_t n = FragmentPacket(w.pool, packet, port.options().mtu, fragments);
  if (n == 0) return Drop(w, packet.mbuf, DropReason::kNoBuffer);
  Take(w, n);
  for (uint32_t i = 0; i < n; ++i) SendFrame(w, port, fragments[i], mac);
  Replace(w, packet.mbuf);
}

void DeliverOne(WorkerState& w, const Packet& packet, const Neighbour* neighbour) {
  const Port& port = *w.ports[packet.route->port];
  MacAddress mac;
  if (neighbour == nullptr || !neighbour->Load(&mac)) [[unlikely]] {
    return PuntNeedNeighbour(w, packet, port.index(), NextHopOf(packet).ToAddress());
  }
  const uint16_t mtu = port.options().mtu;
  if (packet.ip.size <= mtu) [[likely]]
    return SendFrame(w, port, packet, mac);
  if (MayFragment(packet)) return SendFragments(w, port, packet, mac);
  PuntPacket(w, packet, PuntKind::kTooBig, packet.from, mtu);
}

}  // namespace

void Deliver(WorkerState& w) {
  List<Packet*, kBurst>& packets = w.burst.to_hosts;
  if (packets.empty()) return;
  TableKey keys[kBurst];
  const Neighbour* neighbours[kBurst];
  for (uint32_t i = 0; i < packets.size(); ++i) {
    keys[i] = NeighbourTable::KeyOf(packets[i]->route->port, NextHopOf(*packets[i]));
  }
  w.neighbours->FindBulk(keys, packets.size(), neighbours);
  for (uint32_t i = 0; i < packets.size(); ++i) DeliverOne(w, *packets[i], neighbours[i]);
  packets.Clear();
}

}  // namespace noisegate::dataplane
