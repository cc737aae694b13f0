#include "config/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace noisegate::config {
namespace {

using namespace std::chrono_literals;

// Peer ids: any 32 bytes are one, so these only have to differ.
#define ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define ID_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA"

// Good as it is. Each case below replaces one text in it.
constexpr std::string_view kGood =
    "gateway:\n"                           // 1
    "  identity: gw.key\n"                 // 2
    "  workers: 2\n"                       // 3
    "ports:\n"                             // 4
    "  - name: wan\n"                      // 5
    "    side: underlay\n"                 // 6
    "    device: {af_xdp: eth1}\n"         // 7
    "    addresses: [192.0.2.10/24]\n"     // 8
    "    gateway: [192.0.2.1]\n"           // 9
    "  - name: lan\n"                      // 10
    "    side: overlay\n"                  // 11
    "    device: {tap: ng0}\n"             // 12
    "    addresses: [10.1.0.2/24]\n"       // 13
    "    host_addresses: [10.1.0.1/24]\n"  // 14
    "peers:\n"                             // 15
    "  - name: b\n"                        // 16
    "    id: " ID_B
    "\n"                                      // 17
    "    endpoint: 198.51.100.9:4242-4243\n"  // 18
    "    allowed_prefixes: [10.2.0.0/16]\n"   // 19
    "    keep_alive: 25s\n"                   // 20
    "  - name: c\n"                           // 21
    "    id: " ID_C
    "\n"                                     // 22
    "    allowed_prefixes: [10.3.0.0/16]\n"  // 23
    "    relay_to: [b]\n";                   // 24

std::string Replaced(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

std::string Joined(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.ToString() + "\n";
  return text;
}

Config ParseGood(std::string_view text) {
  LoadResult result = Parse(text, "gw.yaml");
  EXPECT_TRUE(result.ok()) << Joined(result.problems);
  return result.config.value_or(Config{});
}

TEST(Config, ReadsWhatIsWritten) {
  const Config config = ParseGood(kGood);
  EXPECT_EQ(config.gateway.identity, "gw.key");
  EXPECT_EQ(config.gateway.workers, 2u);
  ASSERT_EQ(config.ports.size(), 2u);
  EXPECT_EQ(config.ports[0].name, "wan");
  EXPECT_EQ(config.ports[0].side, Side::kUnderlay);
  EXPECT_EQ(config.ports[0].device, Device::kAfXdp);
  EXPECT_EQ(config.ports[0].device_name, "eth1");
  ASSERT_EQ(config.ports[0].addresses.size(), 1u);
  EXPECT_EQ(config.ports[0].addresses[0].ToString(), "192.0.2.10/24");
  EXPECT_EQ(config.ports[0].gateway_v4->ToString(), "192.0.2.1");
  EXPECT_FALSE(config.ports[0].gateway_v6.has_value());
  EXPECT_EQ(config.ports[1].side, Side::kOverlay);
  EXPECT_EQ(config.ports[1].device, Device::kTap);
  EXPECT_EQ(config.ports[1].host_addresses[0].ToString(), "10.1.0.1/24");
  ASSERT_EQ(config.peers.size(), 2u);
  EXPECT_EQ(config.peers[0].id.ToString(), ID_B);
  ASSERT_EQ(config.peers[0].endpoints.size(), 1u);
  EXPECT_EQ(config.peers[0].endpoints[0].ToString(), "198.51.100.9:4242-4243");
  EXPECT_EQ(config.peers[0].keep_alive, 25s);
  EXPECT_EQ(config.peers[0].line, 16);
  EXPECT_EQ(config.peers[1].relay_to, std::vector<std::string>{"b"});
  EXPECT_TRUE(config.peers[1].endpoints.empty());
}

TEST(Config, KeepsDefaultsOfWhatIsNotWritten) {
  const Config config = ParseGood(kGood), defaults;
  EXPECT_EQ(config.gateway.listen_port, defaults.gateway.listen_port);
  EXPECT_EQ(config.gateway.max_idle_sleep, 200us);
  EXPECT_EQ(config.ports[0].mtu, 1500);
  EXPECT_EQ(config.sessions.life, 60s);
  EXPECT_EQ(config.logging.level, "info");
  EXPECT_EQ(config.gateway.control_core, std::nullopt);
}

TEST(Config, ReadsEveryKindOfDevice) {
  struct {
    const char* yaml;
    Device device;
    const char* name;
    const char* args;
  } const cases[] = {
      {"{pci: '0000:03:00.0'}", Device::kPci, "0000:03:00.0", ""},
      {"{pci: 03:00.0}", Device::kPci, "03:00.0", ""},
      {"{af_xdp: eth1, args: start_queue=1}", Device::kAfXdp, "eth1", "start_queue=1"},
      {"{af_packet: eth1}", Device::kAfPacket, "eth1", ""},
      {"{tap: ng1}", Device::kTap, "ng1", ""},
      {"{memif: /run/vpp.sock, args: 'role=server,id=1'}", Device::kMemif, "/run/vpp.sock",
       "role=server,id=1"},
      {"{virtio_user: /run/vhost.sock}", Device::kVirtioUser, "/run/vhost.sock", ""},
      {"{ring: r0}", Device::kRing, "r0", ""},
      {"{pcap: 'in.pcap,out.pcap'}", Device::kPcap, "in.pcap,out.pcap", ""},
      {"{null: }", Device::kNull, "", ""},
  };
  for (const auto& c : cases) {
    const Config config = ParseGood(Replaced("{af_xdp: eth1}", c.yaml));
    ASSERT_EQ(config.ports.size(), 2u) << c.yaml;
    EXPECT_EQ(config.ports[0].device, c.device) << c.yaml;
    EXPECT_EQ(config.ports[0].device_name, c.name) << c.yaml;
    EXPECT_EQ(config.ports[0].device_args, c.args) << c.yaml;
  }
}

TEST(Config, ReadsDurationsExactly) {
  struct {
    const char* text;
    std::chrono::milliseconds want;
  } const cases[] = {{"0s", 0ms},       {"1ms", 1ms},    {"1.5s", 1500ms},  {"2500us", -1ms},
                     {"2000us", 2ms},   {"1m", 60000ms}, {"1h", 3600000ms}, {"0.001s", 1ms},
                     {"0.0001s", -1ms}, {"25", -1ms},    {"25 s", -1ms},    {"-1s", -1ms},
                     {"1.s", -1ms},     {".5s", -1ms},   {"1..5s", -1ms},   {"1d", -1ms},
                     {"s", -1ms},       {"1e1s", -1ms},  {"61m", -1ms},     {"9999999999s", -1ms},
                     {"25S", -1ms},     {"0x1s", -1ms}};
  for (const auto& c : cases) {
    const LoadResult result = Parse(Replaced("25s", c.text), "gw.yaml");
    EXPECT_EQ(result.ok(), c.want >= 0ms) << c.text << "\n" << Joined(result.problems);
    if (result.ok()) {
      EXPECT_EQ(result.config->peers[0].keep_alive, c.want) << c.text;
    }
  }
}

TEST(Config, AcceptsWhatIsUnusualButRight) {
  struct {
    const char* name;
    const char* from;
    const char* to;
  } const cases[] = {
      {"a peer list that is all comments", "peers:\n", "crypto:\n  # engine: sodium\npeers:\n"},
      {"several endpoints", "endpoint: 198.51.100.9:4242-4243",
       "endpoints: ['198.51.100.9:4242', '203.0.113.1:4242']"},
      {"relay to everyone", "[b]", "['*']"},
      {"relay to everyone and one by name", "[b]", "['*', b]"},
      {"a default route as a peer's prefix", "10.2.0.0/16", "0.0.0.0/0, '::/0'"},
      {"one prefix inside another", "10.3.0.0/16", "10.2.3.0/24"},
      {"a point-to-point link", "192.0.2.10/24", "192.0.2.0/31"},
      {"a link-local gateway", "[192.0.2.10/24]\n    gateway: [192.0.2.1]",
       "[192.0.2.10/24, 2001:db8::1/64]\n    gateway: ['fe80::1', 192.0.2.1]"},
      {"an overlay router",
       "host_addresses:", "routes: [{prefix: 10.9.0.0/16, via: 10.1.0.7}]\n    host_addresses:"},
      {"an unanswering host", "host_addresses:",
       "neighbours: [{address: 10.1.0.7, mac: 02:00:00:00:00:07}]\n    host_addresses:"},
      {"two addresses in one network", "[10.1.0.2/24]", "[10.1.0.2/24, 10.1.0.3/24]"},
      {"a name in quotes that looks like a number", "name: wan", "name: \"17\""},
      {"cores", "workers: 2", "workers: 2\n  worker_cores: [2, 3]\n  control_core: 1"},
      {"the last ports there are", "workers: 2", "workers: 2\n  listen_port: 65534"},
      {"Windows line ends", "workers: 2\n", "workers: 2\r\n"},
  };
  for (const auto& c : cases) {
    const LoadResult result = Parse(Replaced(c.from, c.to), "gw.yaml");
    EXPECT_TRUE(result.ok()) << c.name << "\n" << Joined(result.problems);
  }
}

TEST(Config, LetsAPureRelayDoWithoutOverlayPort) {
  constexpr std::string_view kRelay =
      "gateway: {identity: relay.key}\n"
      "ports:\n"
      "  - {name: wan, side: underlay, device: {af_xdp: eth0}, addresses: [192.0.2.9/24]}\n"
      "peers:\n"
      "  - {name: a, id: " ID_A
      ", allowed_prefixes: [10.1.0.0/16], relay_to: [b]}\n"
      "  - {name: b, id: " ID_B ", allowed_prefixes: [10.2.0.0/16], relay_to: [a]}\n";
  EXPECT_EQ(ParseGood(kRelay).peers.size(), 2u);
}

struct Expected {
  int line;
  std::string key;
  std::string part;  // of the message
};

struct BadCase {
  std::string name;
  std::string from, to;  // replaced in kGood
  std::vector<Expected> want;
};

void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

class BadConfig : public testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, IsReportedWithLineAndKey) {
  const BadCase& c = GetParam();
  const LoadResult result = Parse(Replaced(c.from, c.to), "gw.yaml");
  EXPECT_FALSE(result.ok());
  ASSERT_EQ(result.problems.size(), c.want.size()) << Joined(result.problems);
  for (size_t i = 0; i < c.want.size(); ++i) {
    const Problem& problem = result.problems[i];
    EXPECT_EQ(problem.file, "gw.yaml");
    EXPECT_EQ(problem.line, c.want[i].line) << problem.ToString();
    EXPECT_EQ(problem.key, c.want[i].key) << problem.ToString();
    EXPECT_NE(problem.message.find(c.want[i].part), std::string::npos)
        << problem.ToString() << "\nwithout: " << c.want[i].part;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadConfig,
    testing::ValuesIn(std::vector<BadCase>{
        {"unknown_near_miss",
         "workers: 2",
         "worker: 2",
         {{3, "gateway.worker", "did you mean 'workers'?"}}},
        {"unknown_swapped_letters",
         "endpoint:",
         "endpiont:",
         {{18, "peers[0].endpiont", "'endpoint'?"}}},
        {"unknown_hyphen",
         "keep_alive",
         "Keep-Alive",
         {{20, "peers[0].Keep-Alive", "'keep_alive'?"}}},
        {"unknown_but_elsewhere",
         "identity: gw.key",
         "identity: gw.key\n  vlan: 7",
         {{3, "gateway.vlan", "there is one at 'ports[].vlan'"}}},
        {"unknown_altogether",
         "identity: gw.key",
         "identity: gw.key\n  colour: red",
         {{3, "gateway.colour", "the keys of gateway are name, identity"}}},
        {"unknown_at_the_top", "peers:\n", "peer:\n", {{15, "peer", "did you mean 'peers'?"}}},
        {"unknown_with_odd_characters",
         "workers: 2",
         "\"w\\x01\\x7f\": 2",
         {{3, "gateway.w\?\?", "unknown key 'w\?\?'"}}},
        {"merge_key_is_no_key", "workers: 2", "<<: 2", {{3, "gateway.<<", "unknown key"}}},
        {"twice",
         "workers: 2",
         "workers: 2\n  workers: 3",
         {{4, "gateway.workers", "given twice; first on line 3"}}},
        {"section_twice",
         "peers:\n",
         "gateway: {identity: other.key}\npeers:\n",
         {{15, "gateway", "given twice; first on line 1"}}},
        {"missing_identity",
         "identity: gw.key",
         "name: gw",
         {{1, "gateway.identity", "is missing: File of the private key"}}},
        {"missing_in_a_list_item", "    id: " ID_B "\n", "", {{16, "peers[0].id", "is missing"}}},
        {"endpoint_beside_endpoints",
         "endpoint: 198.51.100.9:4242-4243",
         "endpoint: 198.51.100.9:4242\n    endpoints: ['198.51.100.8:4242']",
         {{19, "peers[0].endpoints", "beside 'endpoint'"}}},
    }),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Values, BadConfig,
    testing::ValuesIn(std::vector<BadCase>{
        {"integer_as_word",
         "workers: 2",
         "workers: two",
         {{3, "gateway.workers", "whole number, found 'two'"}}},
        {"integer_in_quotes",
         "workers: 2",
         "workers: \"2\"",
         {{3, "gateway.workers", "in quotes"}}},
        {"integer_octal", "workers: 2", "workers: 02", {{3, "gateway.workers", "whole number"}}},
        {"integer_fraction",
         "workers: 2",
         "workers: 2.0",
         {{3, "gateway.workers", "whole number"}}},
        {"integer_empty", "workers: 2", "workers:", {{3, "gateway.workers", "found nothing"}}},
        {"integer_list", "workers: 2", "workers: [2]", {{3, "gateway.workers", "found a list"}}},
        {"integer_too_small",
         "workers: 2",
         "workers: 0",
         {{3, "gateway.workers", "0 is not between 1 and 64"}}},
        {"integer_negative",
         "workers: 2",
         "workers: -2",
         {{3, "gateway.workers", "-2 is not between"}}},
        {"integer_huge",
         "workers: 2",
         "workers: 99999999999999999999999999999",
         {{3, "gateway.workers", "is not between 1 and 64"}}},
        {"bool_yes",
         "workers: 2",
         "busy_poll: yes",
         {{3, "gateway.busy_poll", "true or false, found 'yes'"}}},
        {"bool_quoted", "workers: 2", "busy_poll: 'true'", {{3, "gateway.busy_poll", "in quotes"}}},
        {"name_with_slash", "name: wan", "name: w/an", {{5, "ports[0].name", "is no name"}}},
        {"name_is_number",
         "name: wan",
         "name: 17",
         {{5, "ports[0].name", "write it in quotes: \"17\""}}},
        {"name_too_long",
         "name: wan",
         "name: " + std::string(25, 'w'),
         {{5, "ports[0].name", "25 characters, not 1 to 24"}}},
        {"text_with_control_character",
         "identity: gw.key",
         "identity: \"gw\\nkey\"",
         {{2, "gateway.identity", "cannot be printed"}}},
        {"choice",
         "side: underlay",
         "side: underlya",
         {{6, "ports[0].side",
           "one of underlay, overlay, found 'underlya'; did you mean 'underlay'?"}}},
        {"duration_range",
         "workers: 2",
         "max_idle_sleep: 2s",
         {{3, "gateway.max_idle_sleep", "'2s' is not between 1us and 10ms"}}},
        {"duration_without_unit", "25s", "25", {{20, "peers[0].keep_alive", "such as 25s"}}},
        {"duration_too_fine", "25s", "25500us", {{20, "peers[0].keep_alive", "finer than 1ms"}}},
        {"prefix_length",
         "10.2.0.0/16",
         "10.2.0.0/33",
         {{19, "peers[0].allowed_prefixes[0]", "a prefix such as"}}},
        {"prefix_host_bits",
         "10.2.0.0/16",
         "10.2.0.1/16",
         {{19, "peers[0].allowed_prefixes[0]", "did you mean 10.2.0.0/16?"}}},
        {"prefix_not_in_a_list",
         "[10.2.0.0/16]",
         "10.2.0.0/16",
         {{19, "peers[0].allowed_prefixes", "write [10.2.0.0/16]"}}},
        {"interface_without_length",
         "192.0.2.10/24",
         "192.0.2.10",
         {{8, "ports[0].addresses[0]", "its prefix length"},
          {9, "ports[0].gateway", "is not on the link"}}},
        {"endpoint_without_port",
         "198.51.100.9:4242-4243",
         "198.51.100.9",
         {{18, "peers[0].endpoint", "an endpoint such as"}}},
        {"endpoint_by_name",
         "198.51.100.9:4242-4243",
         "gw.example.org:4242",
         {{18, "peers[0].endpoint", "an endpoint"}}},
        {"endpoint_too_many_ports",
         "198.51.100.9:4242-4243",
         "198.51.100.9:4242-5000",
         {{18, "peers[0].endpoint", "at most 64"}}},
        {"id_too_short", ID_B, "BBBB", {{17, "peers[0].id", "43 characters"}}},
        {"id_not_canonical",
         ID_B,
         "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB",
         {{17, "peers[0].id", "43 characters"}}},
        {"mac",
         "host_addresses:",
         "neighbours: [{address: 10.1.0.7, mac: 02-00-00-00-00-07}]\n    host_addresses:",
         {{14, "ports[1].neighbours[0].mac", "a MAC address"}}},
        {"map_instead_of_list",
         "peers:\n",
         "logging: {level: info}\nlimits: []\npeers:\n",
         {{16, "limits", "expected keys and values"}}},
        {"list_instead_of_map",
         "device: {af_xdp: eth1}",
         "device: [eth1]",
         {{7, "ports[0].device", "expected keys and values (pci: …), found a list"}}},
        {"scalar_instead_of_section",
         "  - name: b\n    id: " ID_B "\n",
         "  - b\n  - id: " ID_B "\n",
         {{16, "peers[0]", "expected keys and values"},
          {17, "peers[1].name", "is missing"},
          {24, "peers[2].relay_to[0]", "no peer is called 'b'"}}},
        {"no_device",
         "device: {af_xdp: eth1}",
         "device: {}",
         {{7, "ports[0].device", "exactly one device"}}},
        {"two_devices",
         "device: {af_xdp: eth1}",
         "device: {af_xdp: eth1, tap: ng1}",
         {{7, "ports[0].device", "exactly one device, such as {af_xdp: eth1}, found 2"}}},
        {"null_with_a_value",
         "device: {af_xdp: eth1}",
         "device: {null: eth1}",
         {{7, "ports[0].device.null", "takes no value"}}},
        {"second_gateway_of_a_family",
         "gateway: [192.0.2.1]",
         "gateway: [192.0.2.1, 192.0.2.2]",
         {{9, "ports[0].gateway[1]", "a second gateway"}}},
        {"long_text_is_shortened",
         "workers: 2",
         "workers: " + std::string(5000, 'x'),
         {{3, "gateway.workers", "found '" + std::string(60, 'x') + "…'"}}},
    }),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Together, BadConfig,
    testing::ValuesIn(std::vector<BadCase>{
        {"listen_ports_run_out",
         "workers: 2",
         "workers: 2\n  listen_port: 65535",
         {{4, "gateway.listen_port", "2 workers need as many ports"}}},
        {"too_few_cores",
         "workers: 2",
         "workers: 2\n  worker_cores: [2]",
         {{4, "gateway.worker_cores", "1 cores, but workers is 2"}}},
        {"core_twice",
         "workers: 2",
         "workers: 2\n  worker_cores: [2, 2]",
         {{4, "gateway.worker_cores[1]", "has a worker already"}}},
        {"core_is_the_control_threads",
         "workers: 2",
         "workers: 2\n  worker_cores: [1, 2]\n  control_core: 2",
         {{4, "gateway.worker_cores[1]", "is the control thread's"}}},
        {"more_peers_than_room",
         "workers: 2",
         "max_peers: 1",
         {{3, "gateway.max_peers", "fewer than the 2 peers"}}},
        {"fewer_sessions_than_peers",
         "workers: 2",
         "max_sessions: 3",
         {{3, "gateway.max_sessions", "two for each of the 2 peers"}}},
        {"no_underlay",
         "side: underlay",
         "side: overlay",
         {{4, "ports", "no port has 'side: underlay'"}, {9, "ports[0].gateway", "use 'routes'"}}},
        {"level",
         "    relay_to: [b]\n",
         "    stripes: 1\nlogging: {level: nonsense}\n",
         {{25, "logging.level", "one of error, warning, info, debug"}}},
        {"port_name_twice",
         "name: lan",
         "name: wan",
         {{10, "ports[1].name", "called 'wan', on line 5"}}},
        {"port_address_twice",
         "[10.1.0.2/24]\n",
         "[10.1.0.2/24, 192.0.2.10/24]\n",
         {{13, "ports[1].addresses[1]", "the same address as on line 8"}}},
        {"device_twice",
         "{tap: ng0}",
         "{af_xdp: eth1}",
         {{12, "ports[1].device", "the same device as on line 7"},
          {14, "ports[1].host_addresses", "{tap: …}"}}},
        {"device_with_a_comma",
         "{af_xdp: eth1}",
         "{memif: '/run/a,b'}",
         {{7, "ports[0].device", "use 'args'"}}},
        {"one_pcap_file",
         "{af_xdp: eth1}",
         "{pcap: in.pcap}",
         {{7, "ports[0].device", "two files"}}},
        {"no_address",
         "    addresses: [192.0.2.10/24]\n    gateway: [192.0.2.1]\n",
         "    addresses: []\n",
         {{8, "ports[0].addresses", "at least one"},
          {17, "peers[0].endpoint", "there is no IPv4 gateway"}}},
        {"network_address",
         "192.0.2.10/24",
         "192.0.2.0/24",
         {{8, "ports[0].addresses[0]", "the network's"}}},
        {"broadcast_address",
         "192.0.2.10/24",
         "192.0.2.255/24",
         {{8, "ports[0].addresses[0]", "broadcast"}}},
        {"multicast_address",
         "192.0.2.10/24",
         "192.0.2.10/24, 224.0.0.1/24",
         {{8, "ports[0].addresses[1]", "no host's address"}}},
        {"gateway_off_link",
         "gateway: [192.0.2.1]",
         "gateway: [192.0.3.1]",
         {{9, "ports[0].gateway", "192.0.3.1 is not on the link"}}},
        {"gateway_is_ourselves",
         "gateway: [192.0.2.1]",
         "gateway: [192.0.2.10]",
         {{9, "ports[0].gateway", "the gateway's own address"}}},
        {"link_local_gateway_without_v6",
         "gateway: [192.0.2.1]",
         "gateway: [192.0.2.1, 'fe80::1']",
         {{9, "ports[0].gateway", "fe80::1 is not on the link"}}},
        {"routes_on_the_underlay",
         "gateway: [192.0.2.1]",
         "gateway: [192.0.2.1]\n    routes: [{prefix: 10.9.0.0/16, via: 192.0.2.7}]",
         {{10, "ports[0].routes", "are for the overlay"}}},
        {"route_off_link",
         "host_addresses:",
         "routes: [{prefix: 10.9.0.0/16, via: 10.9.0.1}]\n    host_addresses:",
         {{14, "ports[1].routes[0].via", "is not on the link"}}},
        {"route_of_two_families",
         "host_addresses:",
         "routes: [{prefix: '2001:db8::/32', via: 10.1.0.7}]\n    host_addresses:",
         {{14, "ports[1].routes[0].via", "not of the prefix's family"}}},
        {"neighbour_with_group_mac",
         "host_addresses:",
         "neighbours: [{address: 10.1.0.7, mac: 01:00:5e:00:00:07}]\n    host_addresses:",
         {{14, "ports[1].neighbours[0].mac", "no host's MAC"}}},
        {"host_addresses_without_tap",
         "{tap: ng0}",
         "{af_xdp: eth2}",
         {{14, "ports[1].host_addresses", "{tap: …}"}}},
        {"host_routes_without_tap",
         "gateway: [192.0.2.1]",
         "host_routes: true\n    gateway: [192.0.2.1]",
         {{9, "ports[0].host_routes", "{tap: …}"}}},
        {"host_has_the_gateways_address",
         "[10.1.0.1/24]",
         "[10.1.0.2/24]",
         {{14, "ports[1].host_addresses[0]", "the host needs another"}}},
        {"host_outside_the_network",
         "[10.1.0.1/24]",
         "[10.7.0.1/24]",
         {{14, "ports[1].host_addresses[0]", "none of the networks"}}},
        {"mtu_too_small",
         "gateway: [192.0.2.1]",
         "mtu: 575",
         {{9, "ports[0].mtu", "between 576 and 9000"},
          {18, "peers[0].endpoint", "no IPv4 gateway"}}},
        {"mtu_too_small_for_v6",
         "[192.0.2.10/24]",
         "[192.0.2.10/24, 2001:db8::1/64]\n    mtu: 1279",
         {{9, "ports[0].mtu", "1280, which IPv6 needs"}}},
        {"peer_name_twice",
         "name: c",
         "name: b",
         {{21, "peers[1].name", "another peer is called 'b', on line 16"},
          {24, "peers[1].relay_to[0]", "no relay to itself"}}},
        {"peer_id_twice", ID_C, ID_B, {{22, "peers[1].id", "the same id as peer 'b', on line 16"}}},
        {"prefix_of_two_peers",
         "10.3.0.0/16",
         "10.3.0.0/16, 10.2.0.0/16",
         {{23, "peers[1].allowed_prefixes[1]",
           "10.2.0.0/16 belongs to peer 'b' already, on line 19"}}},
        {"prefix_twice_in_one_peer",
         "10.3.0.0/16",
         "10.3.0.0/16, 10.3.0.0/16",
         {{23, "peers[1].allowed_prefixes[1]", "belongs to peer 'c' already"}}},
        {"prefix_is_own_address",
         "10.3.0.0/16",
         "10.1.0.2",
         {{23, "peers[1].allowed_prefixes[0]", "10.1.0.2/32 belongs to port 'lan' already"}}},
        {"prefix_of_own_router",
         "host_addresses: [10.1.0.1/24]",
         "routes: [{prefix: 10.2.0.0/16, via: 10.1.0.7}]",
         {{19, "peers[0].allowed_prefixes[0]", "belongs to port 'lan' already, on line 14"}}},
        {"wrong_prefixes_are_no_conflict",
         "10.3.0.0/16",
         "10.3.0.0/99, 10.4.0.0/99, '::/0'",
         {{23, "peers[1].allowed_prefixes[0]", "a prefix such as"},
          {23, "peers[1].allowed_prefixes[1]", "a prefix such as"}}},
        {"prefix_of_own_network",
         "10.3.0.0/16",
         "10.1.0.0/24",
         {{23, "peers[1].allowed_prefixes[0]", "belongs to port 'lan' already, on line 13"}}},
        {"endpoint_shared",
         "    allowed_prefixes: [10.3.0.0/16]\n",
         "    endpoint: 198.51.100.9:4243-4250\n    allowed_prefixes: [10.3.0.0/16]\n",
         {{23, "peers[1].endpoint",
           "overlaps with 198.51.100.9:4242-4243 of peer 'b', on line 18"}}},
        {"endpoint_is_ourselves",
         "198.51.100.9:4242-4243",
         "192.0.2.10:4242",
         {{18, "peers[0].endpoint", "the gateway's own address"}}},
        {"endpoint_of_unreachable_family",
         "198.51.100.9:4242-4243",
         "'[2001:db8::9]:4242'",
         {{18, "peers[0].endpoint", "there is no IPv6 gateway"}}},
        {"endpoint_multicast",
         "198.51.100.9:4242-4243",
         "224.0.0.1:4242",
         {{18, "peers[0].endpoint", "cannot be a peer's address"}}},
        {"stripes_beyond_the_range",
         "keep_alive: 25s",
         "stripes: 3",
         {{20, "peers[0].stripes", "only 2 ports"}}},
        {"relay_to_unknown",
         "[b]",
         "[bb]",
         {{24, "peers[1].relay_to[0]", "no peer is called 'bb'"}}},
        {"relay_to_twice", "[b]", "[b, b]", {{24, "peers[1].relay_to[1]", "there twice"}}},
        {"renewal_after_the_end",
         "peers:\n",
         "sessions: {life: 10s}\npeers:\n",
         {{15, "sessions.renew_after", "before the session's life ends"}}},
        {"grace_beyond_life",
         "peers:\n",
         "sessions: {life: 1s, renew_after: 500ms}\npeers:\n",
         {{15, "sessions.grace", "longer than the session's life"}}},
        {"everything_at_once",
         "side: underlay\n    device: {af_xdp: eth1}",
         "side: underly\n    devise: {af_xdp: eth1}",
         {{5, "ports[0].device", "is missing"},
          {6, "ports[0].side", "did you mean 'underlay'?"},
          {7, "ports[0].devise", "did you mean 'device'?"}}},
    }),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Yaml, BadConfig,
    testing::ValuesIn(std::vector<BadCase>{
        {"syntax",
         "[192.0.2.10/24]",
         "[192.0.2.10/24",
         {{9, "", "not YAML: while parsing a flow sequence that began on line 8"}}},
        {"tab", "  workers: 2", "\tworkers: 2", {{3, "", "not YAML"}}},
        {"anchor", "workers: 2", "workers: &x 2", {{3, "", "an anchor"}}},
        {"alias", "workers: 2", "workers: *x", {{3, "", "an alias"}}},
        {"alias_as_key", "workers: 2", "*x : 2", {{3, "", "an alias"}}},
        {"tag", "workers: 2", "workers: !!int 2", {{3, "", "a tag"}}},
        {"anchored_map",
         "device: {af_xdp: eth1}",
         "device: &d {af_xdp: eth1}",
         {{7, "", "an anchor"}}},
        {"map_as_key", "workers: 2", "{a: b}: 2", {{3, "", "a key must be a word"}}},
        {"second_document", "peers:\n", "---\npeers:\n", {{15, "", "a second document"}}},
        {"deep", "workers: 2", "workers: " + std::string(40, '['), {{3, "", "nested too deeply"}}},
        {"not_utf8", "workers: 2", "workers: \xff", {{1, "", "not YAML"}}},
    }),
    [](const auto& test) { return test.param.name; });

TEST(Config, ReportsProblemsInTheOrderOfLines) {
  std::string text = Replaced("workers: 2", "workers: two");
  text.replace(text.find("keep_alive"), 10, "keepalive");
  text.replace(text.find("relay_to: [b]"), 13, "relay_to: [x]");
  const LoadResult result = Parse(text, "gw.yaml");
  ASSERT_EQ(result.problems.size(), 3u) << Joined(result.problems);
  EXPECT_EQ(result.problems[0].line, 3);
  EXPECT_EQ(result.problems[1].line, 20);
  EXPECT_EQ(result.problems[2].line, 24);
}

TEST(Config, BoundsTheNumberOfProblems) {
  std::string text(kGood);
  text += "logging:\n";
  for (int i = 0; i < 5000; ++i) text += "  unknown" + std::to_string(i) + ": 1\n";
  const LoadResult result = Parse(text, "gw.yaml");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.problems.size(), 1001u);
  EXPECT_NE(result.problems.back().message.find("left out"), std::string::npos);
}

TEST(Config, RefusesWhatIsTooLarge) {
  const LoadResult large = Parse(std::string((16u << 20) + 1, '#'), "gw.yaml");
  ASSERT_EQ(large.problems.size(), 1u);
  EXPECT_NE(large.problems[0].message.find("16 MiB"), std::string::npos);
  std::string many = "peers: [";
  for (int i = 0; i < 1'000'001; ++i) many += "a,";
  const LoadResult items = Parse(many + "]", "gw.yaml");
  ASSERT_EQ(items.problems.size(), 1u);
  EXPECT_NE(items.problems[0].message.find("too many values"), std::string::npos);
}

TEST(Config, SaysWhatAnEmptyFileLacks) {
  for (const char* text : {"", "---\n", "# nothing\n", "{}"}) {
    const LoadResult result = Parse(text, "gw.yaml");
    ASSERT_EQ(result.problems.size(), 2u) << Joined(result.problems);
    EXPECT_EQ(result.problems[0].key, "gateway");
    EXPECT_EQ(result.problems[1].key, "ports");
  }
}

TEST(Config, RefusesAGatewayThatCarriesNothing) {
  const LoadResult result = Parse(
      "gateway: {identity: relay.key}\n"
      "ports:\n"
      "  - {name: wan, side: underlay, device: {af_xdp: eth0}, addresses: [192.0.2.9/24]}\n"
      "peers:\n"
      "  - {name: a, id: " ID_A ", allowed_prefixes: [10.1.0.0/16]}\n",
      "gw.yaml");
  ASSERT_EQ(result.problems.size(), 1u) << Joined(result.problems);
  EXPECT_NE(result.problems[0].message.find("nothing could be carried"), std::string::npos);
}

TEST(Config, PrintsProblemsAsFileLineKeyMessage) {
  EXPECT_EQ((Problem{"gw.yaml", 12, "peers[2].id", "is wrong"}).ToString(),
            "gw.yaml:12: peers[2].id: is wrong");
  EXPECT_EQ((Problem{"gw.yaml", 0, "", "cannot open"}).ToString(), "gw.yaml: cannot open");
}

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "config_test_XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_; }

 private:
  std::string path_;
};

TEST(Load, TakesTheIdentityRelativeToTheFile) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/gw.yaml";
  std::ofstream(path) << kGood;
  LoadResult result = Load(path);
  ASSERT_TRUE(result.ok()) << Joined(result.problems);
  EXPECT_EQ(result.config->gateway.identity, directory.path() + "/gw.key");
  std::ofstream(path) << Replaced("gw.key", "/etc/noisegate/gw.key");
  result = Load(path);
  ASSERT_TRUE(result.ok()) << Joined(result.problems);
  EXPECT_EQ(result.config->gateway.identity, "/etc/noisegate/gw.key");
}

TEST(Load, SaysWhyAFileCannotBeRead) {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  struct {
    std::string path;
    const char* part;
  } const cases[] = {{directory.path() + "/absent.yaml", "cannot open: No such file"},
                     {directory.path(), "not a regular file"},
                     {fifo, "not a regular file"}};
  for (const auto& c : cases) {
    const LoadResult result = Load(c.path);
    ASSERT_EQ(result.problems.size(), 1u);
    EXPECT_EQ(result.problems[0].file, c.path);
    EXPECT_NE(result.problems[0].message.find(c.part), std::string::npos)
        << result.problems[0].ToString();
  }
}

TEST(Config, ReadsTenThousandPeersInAFractionOfASecond) {
  constexpr int kPeers = 10'000;
  std::string text =
      "gateway: {identity: gw.key, max_peers: 10000, max_sessions: 40000}\n"
      "ports:\n"
      "  - {name: wan, side: underlay, device: {af_xdp: eth1}, addresses: [192.0.2.10/24],"
      " gateway: [192.0.2.1]}\n"
      "  - {name: lan, side: overlay, device: {tap: ng0}, addresses: [172.16.0.2/24]}\n"
      "peers:\n";
  for (int i = 0; i < kPeers; ++i) {
    crypto::PeerId id;
    id.bytes[0] = static_cast<uint8_t>(i / 256);
    id.bytes[1] = static_cast<uint8_t>(i % 256);
    const std::string high = std::to_string(i / 256), low = std::to_string(i % 256);
    text += "  - name: peer-" + std::to_string(i) + "\n    id: " + id.ToString() +
            "\n    endpoint: 198.51." + high + "." + low + ":4242-4243\n" +
            "    allowed_prefixes: [10." + high + "." + low + ".0/24, 2001:db8:" + high + ":" +
            low + "::/64]\n    keep_alive: 25s\n    relay_to: [peer-" +
            std::to_string((i + 1) % kPeers) + "]\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const Config config = ParseGood(text);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(config.peers.size(), static_cast<size_t>(kPeers));
  RecordProperty("seconds", std::to_string(took.count()));
  // 0.15 s when optimised. The bound catches what grows with the square, under sanitizers as well.
  EXPECT_LT(took.count(), 5.0);
}

}  // namespace
}  // namespace noisegate::config
