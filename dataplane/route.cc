// Route: whose is the destination, and may the sender say so. One longest-prefix match answers
// both.
//
//   1. look all destinations up, and the sources of what peers sent, in bulk
//   2. addresses that nobody may have, or that routers must not forward (RFC 1812 5.3.7)
//   3. a peer may send only from its own prefixes
//   4. by the destination's owner: this gateway, a host on the overlay, or a peer
//
// Exits:
//   to a host on the overlay → burst.to_hosts           to the gateway itself → PuntFrame,
//   PuntPacket to a peer → burst.to_peers                          no route, TTL spent → PuntPacket
//   Drop: kMartian, kInnerSource, kUnsupported, kRelayDenied, kNoRoute
//
// The TTL falls where a packet is sure to go on (Deliver, Encapsulate), so that what is punted or
// comes back from there is as its sender made it.

#include <rte_prefetch.h>

#include <span>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

// The addresses of a burst to look up: every destination, and the sources of what peers sent.
template <typename Address>
struct Questions {
  uint32_t n = 0;
  Address addresses[2 * kBurst];
  uint32_t route_ids[2 * kBurst];
  uint32_t* answers[2 * kBurst];  // where each id goes

  void Ask(Address address, uint32_t* answer) {
    addresses[n] = address;
    answers[n++] = answer;
  }
  void Distribute(const Forwarding& forwarding) {
    for (uint32_t i = 0; i < n; ++i) {
      *answers[i] = route_ids[i];
      forwarding.PrefetchRoute(route_ids[i]);
    }
  }
};

struct RouteIds {
  uint32_t destination;
  uint32_t source;
};

void LookUp(WorkerState& w, RouteIds* ids) {
  Questions<uint32_t> v4;
  Questions<const uint8_t*> v6;
  List<Packet, kBurst>& packets = w.burst.packets;
  for (uint32_t i = 0; i < packets.size(); ++i) {
    const uint8_t* bytes = BytesOf(packets[i].mbuf);
    const bool from_peer = packets[i].from != kNoPeer;
    if (packets[i].ip.is_v4()) {
      v4.Ask(DestinationV4(bytes), &ids[i].destination);
      if (from_peer) v4.Ask(SourceV4(bytes), &ids[i].source);
    } else {
      v6.Ask(DestinationV6(bytes), &ids[i].destination);
      if (from_peer) v6.Ask(SourceV6(bytes), &ids[i].source);
    }
  }
  if (v4.n != 0) {
    w.forwarding->v4().LookupV4Bulk(std::span(v4.addresses, v4.n), v4.route_ids);
    v4.Distribute(*w.forwarding);
  }
  if (v6.n != 0) {
    w.forwarding->v6().LookupV6Bulk(std::span(v6.addresses, v6.n), v6.route_ids);
    v6.Distribute(*w.forwarding);
  }
}

bool MayComeFrom(const WorkerState& w, const Packet& packet, uint32_t source_id) {
  const Route& source = w.forwarding->route(source_id);
  return source.kind == Route::Kind::kPeer && source.index == packet.from;
}

void ToGateway(WorkerState& w, const Packet& packet) {
  if (packet.ethernet_size == 0) return PuntPacket(w, packet, PuntKind::kLocal, packet.from);
  SetData(packet.mbuf, -int32_t{packet.ethernet_size},
          packet.mbuf->data_len + uint32_t{packet.ethernet_size});
  PuntFrame(w, *w.ports[packet.port], packet.mbuf);
}

void RouteOne(WorkerState& w, Packet& packet, const RouteIds& ids) {
  using Kind = Route::Kind;
  const uint8_t* bytes = BytesOf(packet.mbuf);
  if (HasMartianSource(bytes, packet.ip)) return Drop(w, packet.mbuf, DropReason::kMartian);
  if (packet.from != kNoPeer) {
    if (!MayComeFrom(w, packet, ids.source)) {
      return Drop(w, packet.mbuf, DropReason::kInnerSource);
    }
    if (IsLinkScoped(bytes, packet.ip)) return Drop(w, packet.mbuf, DropReason::kUnsupported);
  }
  // Whatever a prefix may claim: 0.0.0.0/0 covers these, too.
  if (HasMartianDestination(bytes, packet.ip)) return Drop(w, packet.mbuf, DropReason::kMartian);
  const Route& route = w.forwarding->route(ids.destination);
  packet.route = &route;
  if (route.kind == Kind::kLocal) return ToGateway(w, packet);
  if (HasLinkLocalSource(bytes, packet.ip)) return Drop(w, packet.mbuf, DropReason::kMartian);
  if (route.kind == Kind::kNone) return PuntPacket(w, packet, PuntKind::kNoRoute, packet.from);
  if (packet.ip.ttl <= 1) return PuntPacket(w, packet, PuntKind::kTtlExpired, packet.from);
  if (route.kind == Kind::kPeer) {
    if (route.index >= w.max_peers) return Drop(w, packet.mbuf, DropReason::kNoRoute);
    if (packet.from != kNoPeer && !w.forwarding->MayRelay(packet.from, route.index)) {
      return Drop(w, packet.mbuf, DropReason::kRelayDenied);
    }
    rte_prefetch0(&w.sending[route.index]);
    w.burst.to_peers.Add(&packet);
  } else if (route.port == packet.port || route.port >= w.ports.size()) {
    // In the first case its sender is on the same link and could have sent it there itself.
    Drop(w, packet.mbuf, DropReason::kNoRoute);
  } else {
    w.burst.to_hosts.Add(&packet);
  }
}

}  // namespace

void RoutePackets(WorkerState& w) {
  List<Packet, kBurst>& packets = w.burst.packets;
  if (packets.empty()) return;
  RouteIds ids[kBurst];
  LookUp(w, ids);
  for (uint32_t i = 0; i < packets.size(); ++i) RouteOne(w, packets[i], ids[i]);
}

}  // namespace noisegate::dataplane
