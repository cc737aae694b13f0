#include "crypto/noise.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

class Noise : public testing::Test {
 protected:
  HandshakeState Start(std::string_view pattern, NoiseRole role,
                       std::span<const uint8_t> prologue = {}) {
    const bool is_initiator = role == NoiseRole::kInitiator;
    absl::StatusOr<HandshakeState> state = HandshakeState::Create(
        {.pattern = pattern,
         .role = role,
         .prologue = prologue,
         .static_key = is_initiator ? &initiator_static_ : &responder_static_,
         .remote_static =
             is_initiator ? responder_static_.public_key : initiator_static_.public_key},
        random_);
    return *std::move(state);
  }
  HandshakeState Initiator(std::string_view pattern) {
    return Start(pattern, NoiseRole::kInitiator);
  }
  HandshakeState Responder(std::string_view pattern) {
    return Start(pattern, NoiseRole::kResponder);
  }

  SeededRandom random_{1};
  const X25519KeyPair initiator_static_ = X25519KeyPair::Generate(random_);
  const X25519KeyPair responder_static_ = X25519KeyPair::Generate(random_);
};

void ExpectSameKeys(const HandshakeState& a, const HandshakeState& b) {
  ASSERT_TRUE(a.finished());
  ASSERT_TRUE(b.finished());
  EXPECT_EQ(ToHex(a.handshake_hash()), ToHex(b.handshake_hash()));
  const TransportKeys ka = a.Split();
  const TransportKeys kb = b.Split();
  EXPECT_TRUE(ka.initiator_to_responder == kb.initiator_to_responder);
  EXPECT_TRUE(ka.responder_to_initiator == kb.responder_to_initiator);
  EXPECT_FALSE(ka.initiator_to_responder == ka.responder_to_initiator);
}

TEST_F(Noise, NnHasTheSizesOfTheProtocol) {
  HandshakeState initiator = Initiator("NN");
  HandshakeState responder = Responder("NN");
  const Bytes init = initiator.WriteMessage({}).value();
  EXPECT_EQ(init.size(), 32u);
  ASSERT_TRUE(responder.ReadMessage(init).ok());
  const Bytes resp = responder.WriteMessage({}).value();
  EXPECT_EQ(resp.size(), 48u);
  ASSERT_TRUE(initiator.ReadMessage(resp).ok());
  ExpectSameKeys(initiator, responder);
  EXPECT_FALSE(initiator.remote_static());
}

TEST_F(Noise, CleartextPayloadOfInitIsBoundIntoTheHandshake) {
  HandshakeState initiator = Initiator("NN");
  HandshakeState responder = Responder("NN");
  Bytes init = initiator.WriteMessage(Bytes{1, 2, 3}).value();
  EXPECT_EQ(Bytes(init.begin() + 32, init.end()), (Bytes{1, 2, 3}));
  init.back() ^= 1;
  EXPECT_EQ(responder.ReadMessage(init).value(), (Bytes{1, 2, 2}));
  EXPECT_FALSE(initiator.ReadMessage(responder.WriteMessage({}).value()).ok());
}

TEST_F(Noise, XxCarriesStaticKeysAndPayloads) {
  HandshakeState initiator = Initiator("XX");
  HandshakeState responder = Responder("XX");
  EXPECT_EQ(responder.ReadMessage(initiator.WriteMessage({}).value()).value(), Bytes{});
  EXPECT_EQ(initiator.ReadMessage(responder.WriteMessage(Bytes{1}).value()).value(), Bytes{1});
  EXPECT_EQ(initiator.remote_static(), responder_static_.public_key);
  EXPECT_FALSE(responder.remote_static());
  EXPECT_EQ(responder.ReadMessage(initiator.WriteMessage(Bytes{2}).value()).value(), Bytes{2});
  EXPECT_EQ(responder.remote_static(), initiator_static_.public_key);
  ExpectSameKeys(initiator, responder);
}

// Every message of every pattern: whatever is cut, flipped or appended where it is authenticated is
// refused, and the true message is still welcome after it.
TEST_F(Noise, FailedReadLeavesTheHandshakeUnchanged) {
  for (const char* pattern : {"NN", "XX", "IK", "KK", "X1X1"}) {
    SCOPED_TRACE(pattern);
    HandshakeState sides[2] = {Initiator(pattern), Responder(pattern)};
    for (size_t turn = 0; !sides[0].finished() || !sides[1].finished(); ++turn) {
      HandshakeState& writer = sides[turn % 2];
      HandshakeState& reader = sides[1 - turn % 2];
      const Bytes payload(turn + 3, 0x11);
      const Bytes message = writer.WriteMessage(payload).value();
      const std::string hash = ToHex(reader.handshake_hash());
      const auto re = reader.remote_ephemeral();
      const auto rs = reader.remote_static();
      for (size_t size = 0; size < reader.NextMessageSize(0); ++size) {
        ASSERT_FALSE(reader.ReadMessage(std::span(message).first(size)).ok());
      }
      const bool sealed = message.size() > 32 + payload.size();
      for (size_t i = 0; sealed && i < message.size(); ++i) {
        Bytes forged = message;
        forged[i] ^= 1;
        ASSERT_FALSE(reader.ReadMessage(forged).ok()) << "byte " << i;
      }
      EXPECT_EQ(ToHex(reader.handshake_hash()), hash);
      EXPECT_EQ(reader.remote_ephemeral(), re);
      EXPECT_EQ(reader.remote_static(), rs);
      ASSERT_EQ(reader.ReadMessage(message).value(), payload);
    }
    ExpectSameKeys(sides[0], sides[1]);
  }
}

TEST_F(Noise, ResponseIsOnlyTakenByTheAttemptItAnswers) {
  HandshakeState first = Initiator("NN");
  HandshakeState second = Initiator("NN");
  HandshakeState responder = Responder("NN");
  ASSERT_TRUE(first.WriteMessage({}).ok());
  ASSERT_TRUE(responder.ReadMessage(second.WriteMessage({}).value()).ok());
  const Bytes resp = responder.WriteMessage({}).value();
  EXPECT_EQ(first.ReadMessage(resp).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(second.ReadMessage(resp).ok());
  ExpectSameKeys(second, responder);
}

TEST_F(Noise, SmallOrderKeysAreRefused) {
  // 0, 1, the two points of order 8, p-1, and p and p+1, which are 0 and 1 again.
  const char* const kPoints[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  for (const char* hex : kPoints) {
    SCOPED_TRACE(hex);
    const Bytes point = FromHex(hex);
    HandshakeState responder = Responder("NN");
    ASSERT_TRUE(responder.ReadMessage(point).ok());
    EXPECT_EQ(responder.WriteMessage({}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(responder.finished());

    HandshakeState initiator = Initiator("NN");
    HandshakeState honest = Responder("NN");
    ASSERT_TRUE(honest.ReadMessage(initiator.WriteMessage({}).value()).ok());
    const Bytes resp = honest.WriteMessage({}).value();
    Bytes forged = point;
    forged.insert(forged.end(), resp.begin() + 32, resp.end());
    EXPECT_EQ(initiator.ReadMessage(forged).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(initiator.ReadMessage(resp).ok());
  }
}

TEST_F(Noise, TakesTurns) {
  HandshakeState initiator = Initiator("NN");
  HandshakeState responder = Responder("NN");
  EXPECT_TRUE(initiator.my_turn());
  EXPECT_FALSE(responder.my_turn());
  EXPECT_EQ(responder.WriteMessage({}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(initiator.ReadMessage(Bytes(48)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(responder.ReadMessage(initiator.WriteMessage({}).value()).ok());
  EXPECT_FALSE(initiator.my_turn());
  EXPECT_TRUE(responder.my_turn());
  EXPECT_EQ(initiator.WriteMessage({}).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(initiator.ReadMessage(responder.WriteMessage({}).value()).ok());
  for (HandshakeState* side : {&initiator, &responder}) {
    EXPECT_TRUE(side->finished());
    EXPECT_FALSE(side->my_turn());
    EXPECT_EQ(side->NextMessageSize(5), 0u);
    EXPECT_FALSE(side->WriteMessage({}).ok());
    EXPECT_FALSE(side->ReadMessage(Bytes(48)).ok());
  }
}

TEST_F(Noise, MessagesAreAtMost65535Bytes) {
  HandshakeState initiator = Initiator("NN");
  EXPECT_EQ(initiator.WriteMessage(Bytes(65535 - 32 + 1)).status().code(),
            absl::StatusCode::kInvalidArgument);
  const absl::StatusOr<Bytes> longest = initiator.WriteMessage(Bytes(65535 - 32));
  ASSERT_TRUE(longest.ok());
  HandshakeState responder = Responder("NN");
  Bytes too_long = *longest;
  too_long.push_back(0);
  EXPECT_EQ(responder.ReadMessage(too_long).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(responder.ReadMessage(*longest).ok());
}

TEST_F(Noise, PrologueMustBeTheSame) {
  HandshakeState initiator = Start("NN", NoiseRole::kInitiator, Bytes{1});
  HandshakeState responder = Start("NN", NoiseRole::kResponder, Bytes{2});
  ASSERT_TRUE(responder.ReadMessage(initiator.WriteMessage({}).value()).ok());
  EXPECT_FALSE(initiator.ReadMessage(responder.WriteMessage({}).value()).ok());
}

TEST_F(Noise, IkFailsAgainstAnotherResponder) {
  HandshakeState initiator = Initiator("IK");
  const X25519KeyPair other = X25519KeyPair::Generate(random_);
  HandshakeState responder =
      HandshakeState::Create({.pattern = "IK", .role = NoiseRole::kResponder, .static_key = &other},
                             random_)
          .value();
  EXPECT_FALSE(responder.ReadMessage(initiator.WriteMessage({}).value()).ok());
}

TEST_F(Noise, CreateSaysWhatIsMissing) {
  const auto code = [this](const HandshakeOptions& options) {
    return HandshakeState::Create(options, random_).status().code();
  };
  EXPECT_EQ(code({.pattern = "ZZ"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = ""}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = "XX"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = "NK"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = "NK", .role = NoiseRole::kResponder}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = "KN", .static_key = &initiator_static_}), absl::StatusCode::kOk);
  EXPECT_EQ(code({.pattern = "KN", .role = NoiseRole::kResponder}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.pattern = "NX"}), absl::StatusCode::kOk);
}

TEST_F(Noise, MovesBetweenMessages) {
  HandshakeState initiator = Initiator("XX");
  HandshakeState responder = Responder("XX");
  const Bytes first = initiator.WriteMessage({}).value();
  HandshakeState moved = std::move(initiator);
  initiator = Initiator("NN");
  ASSERT_TRUE(responder.ReadMessage(first).ok());
  ASSERT_TRUE(moved.ReadMessage(responder.WriteMessage({}).value()).ok());
  ASSERT_TRUE(responder.ReadMessage(moved.WriteMessage({}).value()).ok());
  ExpectSameKeys(moved, responder);
}

// Section 7.3: a key is sent before it is used, and nothing twice.
TEST(NoisePattern, EveryPatternIsValid) {
  std::set<std::string_view> names;
  for (const NoisePattern& pattern : NoisePatterns()) {
    SCOPED_TRACE(std::string(pattern.name));
    EXPECT_TRUE(names.insert(pattern.name).second);
    EXPECT_EQ(FindNoisePattern(pattern.name), &pattern);
    bool e[2] = {false, false};
    bool s[2] = {pattern.initiator_static_known, pattern.responder_static_known};
    std::set<NoiseToken> dh;
    for (size_t i = 0; i < kMaxNoiseMessages; ++i) {
      EXPECT_EQ(pattern.messages[i][0] != NoiseToken::kNone, i < pattern.message_count);
      for (NoiseToken token : pattern.messages[i]) {
        const bool first = token != NoiseToken::kNone && token != NoiseToken::kE &&
                           token != NoiseToken::kS && dh.insert(token).second;
        switch (token) {
          case NoiseToken::kNone:
            break;
          case NoiseToken::kE:
            EXPECT_FALSE(std::exchange(e[i % 2], true));
            break;
          case NoiseToken::kS:
            EXPECT_FALSE(std::exchange(s[i % 2], true));
            break;
          case NoiseToken::kEe:
            EXPECT_TRUE(first && e[0] && e[1]);
            break;
          case NoiseToken::kEs:
            EXPECT_TRUE(first && e[0] && s[1]);
            break;
          case NoiseToken::kSe:
            EXPECT_TRUE(first && s[0] && e[1]);
            break;
          case NoiseToken::kSs:
            EXPECT_TRUE(first && s[0] && s[1]);
            break;
        }
      }
    }
  }
  EXPECT_EQ(FindNoisePattern("xx"), nullptr);
  EXPECT_EQ(FindNoisePattern("XXpsk3"), nullptr);
}

}  // namespace
}  // namespace noisegate::crypto
