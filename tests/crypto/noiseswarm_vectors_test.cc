// Vectors recorded from the original implementation: every value of every handshake, and a packet
// capture.
#include <sodium.h>

#include <functional>
#include <map>

#include "crypto/aead.h"
#include "crypto/channel_binding.h"
#include "crypto/key.h"
#include "crypto/noise.h"
#include "crypto/peer_id.h"
#include "crypto/shake.h"
#include "tests/crypto/engines.h"
#include "tests/crypto/vectors.h"

namespace noisegate::crypto {

// Looks where users must not.
class SymmetricStateTestPeer {
 public:
  static std::string ChainingKey(const SymmetricState& state) {
    return ToHex(state.chaining_key());
  }
  static std::string CipherKey(const SymmetricState& state) {
    return ToHex(state.cipher_.key_.span());
  }
};

namespace {

using Peer = SymmetricStateTestPeer;

class NoiseSwarmHandshakes : public testing::Test {
 protected:
  void ForEach(const std::function<void(const nlohmann::json&)>& run) {
    const nlohmann::json json = LoadJson(NoiseSwarmPath("handshakes.json"));
    ASSERT_GE(json["handshakes"].size(), 9u);
    for (const nlohmann::json& handshake : json["handshakes"]) {
      SCOPED_TRACE(handshake["name"].get<std::string>());
      run(handshake);
    }
  }
};

Bytes Body(const nlohmann::json& handshake, const std::string& name) {
  for (const nlohmann::json& message : handshake["messages"]) {
    if (message["name"] == name) return Hex(message["body"]);
  }
  ADD_FAILURE() << "no message " << name;
  return {};
}

absl::StatusOr<HandshakeState> StartNn(NoiseRole role, Random& random) {
  return HandshakeState::Create({.pattern = "NN", .hash = HashKind::kBlake2b, .role = role},
                                random);
}

absl::StatusOr<PrivateKey> IdentityOf(const nlohmann::json& side) {
  if (side.contains("identity_pkcs8_der")) {
    return PrivateKey::FromPkcs8Der(Hex(side["identity_pkcs8_der"]));
  }
  return PrivateKey::FromEd25519Seed(Fixed<32>(Hex(side["identity_seed"])));
}

TEST_F(NoiseSwarmHandshakes, SymmetricStateTakesEveryStep) {
  ForEach([](const nlohmann::json& hs) {
    const nlohmann::json& steps = hs["symmetric_state_steps"];
    SymmetricState state(HashKind::kBlake2b, hs["noise_name"].get<std::string>());
    EXPECT_EQ(Peer::ChainingKey(state), steps["ck_initial"].get<std::string>());
    state.MixHash(Hex(hs["prologue"]));
    EXPECT_EQ(ToHex(state.handshake_hash()), steps["h_after_prologue"].get<std::string>());
    state.MixHash(Hex(hs["initiator"]["ephemeral_public"]));
    ASSERT_TRUE(state.EncryptAndHash({}));
    EXPECT_EQ(Peer::ChainingKey(state), steps["ck_after_init"].get<std::string>());
    EXPECT_EQ(ToHex(state.handshake_hash()), steps["h_after_init"].get<std::string>());

    const X25519KeyPair e = X25519KeyPair::FromPrivate(
        Secret<32>(Fixed<32>(Hex(hs["responder"]["ephemeral_private"]))));
    EXPECT_EQ(ToHex(e.public_key), hs["responder"]["ephemeral_public"].get<std::string>());
    Secret<32> shared;
    ASSERT_TRUE(X25519(e.private_key, Fixed<32>(Hex(hs["initiator"]["ephemeral_public"])), shared));
    EXPECT_EQ(ToHex(shared.span()), hs["dh_ee"].get<std::string>());

    state.MixHash(e.public_key);
    state.MixKey(shared.span());
    EXPECT_EQ(Peer::CipherKey(state), steps["k_of_resp_payload"].get<std::string>());
    ASSERT_TRUE(state.EncryptAndHash({}));
    EXPECT_EQ(Peer::ChainingKey(state), hs["chaining_key_final"].get<std::string>());
    EXPECT_EQ(ToHex(state.handshake_hash()), hs["channel_binding"].get<std::string>());
  });
}

TEST_F(NoiseSwarmHandshakes, BothSidesMakeTheRecordedMessagesAndKeys) {
  ForEach([](const nlohmann::json& hs) {
    FixedRandom init_random(Hex(hs["initiator"]["ephemeral_private"]));
    FixedRandom resp_random(Hex(hs["responder"]["ephemeral_private"]));
    absl::StatusOr<HandshakeState> init = StartNn(NoiseRole::kInitiator, init_random);
    absl::StatusOr<HandshakeState> resp = StartNn(NoiseRole::kResponder, resp_random);
    ASSERT_TRUE(init.ok() && resp.ok());

    EXPECT_EQ(init->WriteMessage({}).value(), Body(hs, "init"));
    ASSERT_TRUE(resp->ReadMessage(Body(hs, "init")).ok());
    EXPECT_EQ(resp->WriteMessage({}).value(), Body(hs, "resp"));
    ASSERT_TRUE(init->ReadMessage(Body(hs, "resp")).ok());

    for (const HandshakeState* side : {&*init, &*resp}) {
      ASSERT_TRUE(side->finished());
      EXPECT_EQ(ToHex(side->handshake_hash()), hs["channel_binding"].get<std::string>());
      EXPECT_EQ(ToHex(ChannelDigest(side->handshake_hash().first<64>())),
                hs["sig_digest_cshake256"].get<std::string>());
      const TransportKeys keys = side->Split();
      EXPECT_EQ(ToHex(keys.initiator_to_responder.span()),
                hs["transport_key_initiator_to_responder"].get<std::string>());
      EXPECT_EQ(ToHex(keys.responder_to_initiator.span()),
                hs["transport_key_responder_to_initiator"].get<std::string>());
    }
  });
}

TEST_F(NoiseSwarmHandshakes, IdentitiesSignAndVerifyTheChannelDigest) {
  ForEach([](const nlohmann::json& hs) {
    const Bytes digest = Hex(hs["sig_digest_cshake256"]);
    for (const char* role : {"initiator", "responder"}) {
      SCOPED_TRACE(role);
      const nlohmann::json& side = hs[role];
      const absl::StatusOr<PrivateKey> key = IdentityOf(side);
      ASSERT_TRUE(key.ok()) << key.status();
      EXPECT_EQ(ToHex(key->public_key().pkix_der()), side["public_key_pkix"].get<std::string>());
      EXPECT_EQ(ToHex(key->id().bytes), side["peer_id"].get<std::string>());
      EXPECT_EQ(key->id().ToString(), side["peer_id_text"].get<std::string>());

      const absl::StatusOr<PublicKey> public_key =
          PublicKey::FromPkixDer(Hex(side["public_key_pkix"]));
      ASSERT_TRUE(public_key.ok()) << public_key.status();
      Bytes recorded = Hex(side["signature"]);
      EXPECT_TRUE(public_key->VerifyDigest(Fixed<64>(digest), recorded));
      const absl::StatusOr<Bytes> ours = key->SignDigest(Fixed<64>(digest));
      ASSERT_TRUE(ours.ok());
      EXPECT_TRUE(public_key->VerifyDigest(Fixed<64>(digest), *ours));
      if (key->type() != KeyType::kP256) {  // ECDSA is not deterministic
        EXPECT_EQ(*ours, recorded);
      }
      recorded.back() ^= 1;
      EXPECT_FALSE(public_key->VerifyDigest(Fixed<64>(digest), recorded));
    }
  });
}

TEST_F(NoiseSwarmHandshakes, EveryEngineSealsAndOpensTheMessages) {
  for (const EngineUnderTest& under_test : EnginesUnderTest()) {
    const absl::StatusOr<std::unique_ptr<AeadEngine>> engine = under_test.make();
    if (!engine.ok()) continue;  // the same absence is a visible skip in aead_test.cc
    ForEach([&](const nlohmann::json& hs) {
      size_t run = 0;
      for (const nlohmann::json& message : hs["messages"]) {
        if (!message.contains("nonce")) continue;  // init, resp and the bare NACK
        ++run;
        const bool from_initiator = message["direction_bit"] == 0;
        const Bytes key = Hex(from_initiator ? hs["transport_key_initiator_to_responder"]
                                             : hs["transport_key_responder_to_initiator"]);
        const Bytes plaintext = Hex(message["plaintext"]);
        const Bytes ad = Hex(message["ad"]);
        Bytes buffer = plaintext;
        buffer.resize(plaintext.size() + kAeadTagSize);
        AeadMessage aead{.key = key.data(),
                         .counter = message["counter"].get<uint64_t>(),
                         .text = buffer.data(),
                         .text_size = static_cast<uint32_t>(plaintext.size()),
                         .aad_size = static_cast<uint8_t>(ad.size()),
                         .ok = false,
                         .aad = {}};
        std::ranges::copy(ad, aead.aad.begin());
        (*engine)->Seal({&aead, 1});
        EXPECT_EQ(ToHex(buffer), message["body"].get<std::string>()) << message["name"];
        (*engine)->Open({&aead, 1});
        EXPECT_TRUE(aead.ok);
        buffer.resize(plaintext.size());
        EXPECT_EQ(buffer, plaintext);
      }
      EXPECT_GE(run, 10u);
    });
  }
}

TEST(NoiseSwarmVectors, CShake256) {
  const nlohmann::json json = LoadJson(NoiseSwarmPath("cshake256_digest.json"));
  ASSERT_GE(json["vectors"].size(), 20u);
  for (const nlohmann::json& vector : json["vectors"]) {
    const std::string want = vector["digest"].get<std::string>();
    Bytes digest(want.size() / 2);
    CShake256(vector["s"].get<std::string>(), Hex(vector["data"]), digest);
    EXPECT_EQ(ToHex(digest), want) << vector["s"];
  }
}

TEST(NoiseSwarmVectors, PeerIds) {
  const nlohmann::json json = LoadJson(NoiseSwarmPath("peer_id.json"));
  ASSERT_GE(json["vectors"].size(), 20u);
  std::map<std::string, int> kinds;
  for (const nlohmann::json& vector : json["vectors"]) {
    const std::string kind = vector["key_type"].get<std::string>();
    SCOPED_TRACE(kind);
    const Bytes der = Hex(vector["public_key_pkix"]);
    const PeerId id = PeerId::OfPkixDer(der);
    EXPECT_EQ(ToHex(id.bytes), vector["peer_id"].get<std::string>());
    EXPECT_EQ(id.ToString(), vector["peer_id_text"].get<std::string>());
    EXPECT_EQ(PeerId::Parse(vector["peer_id_text"].get<std::string>()).value(), id);

    const bool accepted = kind == "ed25519" || kind == "ecdsa-p256" || kind.starts_with("rsa-");
    const absl::StatusOr<PublicKey> key = PublicKey::FromPkixDer(der);
    EXPECT_EQ(key.ok(), accepted) << key.status();
    if (key.ok()) {
      EXPECT_EQ(key->id(), id);
    }
    ++kinds[kind];
  }
  for (const char* kind : {"ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096"}) {
    EXPECT_GT(kinds[kind], 0) << kind;
  }
}

// Stricter than the original: of all its texts for one id we take the canonical one.
TEST(NoiseSwarmVectors, PeerIdTextIsParsedStrictly) {
  const nlohmann::json json = LoadJson(NoiseSwarmPath("peer_id.json"));
  size_t accepted = 0;
  for (const nlohmann::json& vector : json["text_parsing"]) {
    const std::string text = vector["text"].get<std::string>();
    const absl::StatusOr<PeerId> id = PeerId::Parse(text);
    EXPECT_EQ(id.ok(), vector["remark"] == "canonical") << vector["remark"];
    if (!id.ok()) continue;
    ++accepted;
    EXPECT_EQ(ToHex(id->bytes), vector["peer_id"].get<std::string>());
    EXPECT_EQ(id->ToString(), text);
  }
  EXPECT_EQ(accepted, 1u);
}

// One UDP datagram of a capture.
struct Datagram {
  uint16_t source_port;
  uint32_t header;
  Bytes body;
};

uint16_t Be16(std::span<const uint8_t> p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
uint32_t Be32(std::span<const uint8_t> p) {
  return static_cast<uint32_t>(Be16(p)) << 16 | Be16(p.subspan(2));
}
uint32_t Le32(std::span<const uint8_t> p) {
  return static_cast<uint32_t>(p[0] | p[1] << 8 | p[2] << 16) | static_cast<uint32_t>(p[3]) << 24;
}

// A little-endian pcap of Ethernet, IPv4 and UDP.
std::vector<Datagram> ParsePcap(std::span<const uint8_t> file) {
  std::vector<Datagram> datagrams;
  EXPECT_EQ(Le32(file), 0xa1b2c3d4u);
  EXPECT_EQ(Le32(file.subspan(20)), 1u) << "link type is not Ethernet";
  for (std::span<const uint8_t> rest = file.subspan(24); !rest.empty();) {
    const size_t size = Le32(rest.subspan(8));
    EXPECT_EQ(size, Le32(rest.subspan(12))) << "packet was cut";
    const std::span<const uint8_t> ip = rest.subspan(16, size).subspan(14);
    const size_t ip_header = (ip[0] & 15) * 4u;
    EXPECT_EQ(ip[9], 17) << "not UDP";
    const std::span<const uint8_t> udp = ip.subspan(ip_header, Be16(ip.subspan(2)) - ip_header);
    const std::span<const uint8_t> payload = udp.subspan(8);
    datagrams.push_back({Be16(udp), Be32(payload), Bytes(payload.begin() + 4, payload.end())});
    rest = rest.subspan(16 + size);
  }
  return datagrams;
}

constexpr uint32_t kDirectionBit = 0x80000000;
constexpr uint32_t kCloseCounter = 0x7fffffff;

TEST(NoiseSwarmCapture, DecryptsWholeFromTheEphemeralKeys) {
  const nlohmann::json about = LoadJson(NoiseSwarmPath("handshake_echo_fixed.json"));
  const std::optional<Bytes> file = ReadFile(NoiseSwarmPath(about["pcap"].get<std::string>()));
  ASSERT_TRUE(file);
  const std::vector<Datagram> datagrams = ParsePcap(*file);

  FixedRandom init_random(Hex(about["initiator"]["ephemeral_private"]));
  FixedRandom resp_random(Hex(about["responder"]["ephemeral_private"]));
  absl::StatusOr<HandshakeState> init = StartNn(NoiseRole::kInitiator, init_random);
  absl::StatusOr<HandshakeState> resp = StartNn(NoiseRole::kResponder, resp_random);
  ASSERT_TRUE(init.ok() && resp.ok());
  ASSERT_GE(datagrams.size(), 4u);
  EXPECT_EQ(datagrams[0].header, 0u);
  EXPECT_EQ(init->WriteMessage({}).value(), datagrams[0].body);
  ASSERT_TRUE(resp->ReadMessage(datagrams[0].body).ok());
  EXPECT_EQ(datagrams[1].header, kDirectionBit | 1);
  EXPECT_EQ(resp->WriteMessage({}).value(), datagrams[1].body);
  ASSERT_TRUE(init->ReadMessage(datagrams[1].body).ok());
  const TransportKeys keys = init->Split();
  const ChannelDigestBytes digest = ChannelDigest(init->handshake_hash().first<64>());

  std::map<uint32_t, uint64_t> next_message;  // by direction
  size_t signatures = 0;
  size_t closes = 0;
  for (size_t d = 2; d < datagrams.size(); ++d) {
    const auto& [port, header, body] = datagrams[d];
    const uint32_t direction = header & kDirectionBit;
    const uint32_t counter = header & ~kDirectionBit;
    EXPECT_EQ(port, direction == 0 ? 47111 : 47112);
    if (counter == kCloseCounter) {
      EXPECT_TRUE(body.empty());
      ++closes;
      continue;
    }
    const Bytes ad = {static_cast<uint8_t>(counter >> 24), static_cast<uint8_t>(counter >> 16),
                      static_cast<uint8_t>(counter >> 8), static_cast<uint8_t>(counter)};
    ASSERT_GE(body.size(), kAeadTagSize);
    Bytes plaintext(body.size() - kAeadTagSize);
    const Secret<32>& key =
        direction == 0 ? keys.initiator_to_responder : keys.responder_to_initiator;
    ASSERT_TRUE(OpenOne(key.span(), counter, ad, body, plaintext)) << "datagram " << d;

    if (counter < 4) {
      const nlohmann::json& side = about[direction == 0 ? "initiator" : "responder"];
      const PrivateKey identity =
          PrivateKey::FromEd25519Seed(Fixed<32>(Hex(side["identity_seed"]))).value();
      EXPECT_EQ(identity.id().ToString(), side["peer_id_text"].get<std::string>());
      // AuthIntro of an Ed25519 key: 0a 2c ‖ DER ‖ 12 40 ‖ signature.
      Bytes want = {0x0a, 0x2c};
      const Bytes& der = identity.public_key().pkix_der();
      want.insert(want.end(), der.begin(), der.end());
      want.insert(want.end(), {0x12, 0x40});
      const Bytes signature = identity.SignDigest(digest).value();
      want.insert(want.end(), signature.begin(), signature.end());
      EXPECT_EQ(ToHex(plaintext), ToHex(want));
      ++signatures;
      continue;
    }
    const uint64_t i = next_message[direction]++;
    Bytes want(200);
    for (size_t j = 0; j < 8; ++j) want[j] = static_cast<uint8_t>(i >> (56 - 8 * j));
    for (size_t j = 8; j < want.size(); ++j) want[j] = static_cast<uint8_t>(i + j);
    EXPECT_EQ(plaintext, want) << "message " << i << " of direction " << (direction >> 31);
  }
  EXPECT_EQ(signatures, 2u);
  EXPECT_GT(next_message[0], 0u);
  EXPECT_EQ(next_message[0], next_message[kDirectionBit]);
  EXPECT_EQ(2 + signatures + closes + 2 * next_message[0], datagrams.size());
}

}  // namespace
}  // namespace noisegate::crypto
