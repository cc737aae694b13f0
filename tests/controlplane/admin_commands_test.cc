// What the admin socket answers, down to the keys that programs rely on.
#include "controlplane/admin_commands.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "controlplane/commands/show_tables.h"
#include "controlplane/telemetry_json.h"

namespace noisegate::controlplane {
namespace {

using Json = nlohmann::json;

Snapshot OneOfEach() {
  Snapshot snapshot;
  snapshot.overview.name = "gw";
  snapshot.overview.drops = 12;
  PeerSnapshot peer;
  peer.name = "a \"quoted\" name \xff";  // not UTF-8
  peer.state = "up";
  peer.last_handshake_seconds = 3.5;
  peer.traffic.rx_packets = 1234567;
  snapshot.peers = {peer, {}};
  snapshot.sessions.resize(1);
  snapshot.ports.resize(1);
  snapshot.workers.resize(1);
  for (size_t i = 0; i < dataplane::kNumDropReasons; ++i) {
    snapshot.drops.push_back({static_cast<dataplane::DropReason>(i), i == 3 ? 12u : 0u});
  }
  return snapshot;
}

class AdminCommandsTest : public testing::Test {
 protected:
  Json Ask(const std::string& request) {
    const std::string answer = AnswerAdminRequest(request, commands_);
    EXPECT_EQ(answer.find('\n'), std::string::npos) << "one line";
    return Json::parse(answer);
  }
  std::string Answer(const std::string& section) {
    return AnswerAdminRequest(R"({"command":"show","section":")" + section + "\"}", commands_);
  }

  ReloadResult reload_result_;
  AdminCommands commands_{[] { return OneOfEach(); }, [this] { return reload_result_; }};
};

std::set<std::string> Keys(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

TEST_F(AdminCommandsTest, SectionsHaveTheKeysThatProgramsRelyOn) {
  const std::map<std::string, std::set<std::string>> want = {
      {"overview",
       {"version",
        "name",
        "peer_id",
        "engine",
        "engine_isa",
        "listen",
        "uptime_seconds",
        "workers",
        "ports",
        "peers",
        "peers_up",
        "sessions",
        "handshakes_started",
        "handshakes_as_initiator",
        "handshakes_as_responder",
        "rollovers",
        "opened",
        "sealed",
        "relayed",
        "delivered",
        "opened_per_second",
        "sealed_per_second",
        "waiting",
        "drops"}},
      {"peers",
       {"name", "id", "state", "endpoint", "last_handshake_seconds", "handshake_rtt_seconds",
        "handshakes", "sessions", "stripes", "original_implementation", "traffic", "last_failure",
        "allowed_prefixes"}},
      {"sessions",
       {"id", "peer", "local", "remote", "stripe", "role", "confirmed", "age_seconds",
        "remaining_seconds", "next_counter", "traffic"}},
      {"ports",
       {"name", "side", "driver", "mac", "mtu", "link_up", "addresses", "rx_queues", "tx_queues",
        "hardware_steering", "hardware_checksum", "rx_packets", "rx_bytes", "tx_packets",
        "tx_bytes", "rx_missed", "rx_errors", "tx_errors"}},
      {"workers",
       {"index", "lcore", "udp_port", "busy", "sealed", "opened", "relayed", "delivered",
        "handed_over", "punted", "loops", "busy_loops", "sleeps"}},
      {"drops", {"reason", "packets", "meaning"}},
      {"relay",
       {"peer_id", "listen", "connections", "half_open", "queued_bytes", "memory_bytes",
        "max_memory_bytes", "accepted", "secured", "idle_dropped", "memory_dropped",
        "refused", "negotiation_failed", "handshake_failed", "muxer_failed", "relay",
        "reservations", "max_reservations", "circuits", "max_circuits", "relayed_bytes", "outcomes",
        "peers"}},
  };
  for (const auto& [section, keys] : want) {
    const Json answer = Ask(R"({"command":"show","section":")" + section + "\"}");
    EXPECT_EQ(answer["ok"], true) << section;
    ASSERT_TRUE(answer.contains(section)) << section;
    const Json& content = answer[section];
    EXPECT_EQ(Keys(content.is_array() ? content[0] : content), keys) << section;
  }
  EXPECT_EQ(want.size(), kSnapshotSections.size());
}

TEST_F(AdminCommandsTest, UnknownValuesAreNull) {
  const Json peers = Ask(R"({"command":"show","section":"peers"})")["peers"];
  EXPECT_EQ(peers[0]["last_handshake_seconds"], 3.5);
  EXPECT_TRUE(peers[1]["last_handshake_seconds"].is_null());
  EXPECT_TRUE(peers[1]["endpoint"].is_null());
}

TEST_F(AdminCommandsTest, ListsEveryDropReasonWithItsMeaning) {
  const Json drops = Ask(R"({"command":"show","section":"drops"})")["drops"];
  ASSERT_EQ(drops.size(), dataplane::kNumDropReasons);
  EXPECT_EQ(drops[3]["reason"], dataplane::kDropReasonTexts[3].name);
  EXPECT_EQ(drops[3]["packets"], 12);
}

TEST_F(AdminCommandsTest, RefusesWhatIsNoRequest) {
  for (const char* request :
       {"", "{", "nonsense", "[]", "7", "\"show\"", "null", "{}", R"({"command":7})",
        R"({"command":"stop"})", R"({"command":"show","section":"secrets"})",
        R"({"command":["show"]})", "\xff\xfe", "{\"command\":\"show\"", "[[[[[[[[[[[[[[[["}) {
    const Json answer = Ask(request);
    EXPECT_EQ(answer["ok"], false) << request;
    EXPECT_FALSE(answer["error"].get<std::string>().empty()) << request;
  }
  EXPECT_EQ(Ask(std::string(4096, '['))["ok"], false);
}

TEST_F(AdminCommandsTest, ReloadSaysWhatIsWrongWithTheFile) {
  EXPECT_EQ(Ask(R"({"command":"reload"})")["ok"], true);
  reload_result_ = {"the config has problems", {"gw.yaml:3: peers[0].id: not a peer id"}};
  const Json answer = Ask(R"({"command":"reload"})");
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["problems"][0], reload_result_.problems[0]);
  const auto shown = commands::ShowAsJson(AnswerAdminRequest(R"({"command":"reload"})", commands_));
  ASSERT_FALSE(shown.ok());
  EXPECT_NE(std::string(shown.status().message()).find("peers[0].id"), std::string::npos);
}

TEST_F(AdminCommandsTest, EverySectionIsShownAsATable) {
  for (const std::string_view section : kSnapshotSections) {
    const auto text = commands::ShowAsTable(Answer(std::string(section)), section, false);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(text->back(), '\n') << section;
  }
  const std::string peers = *commands::ShowAsTable(Answer("peers"), "peers", false);
  EXPECT_NE(peers.find("1.23 M"), std::string::npos) << peers;
  EXPECT_NE(peers.find("never"), std::string::npos) << peers;
}

TEST_F(AdminCommandsTest, DropsThatAreZeroShowOnlyWhenAskedFor) {
  const std::string some = *commands::ShowAsTable(Answer("drops"), "drops", false);
  const std::string all = *commands::ShowAsTable(Answer("drops"), "drops", true);
  EXPECT_EQ(std::count(some.begin(), some.end(), '\n'), 2);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'),
            static_cast<ptrdiff_t>(dataplane::kNumDropReasons) + 1);
}

TEST_F(AdminCommandsTest, AnAnswerOfAnotherVersionIsAnErrorAndNoCrash) {
  for (const char* answer :
       {"", "{}", "[]", R"({"ok":true})", R"({"ok":true,"peers":7})", R"({"ok":true,"peers":[{}]})",
        R"({"ok":false,"error":7})", R"({"ok":false,"problems":[7]})"}) {
    EXPECT_FALSE(commands::ShowAsTable(answer, "peers", false).ok()) << answer;
  }
}

}  // namespace
}  // namespace noisegate::controlplane
