// Noise handshakes and transport frames of js-libp2p, byte for byte, from fixed keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "controlplane/libp2p/noise_channel.h"
#include "controlplane/libp2p/noise_handshake.h"
#include "crypto/hash.h"
#include "tests/controlplane/libp2p/test_keys.h"
#include "tests/crypto/vectors.h"

namespace noisegate::libp2p {
namespace {

using crypto::Fixed;
using crypto::FixedRandom;
using crypto::Hex;
using crypto::NoiseRole;
using nlohmann::json;

std::string VectorPath(const std::string& name) {
  return std::string(NOISEGATE_SOURCE_DIR) + "/tests/vectors/libp2p/" + name;
}

std::vector<std::string> MuxersOf(const json& side) {
  return side["stream_muxers"].is_null() ? std::vector<std::string>()
                                         : side["stream_muxers"].get<std::vector<std::string>>();
}

// The identity of one side. Its signature is made anew where that gives the same bytes: ECDSA's has
// a random number in it.
NoiseIdentity IdentityOf(const json& side) {
  const crypto::PrivateKey key = PrivateKeyFromProtobuf(Hex(side["identity_private_pb"]));
  const auto static_key = [&side] {
    return crypto::X25519KeyPair::FromPrivate(
        crypto::Secret<32>(Fixed<32>(Hex(side["noise_static_private"]))));
  };
  EXPECT_EQ(ToHex(static_key().public_key), side["noise_static_public"]);
  EXPECT_EQ(ToHex(EncodePublicKey(key.public_key())), side["identity_public_pb"]);
  EXPECT_TRUE(key.public_key().VerifyMessage(Hex(side["signed_data"]), Hex(side["identity_sig"])));
  NoiseIdentity from_signature =
      NoiseIdentity::FromSignature(key.public_key(), static_key(), Hex(side["identity_sig"]),
                                   MuxersOf(side))
          .value();
  EXPECT_EQ(ToHex(from_signature.payload()), side["payload"]);
  EXPECT_EQ(from_signature.peer_id().ToString(), side["peer_id"]);
  EXPECT_EQ(from_signature.peer_id().ToCidString(), side["peer_id_cid"]);
  if (key.type() != crypto::KeyType::kSecp256k1) {
    EXPECT_EQ(ToHex(NoiseIdentity::Create(key, static_key(), MuxersOf(side)).value().payload()),
              side["payload"]);
  }
  return from_signature;
}

// Both sides of one handshake, its frames compared on the way.
struct Replay {
  NoiseIdentity initiator_identity, responder_identity;
  FixedRandom initiator_random, responder_random;
  NoiseHandshake initiator, responder;

  explicit Replay(const json& v, const Bytes& prologue)
      : initiator_identity(IdentityOf(v["initiator"])),
        responder_identity(IdentityOf(v["responder"])),
        initiator_random(Hex(v["initiator"]["ephemeral_private"])),
        responder_random(Hex(v["responder"]["ephemeral_private"])),
        initiator({.role = NoiseRole::kInitiator,
                   .identity = &initiator_identity,
                   .expected_peer = responder_identity.peer_id(),
                   .prologue = prologue},
                  initiator_random),
        responder(
            {.role = NoiseRole::kResponder, .identity = &responder_identity, .prologue = prologue},
            responder_random) {}

  void Run(const json& v) {
    NoiseHandshake* from = &initiator;
    NoiseHandshake* to = &responder;
    for (const json& message : v["messages"]) {
      const Bytes frame = from->TakeOutput();
      ASSERT_EQ(ToHex(frame), message["framed"]) << "message " << message["n"];
      ASSERT_EQ(to->Receive(frame), frame.size());
      std::swap(from, to);
    }
    ASSERT_EQ(initiator.state(), NoiseState::kDone) << ToString(initiator.error());
    ASSERT_EQ(responder.state(), NoiseState::kDone) << ToString(responder.error());
  }
};

void CheckFrame(const json& v, const crypto::Secret<32>& key, crypto::AeadEngine& engine) {
  Bytes text;
  if (v.contains("plaintext")) {
    text = Hex(v["plaintext"]);
  } else {
    text.resize(65519);
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<uint8_t>(i);
  }
  const uint64_t counter = v["n"];
  Bytes frame;
  if (text.empty()) {
    frame = Hex(v["framed"]);  // we make no empty frames, but take them
  } else {
    NoiseSealer sealer(key.Clone(), engine);
    sealer.set_counter_for_test(counter);
    ASSERT_EQ(sealer.SealInto(text, frame), NoiseError::kNone);
  }
  if (v.contains("framed")) {
    EXPECT_EQ(ToHex(frame), v["framed"]);
  } else {
    ASSERT_EQ(frame.size(), 2 + v["ciphertext_len"].get<size_t>());
    EXPECT_EQ(ToHex(std::span(frame).first(18)), v["framed_prefix"]);
    EXPECT_EQ(ToHex(std::span(frame).last(16)), v["tag"]);
    Bytes digest(32);
    crypto::Hash(crypto::HashKind::kSha256, {std::span(frame).subspan(2)}, digest);
    EXPECT_EQ(ToHex(digest), v["ciphertext_sha256"]);
  }
  NoiseOpener opener(key.Clone(), engine);
  opener.set_counter_for_test(counter);
  opener.Append(frame);
  const NoiseOpened opened = opener.Open();
  ASSERT_EQ(opened.error, NoiseError::kNone);
  ASSERT_EQ(opened.texts.size(), text.empty() ? 0u : 1u);
  for (std::span<const uint8_t> got : opened.texts) EXPECT_TRUE(std::ranges::equal(got, text));
  EXPECT_EQ(opener.frames(), counter + 1);
}

class NoiseVectors : public testing::TestWithParam<const char*> {};

TEST_P(NoiseVectors, HandshakeAndTransportAreReplayedByteForByte) {
  const json v = crypto::LoadJson(VectorPath(GetParam()));
  Replay replay(v, Hex(v["prologue"]));
  ASSERT_NO_FATAL_FAILURE(replay.Run(v));
  const NoiseSession at_initiator = replay.initiator.Finish();
  const NoiseSession at_responder = replay.responder.Finish();

  EXPECT_EQ(ToHex(at_initiator.handshake_hash), v["handshake_hash"]);
  EXPECT_EQ(ToHex(at_responder.handshake_hash), v["handshake_hash"]);
  EXPECT_EQ(at_initiator.peer_id.ToString(), v["responder"]["peer_id"]);
  EXPECT_EQ(at_responder.peer_id.ToString(), v["initiator"]["peer_id"]);
  EXPECT_EQ(ToHex(at_initiator.send_key.span()), v["k_initiator_to_responder"]);
  EXPECT_EQ(ToHex(at_responder.receive_key.span()), v["k_initiator_to_responder"]);
  EXPECT_EQ(ToHex(at_initiator.receive_key.span()), v["k_responder_to_initiator"]);
  EXPECT_EQ(ToHex(at_responder.send_key.span()), v["k_responder_to_initiator"]);

  const bool both =
      !v["initiator"]["stream_muxers"].is_null() && !v["responder"]["stream_muxers"].is_null();
  const std::optional<std::string> want =
      both ? std::optional<std::string>(kYamuxProtocol) : std::nullopt;
  EXPECT_EQ(at_initiator.muxer, want);
  EXPECT_EQ(at_responder.muxer, want);

  for (crypto::AeadEngineKind kind :
       {crypto::AeadEngineKind::kAuto, crypto::AeadEngineKind::kSodium}) {
    const auto engine = crypto::MakeAeadEngine(kind).value();
    for (const json& frame : v["transport"]) {
      SCOPED_TRACE(frame["dir"].get<std::string>() + " " +
                   std::to_string(frame["n"].get<uint64_t>()));
      const bool forth = frame["dir"] == "i2r";
      CheckFrame(frame, forth ? at_initiator.send_key : at_initiator.receive_key, *engine);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, NoiseVectors,
                         testing::Values("noise-xx-ed25519-yamux.json",
                                         "noise-xx-ed25519-noext.json",
                                         "noise-xx-negative-prologue.json",
                                         "noise-xx-rsa-secp256k1.json"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

// The prologue of the negative vector is what some tutorials say. libp2p's is empty, and then
// nothing from message 2 on opens.
TEST(NoiseHandshake, OtherPrologueIsRefused) {
  const json v = crypto::LoadJson(VectorPath("noise-xx-negative-prologue.json"));
  ASSERT_FALSE(v["prologue"].get<std::string>().empty());
  Replay replay(v, /*prologue=*/{});
  EXPECT_EQ(ToHex(replay.initiator.TakeOutput()), v["messages"][0]["framed"]);
  replay.initiator.Receive(Hex(v["messages"][1]["framed"]));
  EXPECT_EQ(replay.initiator.state(), NoiseState::kFailed);
  EXPECT_EQ(replay.initiator.error(), NoiseError::kBadHandshakeTag);

  replay.responder.Receive(Hex(v["messages"][0]["framed"]));
  EXPECT_NE(ToHex(replay.responder.TakeOutput()), v["messages"][1]["framed"]);
  replay.responder.Receive(Hex(v["messages"][2]["framed"]));
  EXPECT_EQ(replay.responder.error(), NoiseError::kBadHandshakeTag);
}

}  // namespace
}  // namespace noisegate::libp2p
