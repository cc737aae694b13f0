#include "config/key_table.h"

#include <utility>

#include "config/config.h"
#include "config/decoder.h"
#include "config/key_fields.h"
#include "config/libp2p_keys.h"
#include "config/value.h"

namespace noisegate::config {
namespace {

constexpr int64_t kMaxSocketPath = 107;    // sockaddr_un, with its final zero
constexpr int64_t kMaxInterfaceName = 15;  // IFNAMSIZ, with its final zero
constexpr int64_t kMaxName = 63;
constexpr int64_t kMaxStripes = 64;
constexpr int64_t kMaxAddresses = 16;
constexpr int64_t kMaxRoutes = 4'096;
constexpr int64_t kMaxPrefixes = 4'096;
constexpr int64_t kMaxEndpoints = 8;

// In the order of the enums.
constexpr std::string_view kEngines[] = {"auto", "lanes", "ipsec_mb", "sodium"};
constexpr std::string_view kSides[] = {"underlay", "overlay"};
constexpr std::string_view kLevels[] = {"error", "warning", "info", "debug"};

constexpr Key kGatewayKeys[] = {
    Range(Field<&Gateway::name>("name", Kind::kName, "What logs, `show` and DPDK objects call it."),
          1, 24),
    Required(Range(Field<&Gateway::identity>(
                       "identity", Kind::kText,
                       "File of the private key (`noisegate keygen`); relative to this file."),
                   1, kMaxPath)),
    Range(Field<&Gateway::listen_port>(
              "listen_port", Kind::kInteger,
              "First UDP port; worker w listens on this plus w, on every underlay port."),
          1, 65'535),
    Range(Field<&Gateway::workers>("workers", Kind::kInteger, "Threads that move packets."), 1,
          kMaxWorkers),
    ListOf(Range(Field<&Gateway::worker_cores>(
                     "worker_cores", Kind::kInteger,
                     "One CPU for each worker; empty: the scheduler places them."),
                 0, kMaxCpu),
           kMaxWorkers),
    Range(
        Field<&Gateway::control_core>("control_core", Kind::kInteger,
                                      "CPU of the control thread; unset: the scheduler's choice."),
        0, kMaxCpu),
    Field<&Gateway::hugepages>("hugepages", Kind::kBool,
                               "Use hugepages where the host has any; false: never."),
    Range(Field<&Gateway::memory_mib>("memory_mib", Kind::kInteger,
                                      "Memory for packets and tables, in MiB."),
          64, 1'048'576),
    Field<&Gateway::busy_poll>("busy_poll", Kind::kBool,
                               "Workers never sleep, not even when there is nothing to do."),
    Range(Field<&Gateway::max_idle_sleep>("max_idle_sleep", Kind::kDuration,
                                          "Longest sleep of an idle worker."),
          1 * kMicrosecond, 10 * kMillisecond),
    Range(Field<&Gateway::max_peers>("max_peers", Kind::kInteger,
                                     "Room for this many peers, those of later reloads included."),
          1, kMaxPeers),
    Range(Field<&Gateway::max_sessions>(
              "max_sessions", Kind::kInteger,
              "Room for this many sessions: two for each peer and stripe cover a rollover."),
          2, 1'048'576),
    Range(Field<&Gateway::max_neighbours>(
              "max_neighbours", Kind::kInteger,
              "Room for this many hosts and routers on the links; a quarter is the underlay's."),
          64, 1'048'576),
    Range(Field<&Gateway::mbufs>("mbufs", Kind::kInteger, "Packet buffers, of about 2.3 KiB each."),
          1'024, 16'777'216),
    Field<&Gateway::clamp_mss>("clamp_mss", Kind::kBool,
                               "Lower the MSS of TCP connections through the tunnel to what fits."),
    Range(Field<&Gateway::user>("user", Kind::kName,
                                "User to run as once devices are open; unset: who started it."),
          1, 32),
};
constexpr Section kGateway{"gateway", kGatewayKeys};

constexpr Key kCryptoKeys[] = {
    Choice(Field<&Crypto::engine>("engine", Kind::kChoice,
                                  "AEAD implementation; auto: the fastest for each burst on this CPU."),
           kEngines),
};
constexpr Section kCrypto{"crypto", kCryptoKeys};

// Devices. All keys of a device share Port::device, device_name and device_args.

template <Device kDevice>
struct DeviceAccess {
  static void Decode(Decoder& decoder, const Node& node, const Key& key, void* owner) {
    Port& port = *static_cast<Port*>(owner);
    port.device = kDevice;
    if (key.kind != Kind::kEmpty) {
      DecodeValue(decoder, node, key, port.device_name);
    } else if (!node.is_null()) {
      decoder.Report(node.line, "takes no value; write {" + std::string(key.name) + ": }");
    }
  }
  static std::string Encode(const Key& key, const void* owner) {
    const Port& port = *static_cast<const Port*>(owner);
    const bool named = port.device == kDevice && key.kind != Kind::kEmpty;
    return named ? EncodeValue(key, port.device_name) : "";
  }
  static bool Equal(const void* a, const void* b) {
    const Port& left = *static_cast<const Port*>(a);
    const Port& right = *static_cast<const Port*>(b);
    if (left.device != kDevice && right.device != kDevice) return true;
    return left.device == right.device && left.device_name == right.device_name;
  }
};

template <Device kDevice>
constexpr Key DeviceField(std::string_view name, Kind kind, int64_t max, std::string_view doc) {
  Key key{.name = name, .kind = kind, .min = 1, .max = max, .doc = doc};
  key.decode = &DeviceAccess<kDevice>::Decode;
  key.encode = &DeviceAccess<kDevice>::Encode;
  key.equal = &DeviceAccess<kDevice>::Equal;
  return key;
}

constexpr Key kDeviceKeys[] = {
    DeviceField<Device::kPci>("pci", Kind::kText, 12,
                              "PCI address of a NIC bound to vfio-pci, or of an mlx5 NIC."),
    DeviceField<Device::kAfXdp>("af_xdp", Kind::kName, kMaxInterfaceName,
                                "Any Linux interface, through AF_XDP."),
    DeviceField<Device::kAfPacket>("af_packet", Kind::kName, kMaxInterfaceName,
                                   "Any Linux interface, through a packet socket: slow."),
    DeviceField<Device::kTap>("tap", Kind::kName, kMaxInterfaceName,
                              "Name of an interface that the kernel gets: the host itself."),
    DeviceField<Device::kMemif>("memif", Kind::kText, kMaxSocketPath,
                                "Socket of a shared memory interface (VPP, other DPDK programs)."),
    DeviceField<Device::kVirtioUser>("virtio_user", Kind::kText, kMaxSocketPath,
                                     "vhost-user socket of a virtual switch."),
    DeviceField<Device::kRing>("ring", Kind::kName, 20,
                               "Two ports of one process with the same name are connected."),
    DeviceField<Device::kPcap>("pcap", Kind::kText, kMaxPath,
                               "Two capture files, read and written: in.pcap,out.pcap."),
    DeviceField<Device::kNull>("null", Kind::kEmpty, 0, "Swallows everything and sends nothing."),
    Range(Field<&Port::device_args>(
              "args", Kind::kText,
              "Further arguments, as DPDK's driver of the device takes them: a=1,b=2."),
          0, 1'023),
};
constexpr Section kDevice{"a device", kDeviceKeys};

void DecodeDevice(Decoder& decoder, const Node& node, const Key& key, void* owner) {
  decoder.DecodeSection(node, *key.section, owner);
  if (!node.is_map() && !node.is_null()) return;  // said already
  int kinds = 0;
  for (const Node& member : node.children) {
    kinds += key.section->Find(member.key) != nullptr && member.key != "args" ? 1 : 0;
  }
  if (kinds != 1) {
    decoder.Report(node.line, "expected exactly one device, such as {af_xdp: eth1}, found " +
                                  std::to_string(kinds));
  }
}

std::string EncodeDevice(const Key& key, const void* owner) {
  // No name is this long, so every device prints.
  Port none;
  none.device_name.assign(kMaxPath + 1, '-');
  none.device = static_cast<const Port*>(owner)->device;
  none.device_args.clear();
  return EncodeSection(*key.section, owner, &none);
}

bool EqualDevice(const void* a, const void* b) {
  for (const Key& key : kDeviceKeys) {
    if (!key.equal(a, b)) return false;
  }
  return true;
}

// Next hops: one key for both families.

void DecodeNextHops(Decoder& decoder, const Node& node, const Key& key, void* owner) {
  Port& port = *static_cast<Port*>(owner);
  std::vector<dataplane::IpAddress> next_hops;
  const size_t before = decoder.num_problems();
  DecodeValue(decoder, node, key, next_hops);
  if (decoder.num_problems() != before) return;
  for (size_t i = 0; i < next_hops.size(); ++i) {
    auto& slot = next_hops[i].is_v4() ? port.gateway_v4 : port.gateway_v6;
    if (slot.has_value()) {
      const Decoder::Step step(decoder, i);
      decoder.Report(node.children[i].line, "a second gateway of the same family");
    }
    slot = next_hops[i];
  }
}

std::string EncodeNextHops(const Key& key, const void* owner) {
  const Port& port = *static_cast<const Port*>(owner);
  std::vector<dataplane::IpAddress> next_hops;
  if (port.gateway_v4.has_value()) next_hops.push_back(*port.gateway_v4);
  if (port.gateway_v6.has_value()) next_hops.push_back(*port.gateway_v6);
  return EncodeValue(key, next_hops);
}

bool EqualNextHops(const void* a, const void* b) {
  const Port& left = *static_cast<const Port*>(a);
  const Port& right = *static_cast<const Port*>(b);
  return left.gateway_v4 == right.gateway_v4 && left.gateway_v6 == right.gateway_v6;
}

constexpr Key kNeighbourKeys[] = {
    Required(Field<&Neighbour::address>("address", Kind::kAddress, "On the port's network.")),
    Required(Field<&Neighbour::mac>("mac", Kind::kMac, "Its Ethernet address.")),
};
constexpr Section kNeighbour{"a neighbour", kNeighbourKeys};

constexpr Key kRouteKeys[] = {
    Required(Field<&StaticRoute::prefix>("prefix", Kind::kPrefix, "What is behind the router.")),
    Required(Field<&StaticRoute::via>("via", Kind::kAddress, "The router, on the port's network.")),
};
constexpr Section kRoute{"a route", kRouteKeys};

constexpr Key kPortKeys[] = {
    Required(
        Range(Field<&Port::name>("name", Kind::kName, "What logs and `show` call it."), 1, 24)),
    Required(Choice(Field<&Port::side>(
                        "side", Kind::kChoice,
                        "underlay: encrypted datagrams to peers; overlay: plain IP to own hosts."),
                    kSides)),
    Required(Key{.name = "device",
                 .kind = Kind::kSection,
                 .doc = "What the port sits on, and its name there.",
                 .section = &kDevice,
                 .decode = &DecodeDevice,
                 .encode = &EncodeDevice,
                 .equal = &EqualDevice}),
    ListOf(Required(Field<&Port::addresses>("addresses", Kind::kInterface,
                                            "The gateway's own addresses here.")),
           kMaxAddresses),
    ListOf(Key{.name = "gateway",
               .kind = Kind::kAddress,
               .doc = "Underlay: the routers to everything off the link, one of each family.",
               .decode = &DecodeNextHops,
               .encode = &EncodeNextHops,
               .equal = &EqualNextHops},
           2),
    ListOf(
        Reloadable(Of(&kNeighbour, Field<&Port::neighbours>(
                                       "neighbours", Kind::kSection,
                                       "Next hops that need not, or do not, answer ARP or ND."))),
        kMaxRoutes),
    ListOf(Reloadable(Of(&kRoute, Field<&Port::routes>("routes", Kind::kSection,
                                                       "Overlay: prefixes behind own routers."))),
           kMaxRoutes),
    ListOf(Field<&Port::host_addresses>("host_addresses", Kind::kInterface,
                                        "tap: what the kernel's interface gets."),
           kMaxAddresses),
    Field<&Port::host_routes>("host_routes", Kind::kBool,
                              "tap: the kernel gets routes to what peers may use."),
    Range(Field<&Port::mtu>("mtu", Kind::kInteger,
                            "Largest IP packet in bytes; 1280 at least where there is IPv6."),
          kMinMtuV4, kMaxMtu),
    Range(Field<&Port::vlan>("vlan", Kind::kInteger, "802.1Q id of every frame; 0: untagged."), 0,
          4'094),
    Range(Field<&Port::rx_descriptors>("rx_descriptors", Kind::kInteger,
                                       "Receive queue length, in packets."),
          64, 32'768),
    Range(Field<&Port::tx_descriptors>("tx_descriptors", Kind::kInteger,
                                       "Transmit queue length, in packets."),
          64, 32'768),
};
constexpr Section kPort{"a port", kPortKeys};

// `endpoint: x` is `endpoints: [x]`.

void DecodeEndpoint(Decoder& decoder, const Node& node, const Key& key, void* owner) {
  Peer& peer = *static_cast<Peer*>(owner);
  dataplane::EndpointRange range;
  if (!peer.endpoints.empty()) {
    decoder.Report(node.key_line, "beside 'endpoints'; write all of them there");
    return;
  }
  const size_t before = decoder.num_problems();
  DecodeValue(decoder, node, key, range);
  if (decoder.num_problems() == before) peer.endpoints.push_back(range);
}

void DecodeEndpoints(Decoder& decoder, const Node& node, const Key& key, void* owner) {
  Peer& peer = *static_cast<Peer*>(owner);
  if (!peer.endpoints.empty()) {
    decoder.Report(node.key_line, "beside 'endpoint'; write all of them here");
    return;
  }
  DecodeValue(decoder, node, key, peer.endpoints);
}

constexpr Key kPeerKeys[] = {
    Required(
        Range(Field<&Peer::name>("name", Kind::kName, "What logs, `show` and relay_to call it."), 1,
              kMaxName)),
    Required(Field<&Peer::id>("id", Kind::kPeerId, "Its peer id (`noisegate id`).")),
    Range(Key{.name = "endpoint",
              .kind = Kind::kEndpoint,
              .doc = "Where to reach it, with a port range for its stripes; unset: it dials us.",
              .decode = &DecodeEndpoint,
              .encode = [](const Key&, const void*) { return std::string(); },
              // What `endpoints` is, so it never differs on its own.
              .equal = [](const void*, const void*) { return true; }},
          1, kMaxStripes),
    ListOf(Range(Key{.name = "endpoints",
                     .kind = Kind::kEndpoint,
                     .doc = "Instead of endpoint: several, tried in turn.",
                     .decode = &DecodeEndpoints,
                     .encode = &Access<&Peer::endpoints>::Encode,
                     .equal = &Access<&Peer::endpoints>::Equal},
                 1, kMaxStripes),
           kMaxEndpoints),
    ListOf(
        Field<&Peer::allowed_prefixes>(
            "allowed_prefixes", Kind::kPrefix,
            "Inner addresses that are behind it: it may send from them, and gets what is to them."),
        kMaxPrefixes),
    Range(
        Field<&Peer::keep_alive>("keep_alive", Kind::kDuration,
                                 "Send something at least this often, for NAT's sake; 0s: never."),
        0, kHour),
    Range(Field<&Peer::stripes>("stripes", Kind::kInteger,
                                "Ports to use of those it offers; 0: all."),
          0, kMaxStripes),
    ListOf(Range(Field<&Peer::relay_to>("relay_to", Kind::kText,
                                        "Peers that it may reach through us; '*': all."),
                 1, kMaxName),
           kMaxPeers),
};
constexpr Section kPeer{"a peer", kPeerKeys};

constexpr Key kLimitsKeys[] = {
    Range(Field<&Limits::inits_per_prefix>(
              "inits_per_prefix", Kind::kInteger,
              "Handshakes a second that one IPv4 /24 or IPv6 /48 of strangers may begin, over all workers."),
          1, 1'000'000),
    Range(Field<&Limits::inits_per_endpoint>(
              "inits_per_endpoint", Kind::kInteger,
              "Handshakes a second that one configured endpoint's address may begin, over all workers."),
          1, 1'000'000),
    Reloadable(
        Range(Field<&Limits::queue_packets>("queue_packets", Kind::kInteger,
                                            "Packets kept for each peer while it has no session."),
              0, 4'096)),
    Reloadable(
        Range(Field<&Limits::queue_time>("queue_time", Kind::kDuration, "How long they are kept."),
              1 * kMillisecond, 60 * kSecond)),
};
constexpr Section kLimits{"limits", kLimitsKeys};

constexpr Key kSessionsKeys[] = {
    Range(Field<&Sessions::renew_after>("renew_after", Kind::kDuration,
                                        "Age at which a new session is made."),
          100 * kMillisecond, 60 * kSecond),
    Range(Field<&Sessions::life>("life", Kind::kDuration,
                                 "Age at which a session ends; the protocol allows no more."),
          200 * kMillisecond, 60 * kSecond),
    Range(Field<&Sessions::grace>("grace", Kind::kDuration,
                                  "How long an old session receives after the new one is in use."),
          100 * kMillisecond, 60 * kSecond),
};
constexpr Section kSessions{"sessions", kSessionsKeys};

constexpr Key kAdminKeys[] = {
    Range(Field<&Admin::socket>("socket", Kind::kText,
                                "Unix socket of `noisegate show` and `noisegate reload`."),
          1, kMaxSocketPath),
    Range(Field<&Admin::group>("group", Kind::kName,
                               "Group that may use the socket; unset: its owner only."),
          1, 32),
};
constexpr Section kAdmin{"admin", kAdminKeys};

constexpr Key kLoggingKeys[] = {
    Reloadable(
        Choice(Field<&Logging::level>("level", Kind::kChoice, "What is worth a line."), kLevels)),
    Range(Field<&Logging::file>("file", Kind::kText, "Where to; empty: standard error."), 0,
          kMaxPath),
};
constexpr Section kLogging{"logging", kLoggingKeys};

constexpr Key kRootKeys[] = {
    Required(SectionField<&Config::gateway>("gateway", &kGateway, "This gateway.")),
    SectionField<&Config::crypto>("crypto", &kCrypto, "How packets are sealed and opened."),
    ListOf(Required(SectionField<&Config::ports>("ports", &kPort, "What it sits on.")), kMaxPorts),
    Reloadable(
        ListOf(SectionField<&Config::peers>("peers", &kPeer, "Whom it talks to."), kMaxPeers)),
    SectionField<&Config::limits>("limits", &kLimits, "What strangers and queues may use."),
    SectionField<&Config::sessions>("sessions", &kSessions,
                                    "How long sessions live; for tests, leave it alone."),
    SectionField<&Config::libp2p>("libp2p", &kLibp2pSection, "A libp2p node on kernel TCP."),
    SectionField<&Config::admin>("admin", &kAdmin, "How to ask a running gateway."),
    SectionField<&Config::logging>("logging", &kLogging, "What it writes down."),
};
constexpr Section kRoot{"the config", kRootKeys};

}  // namespace

const Key* Section::Find(std::string_view key) const {
  for (const Key& candidate : keys) {
    if (candidate.name == key) return &candidate;
  }
  return nullptr;
}

const Section& RootSection() { return kRoot; }

}  // namespace noisegate::config
