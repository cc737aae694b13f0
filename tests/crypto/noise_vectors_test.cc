// The cacophony vectors of the Noise community, for every pattern of ours and both hashes.
#include <optional>

#include "crypto/cipher_state.h"
#include "crypto/noise.h"
#include "tests/crypto/vectors.h"

namespace noisegate::crypto {
namespace {

struct Side {
  std::optional<X25519KeyPair> static_key;
  std::optional<X25519PublicKey> remote_static;
  Bytes prologue;
  FixedRandom random;

  Side(const nlohmann::json& vector, const std::string& prefix)
      : prologue(Hex(vector[prefix + "_prologue"])),
        random(vector.contains(prefix + "_ephemeral") ? Hex(vector[prefix + "_ephemeral"])
                                                      : Bytes()) {
    if (vector.contains(prefix + "_static")) {
      static_key =
          X25519KeyPair::FromPrivate(Secret<32>(Fixed<32>(Hex(vector[prefix + "_static"]))));
    }
    if (vector.contains(prefix + "_remote_static")) {
      std::ranges::copy(Hex(vector[prefix + "_remote_static"]), remote_static.emplace().begin());
    }
  }

  absl::StatusOr<HandshakeState> Start(std::string_view pattern, HashKind hash, NoiseRole role) {
    return HandshakeState::Create({.pattern = pattern,
                                   .hash = hash,
                                   .role = role,
                                   .prologue = prologue,
                                   .static_key = static_key ? &*static_key : nullptr,
                                   .remote_static = remote_static},
                                  random);
  }
};

void RunVector(const nlohmann::json& vector, const NoisePattern& pattern, HashKind hash) {
  Side init_side(vector, "init");
  Side resp_side(vector, "resp");
  absl::StatusOr<HandshakeState> init = init_side.Start(pattern.name, hash, NoiseRole::kInitiator);
  absl::StatusOr<HandshakeState> resp = resp_side.Start(pattern.name, hash, NoiseRole::kResponder);
  ASSERT_TRUE(init.ok()) << init.status();
  ASSERT_TRUE(resp.ok()) << resp.status();

  const nlohmann::json& messages = vector["messages"];
  size_t i = 0;
  for (; i < pattern.message_count; ++i) {
    HandshakeState& writer = i % 2 == 0 ? *init : *resp;
    HandshakeState& reader = i % 2 == 0 ? *resp : *init;
    const Bytes payload = Hex(messages[i]["payload"]);
    EXPECT_EQ(writer.NextMessageSize(payload.size()), Hex(messages[i]["ciphertext"]).size());
    const absl::StatusOr<Bytes> written = writer.WriteMessage(payload);
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(ToHex(*written), messages[i]["ciphertext"].get<std::string>()) << "message " << i;
    const absl::StatusOr<Bytes> read = reader.ReadMessage(*written);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, payload);
  }
  ASSERT_TRUE(init->finished());
  ASSERT_TRUE(resp->finished());
  EXPECT_EQ(ToHex(init->handshake_hash()), vector["handshake_hash"].get<std::string>());
  EXPECT_EQ(ToHex(resp->handshake_hash()), vector["handshake_hash"].get<std::string>());
  EXPECT_EQ(init_side.random.left(), 0u);
  EXPECT_EQ(resp_side.random.left(), 0u);

  TransportKeys sender_keys = init->Split();
  TransportKeys receiver_keys = resp->Split();
  CipherState send[2] = {CipherState(std::move(sender_keys.initiator_to_responder)),
                         CipherState(std::move(receiver_keys.responder_to_initiator))};
  CipherState receive[2] = {CipherState(std::move(receiver_keys.initiator_to_responder)),
                            CipherState(std::move(sender_keys.responder_to_initiator))};
  for (; i < messages.size(); ++i) {
    const size_t sender = pattern.one_way() ? 0 : i % 2;
    const Bytes payload = Hex(messages[i]["payload"]);
    const std::optional<Bytes> sealed = send[sender].EncryptWithAd({}, payload);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(ToHex(*sealed), messages[i]["ciphertext"].get<std::string>()) << "message " << i;
    const std::optional<Bytes> opened = receive[sender].DecryptWithAd({}, *sealed);
    ASSERT_TRUE(opened);
    EXPECT_EQ(*opened, payload);
  }
}

TEST(NoiseVectors, EveryPatternMatchesCacophony) {
  NOISEGATE_LOAD_SHARED_OR_SKIP(json, "noise/cacophony.json");
  size_t run = 0;
  for (const NoisePattern& pattern : NoisePatterns()) {
    for (HashKind hash : {HashKind::kBlake2b, HashKind::kSha256}) {
      const std::string name = "Noise_" + std::string(pattern.name) + "_25519_ChaChaPoly_" +
                               (hash == HashKind::kBlake2b ? "BLAKE2b" : "SHA256");
      SCOPED_TRACE(name);
      bool found = false;
      for (const nlohmann::json& vector : json["vectors"]) {
        if (vector["protocol_name"] != name) continue;
        found = true;
        ++run;
        RunVector(vector, pattern, hash);
      }
      EXPECT_TRUE(found) << "no vector for " << name;
    }
  }
  EXPECT_GE(run, 2 * NoisePatterns().size());
}

}  // namespace
}  // namespace noisegate::crypto
