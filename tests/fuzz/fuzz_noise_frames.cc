// Noise frames from a hostile peer. The input is a list of actions: good frames of any size,
// damage, bytes as they are, and how all that is cut. Only what was sealed comes out, in order,
// until the first damage.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "controlplane/libp2p/noise_channel.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "crypto/x25519.h"

namespace {

using namespace noisegate;
using libp2p::NoiseError;

void Require(bool condition) {
  if (!condition) std::abort();
}

class ZeroRandom final : public crypto::Random {
 public:
  void Fill(std::span<uint8_t> out) override { std::ranges::fill(out, uint8_t{0x42}); }
};

crypto::Secret<32> Key() {
  crypto::Secret<32> key;
  key.data()[0] = 1;
  return key;
}

// A handshake with the same bytes, both roles: it may only fail.
void Handshake(std::span<const uint8_t> bytes) {
  static const libp2p::NoiseIdentity* const identity = [] {
    ZeroRandom random;
    std::array<uint8_t, 32> seed{7};
    return new libp2p::NoiseIdentity(
        libp2p::NoiseIdentity::Create(crypto::PrivateKey::FromEd25519Seed(seed).value(),
                                      crypto::X25519KeyPair::Generate(random))
            .value());
  }();
  for (const crypto::NoiseRole role :
       {crypto::NoiseRole::kInitiator, crypto::NoiseRole::kResponder}) {
    ZeroRandom random;
    libp2p::NoiseHandshake handshake({.role = role, .identity = identity}, random);
    Require(handshake.Receive(bytes) <= bytes.size());
    Require(handshake.state() != libp2p::NoiseState::kDone);
  }
}

struct Input {
  std::vector<uint8_t> wire;
  std::vector<uint8_t> text;  // what may come out at most
};

Input Build(std::span<const uint8_t> actions, crypto::AeadEngine& engine) {
  Input input;
  libp2p::NoiseSealer sealer(Key(), engine);
  while (actions.size() >= 3) {
    const uint8_t action = actions[0];
    const size_t value = size_t{actions[1]} << 8 | actions[2];
    actions = actions.subspan(3);
    switch (action % 4) {
      case 0:
      case 1: {  // a good frame
        const std::vector<uint8_t> text(action % 4 == 0 ? value % 300 : value, action);
        Require(sealer.SealInto(text, input.wire) == NoiseError::kNone);
        input.text.insert(input.text.end(), text.begin(), text.end());
        break;
      }
      case 2:  // damage
        if (!input.wire.empty()) input.wire[value % input.wire.size()] ^= action | 1;
        break;
      case 3: {  // bytes as they are
        const size_t n = std::min<size_t>(value % 64, actions.size());
        input.wire.insert(input.wire.end(), actions.begin(),
                          actions.begin() + static_cast<long>(n));
        actions = actions.subspan(n);
      }
    }
    if (input.wire.size() > 400'000) break;
  }
  return input;
}

std::vector<uint8_t> Open(const Input& input, size_t piece, crypto::AeadEngine& engine,
                          NoiseError& error) {
  libp2p::NoiseOpener opener(Key(), engine);
  std::vector<uint8_t> out;
  for (size_t at = 0; at < input.wire.size() && error == NoiseError::kNone;) {
    const std::span<uint8_t> room = opener.Prepare();
    Require(!room.empty());
    const size_t n = std::min({room.size(), piece, input.wire.size() - at});
    std::copy_n(input.wire.begin() + static_cast<long>(at), n, room.begin());
    opener.Commit(n);
    at += n;
    const libp2p::NoiseOpened opened = opener.Open();
    error = opened.error;
    for (const auto text : opened.texts) out.insert(out.end(), text.begin(), text.end());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const std::unique_ptr<crypto::AeadEngine> engine =
      crypto::MakeAeadEngine(crypto::AeadEngineKind::kSodium).value();
  const std::span<const uint8_t> bytes(data, size);
  Handshake(bytes);
  const Input input = Build(bytes.subspan(1), *engine);
  NoiseError error = NoiseError::kNone, error_at_once = NoiseError::kNone;
  const std::vector<uint8_t> out = Open(input, 1 + data[0] * 97u, *engine, error);
  Require(out.size() <= input.text.size());
  Require(std::equal(out.begin(), out.end(), input.text.begin()));
  Require(Open(input, input.wire.size(), *engine, error_at_once) == out);
  Require(error == error_at_once);
  return 0;
}
