#include "config/validator.h"

#include <algorithm>
#include <map>
#include <vector>

#include "config/key_table.h"

namespace noisegate::config {
namespace {

using dataplane::IpAddress;
using dataplane::Prefix;

constexpr int64_t kMessageOverhead = 8 + 4 + 16;  // bytes: UDP, header and tag

// The network or the broadcast address of its own prefix, which no host can have.
bool IsNetworkOrBroadcast(const Prefix& interface) {
  if (!interface.address.is_v4() || interface.length >= 31) return false;
  const uint32_t host_mask = 0xffffffffu >> interface.length;
  const uint32_t host = interface.address.v4() & host_mask;
  return host == 0 || host == host_mask;
}

}  // namespace

bool IsUnicast(const IpAddress& address) {
  constexpr uint32_t kBroadcast = 0xffffffff;
  return !address.is_unspecified() && !address.is_multicast() &&
         !(address.is_v4() && address.v4() == kBroadcast);
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
    return;
  }
  if (!MayBe(Side::kUnderlay, IndexOf(port)) || !CarriesV6()) return;
  // Inside as well, IPv6 must get its 1280 bytes through: with the outer IP header, UDP, ours and a tag.
  const int64_t needed = kMinMtuV6 + (v6 ? 40 : 20) + kMessageOverhead;
  if (port.mtu < needed) {
    Report(path + ".mtu", std::to_string(port.mtu) + " is less than " + std::to_string(needed) +
                              ", so the 1280 bytes that IPv6 needs inside do not fit");
  }
}

bool Validator::CarriesV6() const {
  const auto is_v6 = [](const Prefix& prefix) {
    return prefix != Prefix{} && !prefix.address.is_v4();
  };
  return std::any_of(config_.ports.begin(), config_.ports.end(),
                     [&](const Port& port) {
                       return port.side == Side::kOverlay &&
                              std::any_of(port.addresses.begin(), port.addresses.end(), is_v6);
                     }) ||
         std::any_of(config_.peers.begin(), config_.peers.end(), [&](const Peer& peer) {
           return std::any_of(peer.allowed_prefixes.begin(), peer.allowed_prefixes.end(), is_v6);
         });
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

}  // namespace noisegate::config
