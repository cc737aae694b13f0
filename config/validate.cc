#include "config/validate.h"

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/key_table.h"
#include "config/value.h"

namespace noisegate::config {
namespace {

using dataplane::EndpointRange;
using dataplane::IpAddress;
using dataplane::Prefix;

std::string Indexed(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

bool IsUnicast(const IpAddress& address) {
  constexpr uint32_t kBroadcast = 0xffffffff;
  return !address.is_unspecified() && !address.is_multicast() &&
         !(address.is_v4() && address.v4() == kBroadcast);
}

// The network or the broadcast address of its own prefix, which no host can have.
bool IsNetworkOrBroadcast(const Prefix& interface) {
  if (!interface.address.is_v4() || interface.length >= 31) return false;
  const uint32_t host_mask = 0xffffffffu >> interface.length;
  const uint32_t host = interface.address.v4() & host_mask;
  return host == 0 || host == host_mask;
}

bool OnLink(const Port& port, const IpAddress& address) {
  const bool has_v6 = std::any_of(port.addresses.begin(), port.addresses.end(),
                                  [](const Prefix& own) { return !own.address.is_v4(); });
  if (address.is_link_local()) return has_v6;
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const Prefix& own) { return own.Contains(address); });
}

bool IsOwn(const Port& port, const IpAddress& address) {
  return std::any_of(port.addresses.begin(), port.addresses.end(),
                     [&](const Prefix& own) { return own.address == address; });
}

class Validator {
 public:
  Validator(const Config& config, const Node& root, Decoder& decoder)
      : config_(config), root_(root), decoder_(decoder) {}

  void Run() {
    CheckGateway();
    CheckPorts();
    CheckPeers();
    CheckPrefixes();
    CheckEndpoints();
    CheckRelay();
    CheckSessions();
  }

 private:
  void Report(const std::string& path, std::string message) {
    decoder_.ReportAt(LineOf(root_, path), path, std::move(message));
  }
  std::string LineText(const std::string& path) const {
    return "line " + std::to_string(LineOf(root_, path));
  }
  // False for the default that stands where a value was wrong or absent.
  template <typename T>
  bool IsGood(const T& value, const std::string& path) const {
    return value != T{} || !decoder_.HasProblemAt(path);
  }

  // Whether the port is on that side, or its side is not known because it is wrong.
  bool MayBe(Side side, size_t port) const {
    return config_.ports[port].side == side ||
           decoder_.HasProblemAt(Indexed("ports", port) + ".side");
  }
  size_t IndexOf(const Port& port) const {
    return static_cast<size_t>(&port - config_.ports.data());
  }

  void CheckGateway();
  void CheckPorts();
  void CheckPort(const Port& port, const std::string& path);
  void CheckAddresses(const Port& port, const std::string& path);
  void CheckNextHops(const Port& port, const std::string& path);
  void CheckTap(const Port& port, const std::string& path);
  void CheckDevices();
  void CheckPeers();
  void CheckPrefixes();
  void CheckEndpoints();
  void CheckEndpoint(const EndpointRange& endpoint, const std::string& path);
  void CheckRelay();
  void CheckSessions();

  const Config& config_;
  const Node& root_;
  Decoder& decoder_;
};

void Validator::CheckGateway() {
  const Gateway& gateway = config_.gateway;
  if (gateway.listen_port + gateway.workers - 1 > 65'535) {
    Report("gateway.listen_port", std::to_string(gateway.workers) +
                                      " workers need as many ports, "
                                      "and there are fewer from this one to 65535");
  }
  const auto& cores = gateway.worker_cores;
  if (!cores.empty() && cores.size() != gateway.workers &&
      !decoder_.HasProblemAt("gateway.workers")) {
    Report("gateway.worker_cores", std::to_string(cores.size()) + " cores, but workers is " +
                                       std::to_string(gateway.workers));
  }
  for (size_t i = 0; i < cores.size(); ++i) {
    const std::string path = Indexed("gateway.worker_cores", i);
    if (!IsGood(cores[i], path)) continue;
    if (std::find(cores.begin(), cores.begin() + static_cast<ptrdiff_t>(i), cores[i]) !=
        cores.begin() + static_cast<ptrdiff_t>(i)) {
      Report(path, "core " + std::to_string(cores[i]) + " has a worker already");
    } else if (gateway.control_core == cores[i]) {
      Report(path, "core " + std::to_string(cores[i]) + " is the control thread's");
    }
  }
  if (config_.peers.size() > gateway.max_peers) {
    Report("gateway.max_peers", std::to_string(gateway.max_peers) + " is fewer than the " +
                                    std::to_string(config_.peers.size()) + " peers below");
  } else if (2 * config_.peers.size() > gateway.max_sessions) {
    Report("gateway.max_sessions",
           std::to_string(gateway.max_sessions) + " is fewer than two for each of the " +
               std::to_string(config_.peers.size()) + " peers, which a rollover needs");
  }
}

void Validator::CheckPorts() {
  std::map<std::string_view, size_t> names;
  std::map<IpAddress, std::string> addresses;
  bool underlay = false;
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    const Port& port = config_.ports[i];
    const std::string path = Indexed("ports", i);
    underlay |= MayBe(Side::kUnderlay, i);
    if (!port.name.empty()) {
      const auto [at, is_new] = names.emplace(port.name, i);
      if (!is_new) {
        Report(path + ".name", "another port is called " + Quote(port.name) + ", on " +
                                   LineText(Indexed("ports", at->second) + ".name"));
      }
    }
    for (size_t j = 0; j < port.addresses.size(); ++j) {
      const std::string address_path = Indexed(path + ".addresses", j);
      if (!IsGood(port.addresses[j], address_path) || port.addresses[j].address.is_link_local()) {
        continue;
      }
      const auto [at, is_new] = addresses.emplace(port.addresses[j].address, address_path);
      if (!is_new) Report(address_path, "the same address as on " + LineText(at->second));
    }
    CheckPort(port, path);
  }
  CheckDevices();
  if (config_.ports.empty()) {
    if (!decoder_.HasProblemAt("ports")) Report("ports", "at least one is needed");
  } else if (!underlay) {
    Report("ports", "no port has 'side: underlay', so no peer can be reached");
  }
}

void Validator::CheckPort(const Port& port, const std::string& path) {
  CheckAddresses(port, path);
  CheckNextHops(port, path);
  CheckTap(port, path);
  const bool v6 = std::any_of(port.addresses.begin(), port.addresses.end(), [](const Prefix& own) {
    return own != Prefix{} && !own.address.is_v4();
  });
  if (v6 && port.mtu < kMinMtuV6) {
    Report(path + ".mtu", std::to_string(port.mtu) + " is less than 1280, which IPv6 needs");
  }
}

void Validator::CheckAddresses(const Port& port, const std::string& path) {
  const std::string list = path + ".addresses";
  if (port.addresses.empty() && !decoder_.HasProblemAt(list)) {
    Report(list, "at least one is needed");
  }
  for (size_t i = 0; i < port.addresses.size(); ++i) {
    const Prefix& own = port.addresses[i];
    const std::string item = Indexed(list, i);
    if (!IsGood(own, item)) continue;
    if (!IsUnicast(own.address)) {
      Report(item, own.address.ToString() + " is no host's address");
    } else if (IsNetworkOrBroadcast(own)) {
      Report(item, own.address.ToString() + " is the network's or the broadcast address of " +
                       own.Masked().ToString());
    } else if (own.length == 0) {
      Report(item, "a prefix length of 0 would put everything on the link");
    }
  }
}

void Validator::CheckNextHops(const Port& port, const std::string& path) {
  const auto check = [&](const IpAddress& address, const std::string& at) {
    if (!IsGood(address, at)) return;
    if (!IsUnicast(address)) {
      Report(at, address.ToString() + " is no host's address");
    } else if (IsOwn(port, address)) {
      Report(at, address.ToString() + " is the gateway's own address");
    } else if (!OnLink(port, address)) {
      Report(at, address.ToString() +
                     " is not on the link: none of the port's addresses has it in "
                     "its prefix");
    }
  };
  const std::string gateway = path + ".gateway";
  for (const auto& next_hop : {port.gateway_v4, port.gateway_v6}) {
    if (!next_hop.has_value()) continue;
    if (!MayBe(Side::kUnderlay, IndexOf(port))) {
      Report(gateway, "is for the underlay; here, use 'routes'");
      break;
    }
    check(*next_hop, gateway);
  }
  for (size_t i = 0; i < port.neighbours.size(); ++i) {
    const std::string item = Indexed(path + ".neighbours", i);
    check(port.neighbours[i].address, item + ".address");
    const auto& mac = port.neighbours[i].mac;
    const bool is_host = mac != dataplane::MacAddress{} && (mac.bytes[0] & 1) == 0;
    if (!is_host && IsGood(mac, item + ".mac")) {
      Report(item + ".mac", mac.ToString() + " is no host's MAC address");
    }
  }
  if (!port.routes.empty() && !MayBe(Side::kOverlay, IndexOf(port))) {
    Report(path + ".routes", "are for the overlay; here, use 'gateway'");
    return;
  }
  for (size_t i = 0; i < port.routes.size(); ++i) {
    const std::string item = Indexed(path + ".routes", i);
    const StaticRoute& route = port.routes[i];
    check(route.via, item + ".via");
    if (IsGood(route.prefix, item + ".prefix") && IsGood(route.via, item + ".via") &&
        route.prefix.address.is_v4() != route.via.is_v4()) {
      Report(item + ".via", "is not of the prefix's family");
    }
  }
}

void Validator::CheckTap(const Port& port, const std::string& path) {
  if (port.device != Device::kTap) {
    const Node& node = root_.Find("ports")->children[IndexOf(port)];
    if (decoder_.HasProblemAt(path + ".device")) return;
    for (const char* key : {"host_addresses", "host_routes"}) {
      if (node.Find(key) != nullptr) {
        Report(path + "." + key, "is for 'device: {tap: …}' only");
      }
    }
    return;
  }
  for (size_t i = 0; i < port.host_addresses.size(); ++i) {
    const Prefix& host = port.host_addresses[i];
    const std::string item = Indexed(path + ".host_addresses", i);
    if (!IsGood(host, item)) continue;
    if (!IsUnicast(host.address) || IsNetworkOrBroadcast(host)) {
      Report(item, host.address.ToString() + " is no host's address");
    } else if (IsOwn(port, host.address)) {
      Report(item, host.address.ToString() + " is the gateway's own; the host needs another");
    } else if (!OnLink(port, host.address)) {
      Report(item, host.address.ToString() + " is in none of the networks of 'addresses'");
    }
  }
}

void Validator::CheckDevices() {
  std::map<std::pair<Device, std::string>, std::vector<size_t>> devices;
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    const Port& port = config_.ports[i];
    const std::string path = Indexed("ports", i) + ".device";
    if (port.device_name.empty()) continue;
    // DPDK reads a comma as the end of the name; captures are two names by design.
    const auto commas = std::count(port.device_name.begin(), port.device_name.end(), ',');
    if (port.device == Device::kPcap ? commas != 1 : commas != 0) {
      Report(path, port.device == Device::kPcap ? "pcap takes two files: in.pcap,out.pcap"
                                                : "a comma in the device's name; use 'args'");
    }
    // One memif socket carries several interfaces, told apart by their arguments.
    const bool several = port.device == Device::kMemif;
    devices[{port.device, port.device_name + (several ? "," + port.device_args : "")}].push_back(i);
  }
  for (const auto& [device, users] : devices) {
    const size_t allowed = device.first == Device::kRing ? 2 : 1;  // a ring has two ends
    for (size_t i = allowed; i < users.size(); ++i) {
      Report(Indexed("ports", users[i]) + ".device",
             "the same device as on " + LineText(Indexed("ports", users.front()) + ".device"));
    }
  }
}

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
        const std::string_view near = Nearest(to, candidates);
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

void Validator::CheckSessions() {
  const Sessions& sessions = config_.sessions;
  if (sessions.renew_after >= sessions.life) {
    Report("sessions.renew_after", "must be before the session's life ends");
  }
  if (sessions.grace > sessions.life) {
    Report("sessions.grace", "must not be longer than the session's life");
  }
}

}  // namespace

void Validate(const Config& config, const Node& root, Decoder& decoder) {
  Validator(config, root, decoder).Run();
}

}  // namespace noisegate::config
