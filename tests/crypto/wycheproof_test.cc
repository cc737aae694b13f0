// Project Wycheproof's vectors for ChaCha20-Poly1305 (every engine), X25519 and Ed25519.
#include <sodium.h>

#include "crypto/aead.h"
#include "crypto/x25519.h"
#include "tests/crypto/engines.h"
#include "tests/crypto/vectors.h"

namespace noisegate::crypto {
namespace {

// Calls run(test, group, name) for every test of the file and returns how many there were.
template <typename F>
size_t ForEachTest(const nlohmann::json& json, F&& run) {
  size_t count = 0;
  for (const nlohmann::json& group : json["testGroups"]) {
    for (const nlohmann::json& test : group["tests"]) {
      SCOPED_TRACE("tcId " + test["tcId"].dump() + " " + test["comment"].get<std::string>());
      run(test, group);
      ++count;
    }
  }
  EXPECT_EQ(count, json["numberOfTests"].get<size_t>());
  return count;
}

uint64_t LittleEndian(std::span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

class WycheproofAead : public testing::TestWithParam<EngineUnderTest> {};

TEST_P(WycheproofAead, ChaCha20Poly1305) {
  NOISEGATE_LOAD_SHARED_OR_SKIP(json, "wycheproof/chacha20_poly1305_test.json");
  const absl::StatusOr<std::unique_ptr<AeadEngine>> engine = GetParam().make();
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  size_t run = 0;
  ForEachTest(json, [&](const nlohmann::json& test, const nlohmann::json&) {
    const Bytes key = Hex(test["key"]);
    const Bytes aad = Hex(test["aad"]);
    const Bytes plaintext = Hex(test["msg"]);
    const Bytes tag = Hex(test["tag"]);
    const Bytes iv = Hex(test["iv"]);
    if (iv.size() != 12 || aad.size() > 16) return;  // what a burst's message cannot express
    ++run;
    Bytes sealed = Hex(test["ct"]);
    sealed.insert(sealed.end(), tag.begin(), tag.end());
    Bytes buffer = sealed;
    AeadMessage message{
        .key = key.data(),
        .counter = LittleEndian(std::span(iv).subspan(4)),
        .text = buffer.data(),
        .text_size = static_cast<uint32_t>(buffer.size() - kAeadTagSize),
        .aad_size = static_cast<uint8_t>(aad.size()),
        .ok = false,
        .aad = {},
        .nonce_prefix = static_cast<uint32_t>(LittleEndian(std::span(iv).first(4)))};
    std::ranges::copy(aad, message.aad.begin());
    (*engine)->Open({&message, 1});
    const bool valid = test["result"] == "valid";
    EXPECT_EQ(message.ok, valid);
    if (!valid) {
      EXPECT_EQ(buffer, sealed);
      return;
    }
    EXPECT_EQ(Bytes(buffer.begin(), buffer.end() - kAeadTagSize), plaintext);
    (*engine)->Seal({&message, 1});
    EXPECT_EQ(buffer, sealed);
  });
  EXPECT_GE(run, 270u);
}

INSTANTIATE_TEST_SUITE_P(Engines, WycheproofAead, testing::ValuesIn(EnginesUnderTest()),
                         [](const auto& info) { return info.param.name; });

TEST(Wycheproof, X25519) {
  NOISEGATE_LOAD_SHARED_OR_SKIP(json, "wycheproof/x25519_test.json");
  ForEachTest(json, [](const nlohmann::json& test, const nlohmann::json&) {
    const Bytes public_key = Hex(test["public"]);
    const Secret<32> private_key(Fixed<32>(Hex(test["private"])));
    const Bytes want = Hex(test["shared"]);
    // "acceptable" is the file's word for inputs that RFC 7748 leaves to us. Ours: a known output
    // is refused, every other is computed.
    const bool zero = std::ranges::all_of(want, [](uint8_t byte) { return byte == 0; });
    EXPECT_NE(test["result"], "invalid");
    Secret<32> shared;
    EXPECT_EQ(X25519(private_key, Fixed<32>(public_key), shared), !zero);
    EXPECT_EQ(ToHex(shared.span()), ToHex(want));
  });
}

TEST(Wycheproof, Ed25519) {
  NOISEGATE_LOAD_SHARED_OR_SKIP(json, "wycheproof/ed25519_test.json");
  ForEachTest(json, [](const nlohmann::json& test, const nlohmann::json& group) {
    const Bytes key = Hex(group["publicKey"]["pk"]);
    const Bytes message = Hex(test["msg"]);
    const Bytes signature = Hex(test["sig"]);
    // As PublicKey::VerifyDigest does it, but for messages of any size.
    const bool ok = signature.size() == crypto_sign_ed25519_BYTES &&
                    crypto_sign_ed25519_verify_detached(signature.data(), message.data(),
                                                        message.size(), key.data()) == 0;
    EXPECT_EQ(ok, test["result"] == "valid");
  });
}

}  // namespace
}  // namespace noisegate::crypto
