#include "config/diff.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "config/key_table.h"

namespace noisegate::config {
namespace {

using namespace std::chrono_literals;

Peer MakePeer(const std::string& name, uint8_t id) {
  Peer peer;
  peer.name = name;
  peer.id.bytes[0] = id;
  peer.allowed_prefixes = {*dataplane::Prefix::Parse("10." + std::to_string(id) + ".0.0/16")};
  return peer;
}

Config MakeConfig() {
  Config config;
  config.gateway.identity = "gw.key";
  config.ports.resize(2);
  config.ports[0].name = "wan";
  config.ports[0].device = Device::kAfXdp;
  config.ports[0].device_name = "eth1";
  config.ports[1].name = "lan";
  config.ports[1].side = Side::kOverlay;
  config.peers = {MakePeer("a", 1), MakePeer("b", 2), MakePeer("c", 3)};
  return config;
}

std::vector<std::string> KeysOf(const std::vector<Change>& changes) {
  std::vector<std::string> keys;
  for (const Change& change : changes) keys.push_back(change.key);
  return keys;
}

TEST(Diff, IsEmptyBetweenEqualConfigs) {
  EXPECT_TRUE(Compare(MakeConfig(), MakeConfig()).empty());
  Config moved = MakeConfig();
  moved.peers[0].line = 99;
  std::swap(moved.peers[0], moved.peers[2]);
  EXPECT_TRUE(Compare(MakeConfig(), moved).empty());
}

TEST(Diff, TellsAddedRemovedAndChangedPeersApart) {
  Config after = MakeConfig();
  after.peers.erase(after.peers.begin());
  after.peers[0].keep_alive = 25s;
  after.peers[0].endpoints = {*dataplane::EndpointRange::Parse("198.51.100.9:4242")};
  after.peers.push_back(MakePeer("d", 4));
  const Diff diff = Compare(MakeConfig(), after);
  EXPECT_EQ(diff.removed_peers, std::vector<size_t>{0});
  EXPECT_EQ(diff.added_peers, std::vector<size_t>{2});
  ASSERT_EQ(diff.changed_peers.size(), 1u);
  EXPECT_EQ(diff.changed_peers[0].before, 1u);
  EXPECT_EQ(diff.changed_peers[0].after, 0u);
  EXPECT_EQ(diff.changed_peers[0].keys, (std::vector<std::string_view>{"endpoints", "keep_alive"}));
  EXPECT_TRUE(diff.changed_peers[0].Has("endpoints"));
  EXPECT_FALSE(diff.changed_peers[0].Has("relay_to"));
  EXPECT_TRUE(CheckReload(diff).ok());
}

TEST(Diff, TakesAnotherIdForAnotherPeerAndAnotherNameForTheSame) {
  Config after = MakeConfig();
  after.peers[0].id.bytes[0] = 9;
  after.peers[1].name = "bee";
  const Diff diff = Compare(MakeConfig(), after);
  EXPECT_EQ(diff.removed_peers, std::vector<size_t>{0});
  EXPECT_EQ(diff.added_peers, std::vector<size_t>{0});
  ASSERT_EQ(diff.changed_peers.size(), 1u);
  EXPECT_EQ(diff.changed_peers[0].keys, std::vector<std::string_view>{"name"});
}

TEST(Diff, ListsEachKeyUnderWhatAReloadMayDoToIt) {
  struct {
    const char* key;
    bool reloadable;
    std::function<void(Config&)> change;
  } const cases[] = {
      {"gateway.identity", false, [](Config& c) { c.gateway.identity = "other.key"; }},
      {"gateway.workers", false, [](Config& c) { c.gateway.workers = 2; }},
      {"gateway.control_core", false, [](Config& c) { c.gateway.control_core = 3; }},
      {"crypto.engine", false, [](Config& c) { c.crypto.engine = Engine::kSodium; }},
      {"ports", false, [](Config& c) { c.ports.pop_back(); }},
      {"ports", false, [](Config& c) { std::swap(c.ports[0], c.ports[1]); }},
      {"ports.wan.device", false, [](Config& c) { c.ports[0].device_name = "eth2"; }},
      {"ports.wan.device", false, [](Config& c) { c.ports[0].device_args = "a=1"; }},
      {"ports.wan.device", false, [](Config& c) { c.ports[0].device = Device::kAfPacket; }},
      {"ports.wan.gateway", false,
       [](Config& c) { c.ports[0].gateway_v6 = *dataplane::IpAddress::Parse("fe80::1"); }},
      {"ports.lan.mtu", false, [](Config& c) { c.ports[1].mtu = 1400; }},
      {"ports.lan.routes", true, [](Config& c) { c.ports[1].routes.resize(1); }},
      {"ports.lan.neighbours", true, [](Config& c) { c.ports[1].neighbours.resize(1); }},
      {"limits.queue_time", true, [](Config& c) { c.limits.queue_time = 2s; }},
      {"limits.inits_per_prefix", false, [](Config& c) { c.limits.inits_per_prefix = 7; }},
      {"sessions.life", false, [](Config& c) { c.sessions.life = 30s; }},
      {"libp2p.relay", true, [](Config& c) { c.libp2p.relay.emplace(); }},
      {"libp2p.listen", false,
       [](Config& c) { c.libp2p.listen = {{*dataplane::IpAddress::Parse("::"), 4001}}; }},
      {"libp2p.keep_alive", false, [](Config& c) { c.libp2p.keep_alive = 5s; }},
      {"admin.group", false, [](Config& c) { c.admin.group = "netops"; }},
      {"logging.level", true, [](Config& c) { c.logging.level = "debug"; }},
      {"logging.file", false, [](Config& c) { c.logging.file = "/var/log/noisegate"; }},
  };
  for (const auto& c : cases) {
    Config after = MakeConfig();
    c.change(after);
    const Diff diff = Compare(MakeConfig(), after);
    const std::vector<std::string> key = {c.key}, none;
    EXPECT_EQ(KeysOf(diff.reloadable), c.reloadable ? key : none) << c.key;
    EXPECT_EQ(KeysOf(diff.needs_restart), c.reloadable ? none : key) << c.key;
    EXPECT_EQ(CheckReload(diff).ok(), c.reloadable) << c.key;
  }
}

TEST(Diff, RefusesAReloadByNamingEveryKeyInTheWay) {
  Config after = MakeConfig();
  after.gateway.workers = 4;
  after.gateway.control_core = 1;
  after.logging.level = "debug";
  const absl::Status status = CheckReload(Compare(MakeConfig(), after));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(status.message()),
            "nothing was changed, because this needs a restart: gateway.workers (1 to 4); "
            "gateway.control_core (unset to 1)");
}

TEST(Diff, PrintsDevicesAndListsAsTheyAreWritten) {
  Config after = MakeConfig();
  after.ports[0].device = Device::kNull;
  after.ports[0].device_name = "";
  after.ports[1].addresses = {*dataplane::Prefix::Parse("10.1.0.2/24")};
  after.ports[1].routes = {
      {*dataplane::Prefix::Parse("10.9.0.0/16"), *dataplane::IpAddress::Parse("10.1.0.7")}};
  const Diff diff = Compare(MakeConfig(), after);
  ASSERT_EQ(diff.needs_restart.size(), 2u);
  EXPECT_EQ(diff.needs_restart[0].before, "{af_xdp: eth1}");
  EXPECT_EQ(diff.needs_restart[0].after, "{null: }");
  EXPECT_EQ(diff.needs_restart[1].before, "[]");
  EXPECT_EQ(diff.needs_restart[1].after, "[10.1.0.2/24]");
  ASSERT_EQ(diff.reloadable.size(), 1u);
  EXPECT_EQ(diff.reloadable[0].after, "[{prefix: 10.9.0.0/16, via: 10.1.0.7}]");
}

// A section of the root that Compare left out would make a change go unseen.
TEST(Diff, KnowsEverySectionOfTheTable) {
  std::set<std::string_view> names;
  for (const Key& key : RootSection().keys) names.insert(key.name);
  EXPECT_EQ(names, (std::set<std::string_view>{"gateway", "crypto", "ports", "peers", "limits",
                                               "sessions", "libp2p", "admin", "logging"}));
}

}  // namespace
}  // namespace noisegate::config
