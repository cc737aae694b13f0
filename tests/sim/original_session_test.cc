// The model of the original against what the original did: every row of state_table.json.
#include "tests/sim/original_session.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "tests/crypto/test_bytes.h"
#include "tests/crypto/vectors.h"

namespace noisegate::sim {
namespace {

using dataplane::Role;
using nlohmann::json;

crypto::PrivateKey KeyOf(const json& seed) {
  auto key = crypto::PrivateKey::FromEd25519Seed(crypto::Fixed<32>(crypto::Hex(seed)));
  return *std::move(key);
}

// "NACK(dir1)", "dir1 ctr1 len52 + dir1 ctr3 len132", "-".
std::string Describe(const std::vector<std::vector<uint8_t>>& sends) {
  std::string text;
  for (const auto& send : sends) {
    const auto header = dataplane::DecodeHeader(dataplane::LoadBe32(send.data()));
    const std::string direction = "dir" + std::to_string(static_cast<int>(header.direction));
    if (!text.empty()) text += " + ";
    if (send.size() == 4 && header.counter == dataplane::kCounterClose) {
      text += "NACK(" + direction + ")";
    } else {
      text += direction + " ctr" + std::to_string(header.counter) + " len" +
              std::to_string(send.size());
    }
  }
  return text.empty() ? "-" : text;
}

std::string Describe(const OriginalSession& session) {
  switch (session.state()) {
    case OriginalSession::State::kAwaitInit: return "awaitInit";
    case OriginalSession::State::kAwaitResp: return "awaitResp";
    case OriginalSession::State::kAwaitSig: return "awaitSig";
    case OriginalSession::State::kReady: return "ready";
    case OriginalSession::State::kEnd: return "end(" + session.end_error() + ")";
  }
  return "";
}

class StateTable : public testing::Test {
 protected:
  void SetUp() override {
    table_ = crypto::LoadJson(crypto::NoiseSwarmPath("state_table.json"));
    for (const json& row : table_["rows"]) {
      wires_[row["state"].get<std::string>().substr(0, 1) + row["input"].get<std::string>()] =
          crypto::Hex(row["wire"]);
    }
  }

  const crypto::Bytes& Wire(Role role, const std::string& input) {
    return wires_.at((role == Role::kInitiator ? "I" : "R") + input);
  }

  // Brings a fresh session into the state by the very datagrams of the recording.
  void Enter(OriginalSession& session, Role role, const std::string& state) {
    const auto feed = [&](const std::string& input) {
      session.HandleUpward(OriginalSession::TimePoint{}, Wire(role, input));
    };
    const bool initiator = role == Role::kInitiator;
    if (initiator && state != "awaitResp(not started)") session.StartHandshake();
    if (state.starts_with("await") && state != "awaitSig") return;
    feed(initiator ? "ctr1 valid resp (48-byte body)" : "ctr0 valid init (32-byte body)");
    if (state == "end") feed("ctr4 empty body (no tag)");
    if (state != "ready") return;
    feed("peer's valid sig at its own counter");
    feed("ctr9 replay of delivered data");
  }

  json table_;
  std::map<std::string, crypto::Bytes> wires_;  // by role and input
};

TEST_F(StateTable, EveryRowIsWhatTheModelDoes) {
  const crypto::PrivateKey initiator = KeyOf(table_["identity_seed_initiator"]);
  const crypto::PrivateKey responder = KeyOf(table_["identity_seed_responder"]);
  const crypto::Bytes initiator_ephemeral = crypto::Hex(table_["ephemeral_initiator"]);
  const crypto::Bytes responder_ephemeral = crypto::Hex(table_["ephemeral_responder"]);
  ASSERT_EQ(table_["rows"].size(), 230u);

  for (const json& row : table_["rows"]) {
    const std::string state = row["state"];
    SCOPED_TRACE(state + ", " + row["input"].get<std::string>());
    const Role role = state[0] == 'I' ? Role::kInitiator : Role::kResponder;
    const bool is_initiator = role == Role::kInitiator;
    crypto::FixedRandom random(is_initiator ? initiator_ephemeral : responder_ephemeral);
    OriginalSession session({}, role, is_initiator ? initiator : responder, random);
    Enter(session, role, state.substr(2));
    const OriginalSession::TimePoint now{std::chrono::seconds(1)};
    const OriginalSession::Upward result = session.HandleUpward(now, crypto::Hex(row["wire"]));

    EXPECT_EQ(Describe(result.sends), row["sends"]);
    EXPECT_EQ(Describe(session), row["next_state"]);
    EXPECT_EQ(result.error.empty() ? "-" : result.error, row["error"]);
    EXPECT_EQ(session.errored(), row["session_errored_and_deleted_by_swarm"]);
    EXPECT_EQ(session.last_receive() == now, row["last_recv_refreshed"]);
    EXPECT_EQ(!result.message.has_value(), row["delivered_nothing"]);
    EXPECT_EQ(crypto::ToHex(result.message.value_or(crypto::Bytes())), row["delivered_hex"]);
  }
}

}  // namespace
}  // namespace noisegate::sim
