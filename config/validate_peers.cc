#include "config/validator.h"

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "config/key_table.h"

namespace noisegate::config {
namespace {

using dataplane::EndpointRange;
using dataplane::IpAddress;
using dataplane::Prefix;

}  // namespace

void Validator::CheckPeers() {
  std::unordered_map<std::string_view, size_t> names;
  std::map<crypto::PeerId, size_t> ids;
  for (size_t i = 0; i < config_.peers.size(); ++i) {
    const Peer& peer = config_.peers[i];
    const std::string path = Indexed("peers", i);
    if (!peer.name.empty()) {
      const auto [at, is_new] = names.emplace(peer.name, i);
      if (!is_new) {
        Report(path + ".name", "another peer is called " + Quote(peer.name) + ", on line " +
                                   std::to_string(config_.peers[at->second].line));
      }
    }
    if (peer.id != crypto::PeerId{}) {
      const auto [at, is_new] = ids.emplace(peer.id, i);
      if (!is_new) {
        Report(path + ".id", "the same id as peer " + Quote(config_.peers[at->second].name) +
                                 ", on line " + std::to_string(config_.peers[at->second].line));
      }
    }
  }
}

// A prefix has one owner: the peer, own network or router that packets to it go to.
void Validator::CheckPrefixes() {
  struct Claim {
    Prefix prefix;
    size_t order;      // in the file: of two, the later one is at fault
    const Peer* peer;  // one of these two is set
    const Port* port;
    bool network;  // of an address, which may share it with others of its port
    std::string path;
    std::string Owner() const {
      return peer != nullptr ? "peer " + Quote(peer->name) : "port " + Quote(port->name);
    }
  };
  std::vector<Claim> claims;
  const auto add = [&](const Prefix& prefix, const Peer* peer, const Port* port, bool network,
                       std::string path) {
    if (IsGood(prefix, path)) {
      claims.push_back({prefix, claims.size(), peer, port, network, std::move(path)});
    }
  };
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    const Port& port = config_.ports[i];
    const std::string path = Indexed("ports", i);
    if (port.side != Side::kOverlay) continue;
    for (size_t j = 0; j < port.addresses.size(); ++j) {
      const Prefix& own = port.addresses[j];
      const uint8_t host_length = own.address.is_v4() ? 32 : 128;
      const std::string item = Indexed(path + ".addresses", j);
      add(own.Masked(), nullptr, &port, true, item);
      if (own.length < host_length) add({own.address, host_length}, nullptr, &port, true, item);
    }
    for (size_t j = 0; j < port.routes.size(); ++j) {
      add(port.routes[j].prefix, nullptr, &port, false, Indexed(path + ".routes", j) + ".prefix");
    }
  }
  for (size_t i = 0; i < config_.peers.size(); ++i) {
    const Peer& peer = config_.peers[i];
    const std::string path = Indexed("peers", i) + ".allowed_prefixes";
    for (size_t j = 0; j < peer.allowed_prefixes.size(); ++j) {
      add(peer.allowed_prefixes[j], &peer, nullptr, false, Indexed(path, j));
    }
  }
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    return std::tie(a.prefix, a.order) < std::tie(b.prefix, b.order);
  });
  for (size_t i = 1, owner = 0; i < claims.size(); ++i) {
    const Claim &first = claims[owner], &claim = claims[i];
    if (first.prefix != claim.prefix) {
      owner = i;
      continue;
    }
    if (first.network && claim.network && first.port == claim.port) continue;
    Report(claim.path, claim.prefix.ToString() + " belongs to " + first.Owner() + " already, on " +
                           LineText(first.path));
  }
}

void Validator::CheckEndpoint(const EndpointRange& endpoint, const std::string& path) {
  const bool v4 = endpoint.address.is_v4();
  if (!IsUnicast(endpoint.address) || endpoint.address.is_link_local()) {
    Report(path, endpoint.address.ToString() + " cannot be a peer's address");
    return;
  }
  bool reachable = false;
  for (const Port& port : config_.ports) {
    if (port.side != Side::kUnderlay) continue;
    if (IsOwn(port, endpoint.address)) {
      Report(path, endpoint.address.ToString() + " is the gateway's own address");
      return;
    }
    const auto& next_hop = v4 ? port.gateway_v4 : port.gateway_v6;
    reachable |= next_hop.has_value() || OnLink(port, endpoint.address);
  }
  if (!reachable) {
    Report(path, "no underlay port reaches " + endpoint.address.ToString() +
                     ": it is on no link, and there is no " + (v4 ? "IPv4" : "IPv6") + " gateway");
  }
}

// Sessions are told apart by the remote address and port, so those belong to one peer.
void Validator::CheckEndpoints() {
  struct Use {
    EndpointRange range;
    size_t peer, item;
  };
  std::vector<Use> uses;
  const bool ports_known = !decoder_.HasProblemAt("ports") && !config_.ports.empty();
  for (size_t i = 0; i < config_.peers.size(); ++i) {
    const Peer& peer = config_.peers[i];
    for (size_t j = 0; j < peer.endpoints.size(); ++j) {
      if (peer.endpoints[j].first_port == 0) continue;  // was wrong
      uses.push_back({peer.endpoints[j], i, j});
    }
  }
  const auto path_of = [&](const Use& use) {
    const std::string path = Indexed("peers", use.peer);
    const Node* peers = root_.Find("peers");
    const bool single = peers->children[use.peer].Find("endpoint") != nullptr;
    return single ? path + ".endpoint" : Indexed(path + ".endpoints", use.item);
  };
  for (const Use& use : uses) {
    if (ports_known) CheckEndpoint(use.range, path_of(use));
    const uint32_t stripes = config_.peers[use.peer].stripes;
    if (use.range.has_range() && stripes > use.range.count()) {
      Report(Indexed("peers", use.peer) + ".stripes",
             std::to_string(stripes) + " stripes, but only " + std::to_string(use.range.count()) +
                 " ports in " + use.range.ToString());
    }
  }
  std::sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) {
    return std::tie(a.range, a.peer, a.item) < std::tie(b.range, b.peer, b.item);
  });
  // Sorted by address and first port: whatever overlaps reaches into the one that reaches furthest.
  const Use* furthest = nullptr;
  for (const Use& use : uses) {
    if (furthest != nullptr && furthest->range.address == use.range.address &&
        furthest->range.last_port >= use.range.first_port) {
      const Use& later =
          std::tie(use.peer, use.item) > std::tie(furthest->peer, furthest->item) ? use : *furthest;
      const Use& earlier = &later == &use ? *furthest : use;
      Report(path_of(later), "overlaps with " + earlier.range.ToString() + " of peer " +
                                 Quote(config_.peers[earlier.peer].name) + ", on " +
                                 LineText(path_of(earlier)));
      if (furthest->range.last_port >= use.range.last_port) continue;
    }
    furthest = &use;
  }
}

void Validator::CheckRelay() {
  // Each takes a look at every name, so a file of many wrong ones would take minutes; a reload has none.
  constexpr int kMaxSuggestions = 20;
  int suggestions = 0;
  std::set<std::string_view> names;
  bool relays = false;
  for (const Peer& peer : config_.peers) names.insert(peer.name);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  for (size_t i = 0; i < config_.peers.size(); ++i) {
    const Peer& peer = config_.peers[i];
    std::set<std::string_view> seen;
    for (size_t j = 0; j < peer.relay_to.size(); ++j) {
      const std::string& to = peer.relay_to[j];
      const std::string path = Indexed(Indexed("peers", i) + ".relay_to", j);
      relays = true;
      if (to.empty()) continue;  // was wrong
      if (!seen.insert(to).second) {
        Report(path, Quote(to) + " is there twice");
      } else if (to == "*") {
        continue;
      } else if (to == peer.name) {
        Report(path, "a peer needs no relay to itself");
      } else if (!names.contains(to)) {
        const std::string_view near =
            ++suggestions <= kMaxSuggestions ? Nearest(to, candidates) : std::string_view();
        Report(path, "no peer is called " + Quote(to) +
                         (near.empty() ? "" : "; did you mean " + Quote(near) + "?"));
      }
    }
  }
  bool overlay = false;
  for (size_t i = 0; i < config_.ports.size(); ++i) overlay |= MayBe(Side::kOverlay, i);
  if (!overlay && !relays && !config_.ports.empty()) {
    Report("ports",
           "no port has 'side: overlay' and no peer has 'relay_to', so nothing could be "
           "carried");
  }
}

}  // namespace noisegate::config
