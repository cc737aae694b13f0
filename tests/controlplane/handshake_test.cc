// The handshake against the original's recordings, and against its own failures.
#include "controlplane/handshake.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "controlplane/sealed_datagram.h"
#include "tests/crypto/test_bytes.h"
#include "tests/crypto/vectors.h"
#include "tests/sim/gateway_node.h"

namespace noisegate::controlplane {
namespace {

using crypto::Bytes;
using dataplane::DropReason;
using nlohmann::json;
using sim::SeededRandom;
using sim::TestKey;

const crypto::PeerId kNobody{};
bool Anyone(const crypto::PeerId&) { return true; }

TEST(HandshakeVectors, WritesWhatTheOriginalWrote) {
  const json file = crypto::LoadJson(crypto::NoiseSwarmPath("handshakes.json"));
  size_t signed_by_us = 0;
  for (const json& vector : file["handshakes"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    std::map<std::string, Bytes> wire;
    for (const json& message : vector["messages"]) {
      wire.try_emplace(message["name"].get<std::string>(), crypto::Hex(message["wire"]));
    }

    crypto::FixedRandom initiator_e(crypto::Hex(vector["initiator"]["ephemeral_private"]));
    crypto::FixedRandom responder_e(crypto::Hex(vector["responder"]["ephemeral_private"]));
    Bytes init;
    InitiatorHandshake initiator(initiator_e, &init);
    EXPECT_EQ(init, wire["init"]);
    ASSERT_TRUE(ParseInit(init));
    const auto answered = AnswerInit(init, responder_e);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->resp, wire["resp"]);
    const auto secured = initiator.ReadResp(answered->resp);
    ASSERT_TRUE(secured);
    EXPECT_EQ(crypto::ToHex(secured->send_key().span()),
              vector["transport_key_initiator_to_responder"]);
    EXPECT_EQ(crypto::ToHex(secured->receive_key().span()),
              vector["transport_key_responder_to_initiator"]);

    const struct {
      const SecuredHandshake& ours;
      const SecuredHandshake& theirs;
      const json& identity;
      const char* sig;
    } kSides[] = {
        {*secured, answered->secured, vector["initiator"], "sig_i2r"},
        {answered->secured, *secured, vector["responder"], "sig_r2i"},
    };
    for (const auto& side : kSides) {
      const auto proof = side.theirs.ReadSig(wire[side.sig], kNobody, nullptr, Anyone);
      ASSERT_TRUE(proof && std::holds_alternative<ProvenPeer>(*proof));
      const ProvenPeer& peer = std::get<ProvenPeer>(*proof);
      EXPECT_EQ(crypto::ToHex(peer.public_key->id().bytes), side.identity["peer_id"]);
      EXPECT_TRUE(peer.capabilities.is_original());
      if (side.identity["key_type"] != "ed25519") continue;  // not the same twice, or not ours
      const auto key = crypto::PrivateKey::FromEd25519Seed(
          crypto::Fixed<32>(crypto::Hex(side.identity["identity_seed"])));
      EXPECT_EQ(*side.ours.WriteSig(*key, Capabilities()), wire[side.sig]);
      ++signed_by_us;
    }
  }
  EXPECT_GE(signed_by_us, 12u);
}

struct Sides {
  explicit Sides(uint64_t seed) : random(seed), initiator(random, &init) {
    responder.emplace(*AnswerInit(init, random));
    secured.emplace(*initiator.ReadResp(responder->resp));
  }
  SeededRandom random;
  Bytes init;
  InitiatorHandshake initiator;
  std::optional<AnsweredInit> responder;
  std::optional<SecuredHandshake> secured;
};

TEST(Handshake, CarriesCapabilities) {
  Sides sides(1);
  const Capabilities said{.version = 3, .stripes = 16, .features = 5};
  const auto proof =
      sides.responder->secured.ReadSig(*sides.secured->WriteSig(TestKey(1), said), kNobody, nullptr, Anyone);
  ASSERT_TRUE(proof && std::holds_alternative<ProvenPeer>(*proof));
  EXPECT_EQ(std::get<ProvenPeer>(*proof).capabilities, said);
}

TEST(Handshake, ForgedRespCostsItNothing) {
  SeededRandom random(1);
  Bytes init;
  InitiatorHandshake initiator(random, &init);
  const auto answered = AnswerInit(init, random);
  for (size_t i = 4; i < kRespSize; ++i) {
    Bytes forged = answered->resp;
    forged[i] ^= 1;
    EXPECT_FALSE(initiator.ReadResp(forged)) << i;
  }
  EXPECT_FALSE(initiator.ReadResp(std::span(answered->resp).first(kRespSize - 1)));
  EXPECT_TRUE(initiator.ReadResp(answered->resp));
}

TEST(Handshake, RefusesInitsThatAreNone) {
  SeededRandom random(1);
  Bytes init;
  InitiatorHandshake initiator(random, &init);
  const auto with = [&](const char* hex) {
    Bytes datagram = init;
    for (const uint8_t byte : crypto::FromHex(hex)) datagram.push_back(byte);
    return ParseInit(datagram).has_value();
  };
  EXPECT_TRUE(with(""));
  EXPECT_TRUE(with("0700"));                // an unknown item, empty
  EXPECT_TRUE(with("0703aabbccff01dd"));    // two unknown items
  EXPECT_FALSE(with("07"));                 // no length
  EXPECT_FALSE(with("0703aabb"));           // cut short
  EXPECT_FALSE(ParseInit(std::span(init).first(35)));
  Bytes large = init;
  large.resize(kMinInitSize + kMaxInitPayloadSize + 2);
  EXPECT_FALSE(ParseInit(large));
}

// The payload is mixed into the hash: one that was changed on the way shows.
TEST(Handshake, InitPayloadIsAuthenticatedByResp) {
  SeededRandom random(1);
  Bytes init;
  InitiatorHandshake initiator(random, &init);
  init.insert(init.end(), {7, 1, 0xaa});
  const auto answered = AnswerInit(init, random);
  ASSERT_TRUE(answered);
  EXPECT_FALSE(initiator.ReadResp(answered->resp));
}

TEST(Handshake, RefusesKeysOfSmallOrder) {
  SeededRandom random(1);
  for (const uint8_t low : {0, 1}) {
    Bytes init(kMinInitSize);
    init[4] = low;
    EXPECT_TRUE(ParseInit(init));
    EXPECT_FALSE(AnswerInit(init, random)) << int{low};
  }
}

TEST(Handshake, SaysWhyASigIsNoProof) {
  Sides sides(1);
  const SecuredHandshake& theirs = sides.responder->secured;
  const auto reason = [&](const Bytes& sig, const crypto::PeerId& local = kNobody) {
    const auto proof = theirs.ReadSig(sig, local, nullptr, Anyone);
    return proof && std::holds_alternative<DropReason>(*proof)
               ? std::optional(std::get<DropReason>(*proof))
               : std::nullopt;
  };
  const auto sealed = [&](const AuthIntro& intro) {
    return SealDatagram(sides.secured->send_key(),
                        {dataplane::Direction::kInitiatorToResponder, 2},
                        SerializeAuthIntro(intro));
  };
  const crypto::PrivateKey key = TestKey(1);
  const Bytes good = *sides.secured->WriteSig(key, {});
  EXPECT_EQ(reason(good), std::nullopt);
  EXPECT_EQ(reason(good, key.id()), DropReason::kBadKey);  // our own, from a mirror
  // Who is not admitted is not verified either: that costs more than to ask.
  const auto not_admitted = [&](const Bytes& sig) {
    const auto proof = theirs.ReadSig(sig, kNobody, nullptr,
                                      [&](const crypto::PeerId& id) { return id != key.id(); });
    return std::get<DropReason>(proof.value());
  };
  EXPECT_EQ(not_admitted(good), DropReason::kUnknownPeer);
  EXPECT_EQ(not_admitted(sealed({.public_key = key.public_key().pkix_der(),
                                 .signature = Bytes(64),
                                 .capabilities = {}})),
            DropReason::kUnknownPeer);

  // A signature over another handshake.
  Sides other(2);
  const auto stolen = OpenDatagram(other.responder->secured.receive_key(),
                                   *other.secured->WriteSig(key, {}));
  ASSERT_TRUE(stolen);
  EXPECT_EQ(reason(SealDatagram(sides.secured->send_key(), HeaderOf(good), *stolen)),
            DropReason::kBadSignature);

  // An Ed25519 key of small order, under which anyone can sign.
  Bytes small_order = key.public_key().pkix_der();
  small_order.resize(small_order.size() - 32);
  small_order.resize(small_order.size() + 32);
  EXPECT_EQ(reason(sealed({small_order, Bytes(64), {}})), DropReason::kBadKey);
  EXPECT_EQ(reason(sealed({Bytes(44), Bytes(64), {}})), DropReason::kBadKey);
  EXPECT_EQ(reason(sealed({{}, {}, {}})), DropReason::kBadHandshake);
}

TEST(Handshake, SigOfAnotherHandshakeOrDirectionDoesNotOpen) {
  Sides sides(1);
  Sides other(2);
  const SecuredHandshake& theirs = sides.responder->secured;
  const auto opens = [&](const Bytes& sig) { return theirs.ReadSig(sig, kNobody, nullptr, Anyone).has_value(); };
  const Bytes good = *sides.secured->WriteSig(TestKey(1), {});
  EXPECT_TRUE(opens(good));
  EXPECT_FALSE(opens(*other.secured->WriteSig(TestKey(1), {})));
  EXPECT_FALSE(opens(*theirs.WriteSig(TestKey(1), {})));  // its own, reflected
  for (size_t size = 0; size < good.size(); size += 7) {
    if (size < 4) continue;
    EXPECT_FALSE(opens(Bytes(good.begin(), good.begin() + static_cast<long>(size)))) << size;
  }
  Bytes other_counter = good;
  other_counter[3] = 3;  // the counter is authenticated, too
  EXPECT_FALSE(opens(other_counter));
}

}  // namespace
}  // namespace noisegate::controlplane
