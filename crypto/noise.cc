#include "crypto/noise.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "crypto/aead.h"

namespace noisegate::crypto {
namespace {

constexpr char kSmallOrderKey[] = "noisegate/small-order-key";  // a status payload

std::string ProtocolName(const NoisePattern& pattern, HashKind hash) {
  const char* const hash_name = hash == HashKind::kBlake2b ? "BLAKE2b" : "SHA256";
  return absl::StrCat("Noise_", std::string(pattern.name), "_25519_ChaChaPoly_", hash_name);
}

// Does a message that this role writes carry its static key?
bool Sends(const NoisePattern& pattern, NoiseRole role, NoiseToken wanted) {
  for (size_t i = role == NoiseRole::kInitiator ? 0 : 1; i < pattern.message_count; i += 2) {
    for (NoiseToken token : pattern.messages[i]) {
      if (token == wanted) return true;
    }
  }
  return false;
}

}  // namespace

bool IsSmallOrderKey(const absl::Status& status) {
  return status.GetPayload(kSmallOrderKey).has_value();
}

HandshakeState::Keys HandshakeState::Keys::Clone() const {
  Keys copy{symmetric.Clone(), std::nullopt, remote_ephemeral, remote_static};
  if (ephemeral) copy.ephemeral = ephemeral->Clone();
  return copy;
}

HandshakeState::HandshakeState(const NoisePattern* pattern, NoiseRole role, Random* random,
                               Keys keys)
    : pattern_(pattern), role_(role), random_(random), keys_(std::move(keys)) {}

absl::StatusOr<HandshakeState> HandshakeState::Create(const HandshakeOptions& options,
                                                      Random& random) {
  const NoisePattern* const pattern = FindNoisePattern(options.pattern);
  if (pattern == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no Noise pattern is called \"", std::string(options.pattern), "\""));
  }
  const bool is_initiator = options.role == NoiseRole::kInitiator;
  const bool local_known =
      is_initiator ? pattern->initiator_static_known : pattern->responder_static_known;
  const bool remote_known =
      is_initiator ? pattern->responder_static_known : pattern->initiator_static_known;
  const bool needs_static = local_known || Sends(*pattern, options.role, NoiseToken::kS);
  if (needs_static && options.static_key == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("pattern ", std::string(pattern->name), " needs a static key of our own"));
  }
  if (remote_known && !options.remote_static) {
    return absl::InvalidArgumentError(
        absl::StrCat("pattern ", std::string(pattern->name), " needs the peer's static key"));
  }

  HandshakeState state(pattern, options.role, &random,
                       Keys{SymmetricState(options.hash, ProtocolName(*pattern, options.hash)),
                            std::nullopt, std::nullopt, std::nullopt});
  if (needs_static) state.static_key_ = options.static_key->Clone();
  if (remote_known) state.keys_.remote_static = options.remote_static;
  state.keys_.symmetric.MixHash(options.prologue);
  state.MixPreMessages();
  return state;
}

void HandshakeState::MixPreMessages() {
  const bool is_initiator = role_ == NoiseRole::kInitiator;
  const auto mix = [this](bool ours) {
    keys_.symmetric.MixHash(ours ? static_key_->public_key : *keys_.remote_static);
  };
  if (pattern_->initiator_static_known) mix(is_initiator);
  if (pattern_->responder_static_known) mix(!is_initiator);
}

bool HandshakeState::my_turn() const {
  const NoiseRole writer = next_message_ % 2 == 0 ? NoiseRole::kInitiator : NoiseRole::kResponder;
  return !finished() && writer == role_;
}

size_t HandshakeState::NextMessageSize(size_t payload_size) const {
  if (finished()) return 0;
  size_t size = payload_size;
  bool has_key = keys_.symmetric.has_key();
  for (NoiseToken token : pattern_->messages[next_message_]) {
    switch (token) {
      case NoiseToken::kNone:
        break;
      case NoiseToken::kE:
        size += kX25519KeySize;
        break;
      case NoiseToken::kS:
        size += kX25519KeySize + (has_key ? kAeadTagSize : 0);
        break;
      default:
        has_key = true;
    }
  }
  return size + (has_key ? kAeadTagSize : 0);
}

absl::StatusOr<std::vector<uint8_t>> HandshakeState::WriteMessage(
    std::span<const uint8_t> payload) {
  if (!my_turn()) return absl::FailedPreconditionError("not our turn in the Noise handshake");
  if (payload.size() > kMaxNoiseMessageSize ||
      NextMessageSize(payload.size()) > kMaxNoiseMessageSize) {
    return absl::InvalidArgumentError("Noise message too long");
  }
  Keys keys = keys_.Clone();
  std::vector<uint8_t> message;
  message.reserve(NextMessageSize(payload.size()));
  for (NoiseToken token : pattern_->messages[next_message_]) {
    if (absl::Status status = WriteToken(token, keys, message); !status.ok()) return status;
  }
  const std::optional<std::vector<uint8_t>> sealed = keys.symmetric.EncryptAndHash(payload);
  if (!sealed) return absl::InternalError("Noise nonces are used up");
  message.insert(message.end(), sealed->begin(), sealed->end());
  keys_ = std::move(keys);
  ++next_message_;
  return message;
}

absl::StatusOr<std::vector<uint8_t>> HandshakeState::ReadMessage(std::span<const uint8_t> message) {
  if (finished() || my_turn()) {
    return absl::FailedPreconditionError("not the peer's turn in the Noise handshake");
  }
  // One look at the size here spares every token one of its own.
  if (message.size() > kMaxNoiseMessageSize || message.size() < NextMessageSize(0)) {
    return absl::InvalidArgumentError("Noise message of impossible size");
  }
  Keys keys = keys_.Clone();
  std::span<const uint8_t> rest = message;
  for (NoiseToken token : pattern_->messages[next_message_]) {
    if (absl::Status status = ReadToken(token, keys, rest); !status.ok()) return status;
  }
  std::optional<std::vector<uint8_t>> payload = keys.symmetric.DecryptAndHash(rest);
  if (!payload) return absl::InvalidArgumentError("Noise message is not authentic");
  keys_ = std::move(keys);
  ++next_message_;
  return *std::move(payload);
}

absl::Status HandshakeState::WriteToken(NoiseToken token, Keys& keys,
                                        std::vector<uint8_t>& message) const {
  switch (token) {
    case NoiseToken::kNone:
      return absl::OkStatus();
    case NoiseToken::kE: {
      keys.ephemeral = X25519KeyPair::Generate(*random_);
      const X25519PublicKey& e = keys.ephemeral->public_key;
      message.insert(message.end(), e.begin(), e.end());
      keys.symmetric.MixHash(e);
      return absl::OkStatus();
    }
    case NoiseToken::kS: {
      const std::optional<std::vector<uint8_t>> sealed =
          keys.symmetric.EncryptAndHash(static_key_->public_key);
      if (!sealed) return absl::InternalError("Noise nonces are used up");
      message.insert(message.end(), sealed->begin(), sealed->end());
      return absl::OkStatus();
    }
    default:
      return MixDh(token, keys);
  }
}

absl::Status HandshakeState::ReadToken(NoiseToken token, Keys& keys,
                                       std::span<const uint8_t>& rest) const {
  switch (token) {
    case NoiseToken::kNone:
      return absl::OkStatus();
    case NoiseToken::kE: {
      X25519PublicKey& re = keys.remote_ephemeral.emplace();
      std::copy_n(rest.begin(), re.size(), re.begin());
      rest = rest.subspan(re.size());
      keys.symmetric.MixHash(re);
      return absl::OkStatus();
    }
    case NoiseToken::kS: {
      const size_t size = kX25519KeySize + (keys.symmetric.has_key() ? kAeadTagSize : 0);
      const std::optional<std::vector<uint8_t>> rs =
          keys.symmetric.DecryptAndHash(rest.first(size));
      if (!rs) return absl::InvalidArgumentError("Noise static key is not authentic");
      rest = rest.subspan(size);
      std::copy_n(rs->begin(), kX25519KeySize, keys.remote_static.emplace().begin());
      return absl::OkStatus();
    }
    default:
      return MixDh(token, keys);
  }
}

absl::Status HandshakeState::MixDh(NoiseToken token, Keys& keys) const {
  const bool is_initiator = role_ == NoiseRole::kInitiator;
  // The first letter is the initiator's key, the second the responder's.
  const bool ours_is_static =
      token == NoiseToken::kSs || token == (is_initiator ? NoiseToken::kSe : NoiseToken::kEs);
  const bool theirs_is_static =
      token == NoiseToken::kSs || token == (is_initiator ? NoiseToken::kEs : NoiseToken::kSe);
  const std::optional<X25519KeyPair>& ours = ours_is_static ? static_key_ : keys.ephemeral;
  const std::optional<X25519PublicKey>& theirs =
      theirs_is_static ? keys.remote_static : keys.remote_ephemeral;
  assert(ours && theirs);  // every valid pattern sends a key before it uses it

  Secret<kX25519KeySize> shared;
  if (!X25519(ours->private_key, *theirs, shared)) {
    absl::Status status = absl::InvalidArgumentError("the peer's X25519 key is of small order");
    status.SetPayload(kSmallOrderKey, absl::Cord());
    return status;
  }
  keys.symmetric.MixKey(shared.span());
  return absl::OkStatus();
}

TransportKeys HandshakeState::Split() const {
  assert(finished());
  return keys_.symmetric.Split();
}

}  // namespace noisegate::crypto
