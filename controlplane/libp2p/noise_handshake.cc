#include "controlplane/libp2p/noise_handshake.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/status/status.h"
#include "controlplane/libp2p/protobuf.h"
#include "controlplane/libp2p/wire.pb.h"
#include "dataplane/bytes.h"

namespace noisegate::libp2p {
namespace {

constexpr std::string_view kSignaturePrefix = "noise-libp2p-static-key:";
constexpr size_t kSizePrefix = 2;  // bytes
constexpr size_t kMaxOfferedMuxers = 64;

// What an identity key signs to vouch for a static key.
std::array<uint8_t, kSignaturePrefix.size() + crypto::kX25519KeySize> SignedBytes(
    const crypto::X25519PublicKey& static_key) {
  std::array<uint8_t, kSignaturePrefix.size() + crypto::kX25519KeySize> bytes;
  std::ranges::copy(static_key, std::ranges::copy(kSignaturePrefix, bytes.begin()).out);
  return bytes;
}

std::vector<uint8_t> SerializePayload(const crypto::PublicKey& key,
                                      std::span<const uint8_t> signature,
                                      const std::vector<std::string>& muxers) {
  wire::NoisePayload payload;
  payload.set_identity_key(TextOf(EncodePublicKey(key)));
  payload.set_identity_sig(TextOf(signature));
  for (const std::string& muxer : muxers) payload.mutable_extensions()->add_stream_muxers(muxer);
  return Serialize(payload);
}

crypto::HandshakeState CreateState(const NoiseHandshakeOptions& options, crypto::Random& random) {
  absl::StatusOr<crypto::HandshakeState> state =
      crypto::HandshakeState::Create({.pattern = "XX",
                                      .hash = crypto::HashKind::kSha256,
                                      .role = options.role,
                                      .prologue = options.prologue,
                                      .static_key = &options.identity->static_key()},
                                     random);
  assert(state.ok());  // XX exists and has the static key that it needs
  return *std::move(state);
}

// The muxer that both speak: the first of the initiator's list that the responder has too.
std::optional<std::string> Agree(const std::vector<std::string>& initiator,
                                 const std::vector<std::string>& responder) {
  for (const std::string& muxer : initiator) {
    if (std::ranges::find(responder, muxer) != responder.end()) return muxer;
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(NoiseError error) {
  switch (error) {
    case NoiseError::kNone:
      return "no error";
    case NoiseError::kMessageSize:
      return "a Noise handshake message of impossible size";
    case NoiseError::kFirstMessageNotEmpty:
      return "the first Noise message has a payload, and must not";
    case NoiseError::kBadHandshakeTag:
      return "a Noise handshake message is not authentic";
    case NoiseError::kSmallOrderKey:
      return "the peer's X25519 key is of small order";
    case NoiseError::kMalformedPayload:
      return "the Noise payload is malformed, or lacks identity key or signature";
    case NoiseError::kBadIdentityKey:
      return "the peer's identity key is not acceptable";
    case NoiseError::kBadSignature:
      return "the peer's identity key did not sign its static key";
    case NoiseError::kWrongPeerId:
      return "another peer answered than was dialled";
    case NoiseError::kOwnPeerId:
      return "the peer has our own identity";
    case NoiseError::kNoCommonMuxer:
      return "the peer speaks none of our stream muxers";
    case NoiseError::kFrameTooShort:
      return "a Noise frame is too short for its tag";
    case NoiseError::kBadTag:
      return "a Noise frame is not authentic";
    case NoiseError::kNonceExhausted:
      return "the Noise channel has used up its nonces";
    case NoiseError::kTruncated:
      return "the connection ended inside the Noise handshake or inside a frame";
  }
  return "unknown error";
}

absl::StatusOr<NoiseIdentity> NoiseIdentity::Create(const crypto::PrivateKey& identity,
                                                    crypto::X25519KeyPair static_key,
                                                    std::vector<std::string> muxers) {
  const absl::StatusOr<std::vector<uint8_t>> signature =
      identity.SignMessage(SignedBytes(static_key.public_key));
  if (!signature.ok()) return signature.status();
  return FromSignature(identity.public_key(), std::move(static_key), *signature, std::move(muxers));
}

absl::StatusOr<NoiseIdentity> NoiseIdentity::FromSignature(const crypto::PublicKey& key,
                                                           crypto::X25519KeyPair static_key,
                                                           std::span<const uint8_t> signature,
                                                           std::vector<std::string> muxers) {
  if (!key.VerifyMessage(SignedBytes(static_key.public_key), signature)) {
    return absl::InvalidArgumentError("the identity's signature is not over this static key");
  }
  NoiseIdentity identity;
  identity.peer_id_ = PeerId::OfPublicKey(key);
  identity.payload_ = SerializePayload(key, signature, muxers);
  identity.static_key_ = std::move(static_key);
  identity.muxers_ = std::move(muxers);
  return identity;
}

NoiseHandshake::NoiseHandshake(const NoiseHandshakeOptions& options, crypto::Random& random)
    : identity_(options.identity),
      expected_peer_(options.expected_peer),
      noise_(CreateState(options, random)) {
  if (options.role == crypto::NoiseRole::kInitiator) SendMessage();
}

size_t NoiseHandshake::Receive(std::span<const uint8_t> bytes) {
  size_t used = 0;
  while (state_ == NoiseState::kRunning && used < bytes.size()) {
    const size_t want =
        kSizePrefix + (input_.size() < kSizePrefix ? 0 : dataplane::LoadBe16(input_.data()));
    const size_t n = std::min(want - input_.size(), bytes.size() - used);
    const auto from = bytes.begin() + static_cast<ptrdiff_t>(used);
    input_.insert(input_.end(), from, from + static_cast<ptrdiff_t>(n));
    used += n;
    if (input_.size() < want) break;
    const size_t size = dataplane::LoadBe16(input_.data());
    if (size > kMaxNoiseHandshakeMessage || size < noise_.NextMessageSize(0)) {
      Fail(NoiseError::kMessageSize);
    } else if (input_.size() == kSizePrefix + size) {
      const std::vector<uint8_t> message = std::exchange(input_, {});
      HandleMessage(std::span(message).subspan(kSizePrefix));
    }
  }
  return used;
}

void NoiseHandshake::ReceiveEnd() {
  if (state_ == NoiseState::kRunning) Fail(NoiseError::kTruncated);
}

std::vector<uint8_t> NoiseHandshake::TakeOutput() { return std::exchange(output_, {}); }

void NoiseHandshake::HandleMessage(std::span<const uint8_t> message) {
  const bool first = !noise_.remote_ephemeral().has_value();
  const bool initiator = noise_.role() == crypto::NoiseRole::kInitiator;
  const absl::StatusOr<std::vector<uint8_t>> payload = noise_.ReadMessage(message);
  if (!payload.ok()) {
    return Fail(crypto::IsSmallOrderKey(payload.status()) ? NoiseError::kSmallOrderKey
                                                          : NoiseError::kBadHandshakeTag);
  }
  if (first && !initiator) {
    if (!payload->empty()) return Fail(NoiseError::kFirstMessageNotEmpty);
  } else if (!CheckPayload(*payload)) {
    return;
  }
  if (!noise_.finished()) SendMessage();
  if (state_ == NoiseState::kRunning && noise_.finished()) state_ = NoiseState::kDone;
}

bool NoiseHandshake::CheckPayload(std::span<const uint8_t> bytes) {
  wire::NoisePayload payload;
  if (!ParseMessage(bytes, payload) || payload.identity_key().empty() ||
      payload.identity_sig().empty() ||
      payload.extensions().stream_muxers_size() > static_cast<int>(kMaxOfferedMuxers)) {
    Fail(NoiseError::kMalformedPayload);
    return false;
  }
  absl::StatusOr<crypto::PublicKey> key = DecodePublicKey(BytesOf(payload.identity_key()));
  if (!key.ok()) {
    Fail(NoiseError::kBadIdentityKey);
    return false;
  }
  if (!key->VerifyMessage(SignedBytes(*noise_.remote_static()), BytesOf(payload.identity_sig()))) {
    Fail(NoiseError::kBadSignature);
    return false;
  }
  // Only from here on is it known who this is.
  peer_id_ = PeerId::OfPublicKey(*key);
  peer_key_ = *std::move(key);
  if (expected_peer_ && *expected_peer_ != *peer_id_) {
    Fail(NoiseError::kWrongPeerId);
    return false;
  }
  if (*peer_id_ == identity_->peer_id()) {
    Fail(NoiseError::kOwnPeerId);
    return false;
  }
  const auto& offered = payload.extensions().stream_muxers();
  const std::vector<std::string> theirs(offered.begin(), offered.end());
  if (theirs.empty() || identity_->muxers().empty()) return true;
  const bool initiator = noise_.role() == crypto::NoiseRole::kInitiator;
  muxer_ = initiator ? Agree(identity_->muxers(), theirs) : Agree(theirs, identity_->muxers());
  if (!muxer_) Fail(NoiseError::kNoCommonMuxer);
  return muxer_.has_value();
}

void NoiseHandshake::SendMessage() {
  const bool first = noise_.role() == crypto::NoiseRole::kInitiator && !noise_.remote_ephemeral();
  const std::span<const uint8_t> payload =
      first ? std::span<const uint8_t>() : std::span<const uint8_t>(identity_->payload());
  const absl::StatusOr<std::vector<uint8_t>> message = noise_.WriteMessage(payload);
  // Writing computes a DH with the peer's key, which is the one thing that can go wrong.
  if (!message.ok()) return Fail(NoiseError::kSmallOrderKey);
  std::array<uint8_t, kSizePrefix> size;
  dataplane::StoreBe16(size.data(), static_cast<uint16_t>(message->size()));
  output_.insert(output_.end(), size.begin(), size.end());
  output_.insert(output_.end(), message->begin(), message->end());
}

void NoiseHandshake::Fail(NoiseError error) {
  state_ = NoiseState::kFailed;
  error_ = error;
  input_.clear();
  output_.clear();
}

NoiseSession NoiseHandshake::Finish() {
  assert(state_ == NoiseState::kDone);
  crypto::TransportKeys keys = noise_.Split();
  const bool initiator = noise_.role() == crypto::NoiseRole::kInitiator;
  const std::span<const uint8_t> hash = noise_.handshake_hash();
  return {
      .peer_id = *peer_id_,
      .peer_key = *std::move(peer_key_),
      .muxer = std::move(muxer_),
      .send_key = std::move(initiator ? keys.initiator_to_responder : keys.responder_to_initiator),
      .receive_key =
          std::move(initiator ? keys.responder_to_initiator : keys.initiator_to_responder),
      .handshake_hash = {hash.begin(), hash.end()}};
}

}  // namespace noisegate::libp2p
