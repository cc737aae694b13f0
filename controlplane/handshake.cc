#include "controlplane/handshake.h"

#include <algorithm>
#include <cassert>

#include "controlplane/sealed_datagram.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Direction;
using dataplane::DropReason;
using dataplane::Header;
using dataplane::kHeaderSize;
using dataplane::Role;

constexpr size_t kTlvHeaderSize = 2;  // bytes: type, length

crypto::HandshakeState NoiseNn(crypto::NoiseRole role, crypto::Random& random) {
  auto noise = crypto::HandshakeState::Create(
      {.pattern = "NN", .hash = crypto::HashKind::kBlake2b, .role = role}, random);
  assert(noise.ok());  // NN needs no keys that could be missing
  return *std::move(noise);
}

std::vector<uint8_t> WithHeader(Header header, std::span<const uint8_t> body) {
  std::vector<uint8_t> datagram = BareDatagram(header);
  datagram.insert(datagram.end(), body.begin(), body.end());
  return datagram;
}

// The items themselves mean nothing to us yet; that they are items keeps the room for them clean.
bool IsTlvList(std::span<const uint8_t> payload) {
  while (!payload.empty()) {
    if (payload.size() < kTlvHeaderSize) return false;
    const size_t size = kTlvHeaderSize + payload[1];
    if (payload.size() < size) return false;
    payload = payload.subspan(size);
  }
  return true;
}

}  // namespace

InitiatorHandshake::InitiatorHandshake(crypto::Random& random, std::vector<uint8_t>* init)
    : noise_(NoiseNn(crypto::NoiseRole::kInitiator, random)) {
  // e
  auto message = noise_.WriteMessage({});
  assert(message.ok());
  *init = WithHeader({Direction::kInitiatorToResponder, dataplane::kCounterInit}, *message);
}

std::optional<SecuredHandshake> InitiatorHandshake::ReadResp(std::span<const uint8_t> datagram) {
  if (datagram.size() != kRespSize) return std::nullopt;
  // e, ee
  const auto payload = noise_.ReadMessage(datagram.subspan(kHeaderSize));
  if (!payload.ok()) return std::nullopt;
  return SecuredHandshake(noise_, Role::kInitiator);
}

std::optional<crypto::X25519PublicKey> ParseInit(std::span<const uint8_t> datagram) {
  if (datagram.size() < kMinInitSize) return std::nullopt;
  const std::span<const uint8_t> payload = datagram.subspan(kMinInitSize);
  if (payload.size() > kMaxInitPayloadSize || !IsTlvList(payload)) return std::nullopt;
  crypto::X25519PublicKey e;
  std::copy_n(datagram.begin() + kHeaderSize, e.size(), e.begin());
  return e;
}

std::optional<AnsweredInit> AnswerInit(std::span<const uint8_t> datagram, crypto::Random& random) {
  crypto::HandshakeState noise = NoiseNn(crypto::NoiseRole::kResponder, random);
  // e
  if (!noise.ReadMessage(datagram.subspan(kHeaderSize)).ok()) return std::nullopt;
  // e, ee
  const auto message = noise.WriteMessage({});
  if (!message.ok()) return std::nullopt;
  return AnsweredInit{
      .initiator_ephemeral = *noise.remote_ephemeral(),
      .resp = WithHeader({Direction::kResponderToInitiator, dataplane::kCounterResp}, *message),
      .secured = SecuredHandshake(noise, Role::kResponder)};
}

SecuredHandshake::SecuredHandshake(const crypto::HandshakeState& noise, Role role)
    : SecuredHandshake(noise.Split(), role, noise.handshake_hash()) {}

SecuredHandshake::SecuredHandshake(crypto::TransportKeys keys, Role role,
                                   std::span<const uint8_t> handshake_hash)
    : role_(role),
      send_key_(std::move(role == Role::kInitiator ? keys.initiator_to_responder
                                                   : keys.responder_to_initiator)),
      receive_key_(std::move(role == Role::kInitiator ? keys.responder_to_initiator
                                                      : keys.initiator_to_responder)),
      digest_(crypto::ChannelDigest(handshake_hash.first<64>())) {}

absl::StatusOr<std::vector<uint8_t>> SecuredHandshake::WriteSig(
    const crypto::PrivateKey& identity, const Capabilities& capabilities) const {
  auto signature = identity.SignDigest(digest_);
  if (!signature.ok()) return signature.status();
  const AuthIntro intro{.public_key = identity.public_key().pkix_der(),
                        .signature = *std::move(signature),
                        .capabilities = capabilities};
  const uint32_t counter = role_ == Role::kInitiator ? dataplane::kCounterSigInitiator
                                                     : dataplane::kCounterSigResponder;
  return SealDatagram(send_key_, {dataplane::SendDirection(role_), counter},
                      SerializeAuthIntro(intro));
}

std::optional<Proof> SecuredHandshake::ReadSig(
    std::span<const uint8_t> datagram, const crypto::PeerId& local,
    const std::shared_ptr<const crypto::PublicKey>& known,
    absl::FunctionRef<bool(const crypto::PeerId&)> admits) const {
  if (datagram.size() > kMaxSigSize) return std::nullopt;
  const auto plaintext = OpenDatagram(receive_key_, datagram);
  if (!plaintext) return std::nullopt;
  const std::optional<AuthIntro> intro = ParseAuthIntro(*plaintext);
  if (!intro) return DropReason::kBadHandshake;

  ProvenPeer peer{.public_key = known, .capabilities = intro->capabilities};
  if (known == nullptr || known->pkix_der() != intro->public_key) {
    auto key = crypto::PublicKey::FromPkixDer(intro->public_key);
    if (!key.ok()) return DropReason::kBadKey;
    peer.public_key = std::make_shared<const crypto::PublicKey>(*std::move(key));
  }
  // Our own key can only come from a mirror.
  if (peer.public_key->id() == local) return DropReason::kBadKey;
  if (!admits(peer.public_key->id())) return DropReason::kUnknownPeer;
  if (!peer.public_key->VerifyDigest(digest_, intro->signature)) return DropReason::kBadSignature;
  return peer;
}

}  // namespace noisegate::controlplane
