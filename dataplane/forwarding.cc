#include "dataplane/forwarding.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {
namespace {

constexpr size_t kMaxRoutes = (size_t{1} << 24) - 1;  // what a PrefixTable's values can tell apart

// Host bits cleared, and one after another where equal.
std::vector<PrefixRoute> Sorted(std::span<const PrefixRoute> routes) {
  std::vector<PrefixRoute> sorted(routes.begin(), routes.end());
  for (PrefixRoute& r : sorted) r.prefix = r.prefix.Masked();
  std::sort(sorted.begin(), sorted.end(), [](const PrefixRoute& a, const PrefixRoute& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : a.route < b.route;
  });
  return sorted;
}

}  // namespace

std::string Route::ToString() const {
  switch (kind) {
    case Kind::kNone:
      return "nobody";
    case Kind::kPeer:
      return absl::StrCat("peer ", index);
    case Kind::kConnected:
      return absl::StrCat("overlay port ", port);
    case Kind::kVia:
      return absl::StrCat("overlay port ", port, " via ", next_hop.ToString());
    case Kind::kLocal:
      return "the gateway itself";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<const Forwarding>> Forwarding::Build(
    std::span<const PrefixRoute> routes, std::span<const RelayPermission> permissions) {
  const std::vector<PrefixRoute> sorted = Sorted(routes);

  // Each owner gets one id, however many prefixes it has: the workers' routes stay in cache.
  std::vector<Route> owners;
  owners.reserve(sorted.size());
  for (const PrefixRoute& r : sorted) owners.push_back(r.route);
  owners.push_back(Route{});  // sorts first: id 0
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  if (owners.size() > kMaxRoutes) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxRoutes, " routes"));
  }

  std::vector<PrefixTable::Entry> v4, v6;
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto& [prefix, route] = sorted[i];
    if (route.kind == Route::Kind::kNone) {
      return absl::InvalidArgumentError(absl::StrCat(prefix.ToString(), " has no owner"));
    }
    if (i > 0 && prefix == sorted[i - 1].prefix) {
      if (route == sorted[i - 1].route) continue;
      return absl::InvalidArgumentError(absl::StrCat(prefix.ToString(), " is claimed by ",
                                                     sorted[i - 1].route.ToString(), " and by ",
                                                     route.ToString()));
    }
    const auto owner = std::lower_bound(owners.begin(), owners.end(), route);
    (prefix.address.is_v4() ? v4 : v6)
        .push_back({prefix, static_cast<uint32_t>(owner - owners.begin())});
  }
  return std::unique_ptr<const Forwarding>(new Forwarding(
      PrefixTable::BuildV4(v4), PrefixTable::BuildV6(v6), std::move(owners), permissions));
}

Forwarding::Forwarding(PrefixTable v4, PrefixTable v6, std::vector<Route> routes,
                       std::span<const RelayPermission> permissions)
    : v4_(std::move(v4)), v6_(std::move(v6)), routes_(std::move(routes)) {
  for (const RelayPermission& p : permissions) {
    permissions_.insert(Pair(p.from, p.to));
    from_any_ |= p.from == RelayPermission::kAnyPeer;
    to_any_ |= p.to == RelayPermission::kAnyPeer;
  }
}

bool Forwarding::MayRelay(uint32_t from, uint32_t to) const {
  constexpr uint32_t kAny = RelayPermission::kAnyPeer;
  if (from == to) return false;
  return permissions_.contains(Pair(from, to)) ||
         (to_any_ && permissions_.contains(Pair(from, kAny))) ||
         (from_any_ && permissions_.contains(Pair(kAny, to))) ||
         (from_any_ && to_any_ && permissions_.contains(Pair(kAny, kAny)));
}

}  // namespace noisegate::dataplane
