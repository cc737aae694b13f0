// The gateway's config file, as plain structs.
//
//   auto result = config::Load("noisegate.yaml");
//   if (!result.ok()) for (auto& p : result.problems) std::cerr << p.ToString() << "\n";
//
// Load reads YAML, reports every problem with file, line and key (not just the first), and fills in
// defaults. Nothing here starts anything. config/example.yaml documents every key;
// config/schema.json is the same for editors.
#ifndef NOISEGATE_CONFIG_CONFIG_H_
#define NOISEGATE_CONFIG_CONFIG_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/peer_id.h"
#include "dataplane/address.h"

namespace noisegate::config {

enum class Engine : uint8_t { kAuto, kLanes, kIpsecMb, kSodium };

struct Gateway {
  std::string name = "noisegate";
  std::string identity;              // private key file; relative to the config file
  uint16_t listen_port = 4242;       // first of `workers` consecutive UDP ports
  uint32_t workers = 1;
  std::vector<unsigned> worker_cores;      // one CPU each; empty: the scheduler places them
  std::optional<unsigned> control_core;
  bool hugepages = true;             // false: never; true: where there are any
  uint32_t memory_mib = 512;
  bool busy_poll = false;
  std::chrono::microseconds max_idle_sleep{200};
  uint32_t max_peers = 1024;
  uint32_t max_sessions = 8192;
  uint32_t max_neighbours = 4096;
  uint32_t mbufs = 16384;
  bool clamp_mss = true;
  std::optional<std::string> user;   // run as this user after start
};

struct Crypto {
  Engine engine = Engine::kAuto;
};

struct Neighbour {
  dataplane::IpAddress address;
  dataplane::MacAddress mac;
  bool operator==(const Neighbour&) const = default;
};

struct StaticRoute {
  dataplane::Prefix prefix;
  dataplane::IpAddress via;
  bool operator==(const StaticRoute&) const = default;
};

enum class Side : uint8_t { kUnderlay, kOverlay };
enum class Device : uint8_t {
  kPci, kAfXdp, kAfPacket, kTap, kMemif, kVirtioUser, kRing, kPcap, kNull
};

struct Port {
  std::string name;
  Side side = Side::kUnderlay;
  Device device = Device::kNull;
  std::string device_name;           // PCI address, interface, socket path, ring name, pcap files
  std::string device_args;           // further DPDK device arguments
  std::vector<dataplane::Prefix> addresses;       // the gateway's own
  std::optional<dataplane::IpAddress> gateway_v4, gateway_v6;  // next hops off the link (underlay)
  std::vector<Neighbour> neighbours;              // static
  std::vector<StaticRoute> routes;                // overlay: prefixes behind a router
  // tap only: what the kernel's side of the interface gets.
  std::vector<dataplane::Prefix> host_addresses;
  bool host_routes = true;           // kernel routes for the peers' allowed prefixes through the tap
  uint16_t mtu = 1500;
  uint16_t vlan = 0;
  uint16_t rx_descriptors = 1024, tx_descriptors = 1024;
};

struct Peer {
  std::string name;
  crypto::PeerId id;
  std::vector<dataplane::EndpointRange> endpoints;   // empty: it must dial us
  std::vector<dataplane::Prefix> allowed_prefixes;
  std::chrono::milliseconds keep_alive{0};           // 0: off
  uint32_t stripes = 0;                              // 0: as learnt
  std::vector<std::string> relay_to;                 // names of peers, or "*"; default none
  int line = 0;                                      // in the file, for messages
};

struct Admin {
  std::string socket = "/run/noisegate/admin.sock";
  std::optional<std::string> group;
};

struct Limits {
  uint32_t inits_per_prefix = 20;      // a second
  uint32_t inits_per_endpoint = 200;   // a second
  uint32_t queue_packets = 64;         // per peer, while there is no session
  std::chrono::milliseconds queue_time{1000};
};

// How long sessions live; changed only in tests and the demo.
struct Sessions {
  std::chrono::milliseconds renew_after{45'000};
  std::chrono::milliseconds life{60'000};
  std::chrono::milliseconds grace{5'000};
};

struct Logging {
  std::string level = "info";          // error, warning, info, debug
  std::string file;                    // empty: standard error
};

// A Circuit Relay v2. Durations and byte counts of 0 are unlimited.
struct Libp2pRelay {
  uint32_t reservations = 128;
  uint32_t reservations_per_address = 8;
  uint32_t reservations_per_prefix = 32;
  std::chrono::milliseconds reservation_life = std::chrono::hours(1);
  uint32_t circuits = 1024;
  uint32_t circuits_per_peer = 16;
  uint32_t circuits_per_address = 64;
  std::chrono::milliseconds circuit_duration = std::chrono::minutes(2);
  uint64_t circuit_bytes = 131072;             // in each direction
  uint64_t bytes_per_second_per_peer = 0;
  uint64_t bytes_per_second = 0;
  std::vector<std::string> allow_peers, deny_peers;   // libp2p peer ids, as text
  std::vector<dataplane::Prefix> allow_prefixes, deny_prefixes;
  bool operator==(const Libp2pRelay&) const = default;
};

// The libp2p service, on kernel TCP; there is none where `listen` is empty.
struct Libp2p {
  std::vector<dataplane::Endpoint> listen;     // port 0: a free one
  std::vector<std::string> announce;           // multiaddrs, as text
  std::string key;                   // private key file; empty: the gateway's identity
  bool echo = true;
  bool perf = false;
  uint32_t connections = 1024;
  uint32_t connections_per_address = 64;
  uint32_t connections_per_prefix = 256;
  uint32_t streams = 256;
  uint32_t memory_mib = 256;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds keep_alive{30'000};
  std::optional<Libp2pRelay> relay;
};

struct Config {
  Gateway gateway;
  Crypto crypto;
  std::vector<Port> ports;
  std::vector<Peer> peers;
  Limits limits;
  Sessions sessions;
  Libp2p libp2p;
  Admin admin;
  Logging logging;
};

struct Problem {
  std::string file;
  int line = 0;           // 1-based; 0 where it concerns the whole file
  std::string key;        // "peers[2].allowed_prefixes[0]"
  std::string message;    // what is wrong and what would be right
  std::string ToString() const;  // "gw.yaml:12: peers[2].id: …"
};

struct LoadResult {
  std::optional<Config> config;   // set only where there are no problems
  std::vector<Problem> problems;
  bool ok() const { return config.has_value(); }
};

LoadResult Load(const std::string& path);
LoadResult Parse(std::string_view text, const std::string& file_name);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_CONFIG_H_
