// Where an inner packet goes and where it may have come from: an immutable snapshot that the
// control thread builds and workers read.
//
// One longest-prefix match serves both questions, as in WireGuard's cryptokey routing: a prefix
// belongs to one owner, so the owner of the destination is where it goes, and the owner of the
// source must be whom it came from.
#ifndef NOISEGATE_DATAPLANE_FORWARDING_H_
#define NOISEGATE_DATAPLANE_FORWARDING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "dataplane/address.h"
#include "dataplane/prefix_table.h"

namespace noisegate::dataplane {

// Who owns a prefix.
struct Route {
  enum class Kind : uint8_t {
    kNone,       // nobody: no_route
    kPeer,       // `index` is the PeerIndex
    kConnected,  // hosts on overlay port `port`; the next hop is the destination itself
    kVia,        // behind `next_hop` on overlay port `port`
    kLocal,      // an address of the gateway itself: to the control thread
  };
  Kind kind = Kind::kNone;
  uint16_t port = 0;
  uint32_t index = 0;
  IpAddress next_hop = {};
  auto operator<=>(const Route&) const = default;
  std::string ToString() const;  // "peer 3", "overlay port 1 via 192.0.2.1", …
};

struct PrefixRoute {
  Prefix prefix;
  Route route;
};

// Peer `from` may send through us to peer `to`; kAnyPeer in either place is everyone.
struct RelayPermission {
  static constexpr uint32_t kAnyPeer = UINT32_MAX;
  uint32_t from = 0;
  uint32_t to = 0;
};

// Immutable after Build; any number of threads may read.
class Forwarding {
 public:
  // InvalidArgument names a prefix that two owners claim, and both. The same claim twice is one.
  // Host bits of prefixes do not count.
  static absl::StatusOr<std::unique_ptr<const Forwarding>> Build(
      std::span<const PrefixRoute> routes, std::span<const RelayPermission> permissions);

  // Longest match; Kind::kNone where nothing covers it. LookupV6 takes 16 bytes in network order.
  const Route& LookupV4(uint32_t host_order) const { return routes_[v4_.LookupV4(host_order)]; }
  const Route& LookupV6(const uint8_t* address) const { return routes_[v6_.LookupV6(address)]; }
  const Route& Lookup(const IpAddress& address) const {
    return address.is_v4() ? LookupV4(address.v4()) : LookupV6(address.bytes.data());
  }

  // Whether a packet from peer `from` may go on to peer `to`. Never back to where it came from: two
  // routers that disagree would throw it to and fro.
  bool MayRelay(uint32_t from, uint32_t to) const;

  // For bulk look-ups: their values are ids for route().
  const PrefixTable& v4() const { return v4_; }
  const PrefixTable& v6() const { return v6_; }
  const Route& route(uint32_t id) const { return routes_[id]; }  // id 0 is kNone
  void PrefetchRoute(uint32_t id) const { __builtin_prefetch(&routes_[id]); }

 private:
  Forwarding(PrefixTable v4, PrefixTable v6, std::vector<Route> routes,
             std::span<const RelayPermission> permissions);
  static uint64_t Pair(uint32_t from, uint32_t to) { return uint64_t{from} << 32 | to; }

  PrefixTable v4_;
  PrefixTable v6_;
  std::vector<Route> routes_;
  absl::flat_hash_set<uint64_t> permissions_;  // Pair(from, to)
  bool from_any_ = false;  // some permission has kAnyPeer there; spares look-ups
  bool to_any_ = false;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_FORWARDING_H_
