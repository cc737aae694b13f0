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

#include "tests/config/good_config.h"

namespace noisegate::config {
namespace {

using namespace std::chrono_literals;

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

TEST(Config, IsNoRelayUnlessItSaysSo) {
  const auto without = Parse(Replaced("peers:\n", "libp2p: {listen: [/ip6/::/tcp/4001]}\npeers:\n"), "f");
  ASSERT_TRUE(without.ok()) << Joined(without.problems);
  ASSERT_EQ(without.config->libp2p.listen.size(), 1u);
  EXPECT_EQ(without.config->libp2p.listen[0].port, 4001);
  EXPECT_FALSE(without.config->libp2p.relay.has_value());
  const auto with = Parse(
      Replaced("peers:\n", "libp2p: {listen: [/ip4/0.0.0.0/tcp/0], relay: {circuits: 5}}\npeers:\n"),
      "f");
  ASSERT_TRUE(with.ok()) << Joined(with.problems);
  ASSERT_TRUE(with.config->libp2p.relay.has_value());
  EXPECT_EQ(with.config->libp2p.relay->circuits, 5u);
  EXPECT_EQ(with.config->libp2p.relay->circuit_bytes, 131072u);
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

TEST(Config, TakesAPathThatJustFitsIpv6Inside) {
  for (const bool v6_outside : {false, true}) {
    std::string text = Replaced("10.2.0.0/16", "2001:db8:2::/48");
    const std::string own = v6_outside ? "2001:db8::1/64]\n    mtu: 1348" : "192.0.2.11/24]\n    mtu: 1328";
    text.replace(text.find("192.0.2.10/24]"), 14, "192.0.2.10/24, " + own);
    EXPECT_TRUE(Parse(text, "gw.yaml").ok()) << Joined(Parse(text, "gw.yaml").problems);
    text.replace(text.find("8\n", text.find("mtu: 13")), 1, "7");
    EXPECT_FALSE(Parse(text, "gw.yaml").ok());
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

// Each suggestion takes a look at every name there is.
TEST(Config, SuggestsNamesForTheFirstFewWrongOnesOnly) {
  std::string wrong;
  for (int i = 0; i < 30; ++i) wrong += (i == 0 ? "branch" : ", branch") + std::to_string(i);
  std::string text = Replaced("relay_to: [b]", "relay_to: [" + wrong + "]");
  text.replace(text.find("name: b"), 7, "name: branch");
  const LoadResult result = Parse(text, "gw.yaml");
  ASSERT_EQ(result.problems.size(), 30u) << Joined(result.problems);
  size_t suggested = 0;
  for (const Problem& problem : result.problems) {
    EXPECT_NE(problem.message.find("no peer is called"), std::string::npos);
    suggested += problem.message.find("did you mean 'branch'?") != std::string::npos;
  }
  EXPECT_EQ(suggested, 20u);
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
