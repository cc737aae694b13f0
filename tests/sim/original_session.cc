#include "tests/sim/original_session.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "controlplane/auth_intro.h"
#include "crypto/channel_binding.h"

namespace noisegate::sim {

using dataplane::kHeaderSize;
using dataplane::Role;

namespace {

constexpr uint32_t kReplayWindow = 8128;  // counters

crypto::HandshakeState NoiseNn(Role role, crypto::Random& random) {
  auto noise = crypto::HandshakeState::Create(
      {.pattern = "NN",
       .hash = crypto::HashKind::kBlake2b,
       .role = role == Role::kInitiator ? crypto::NoiseRole::kInitiator
                                        : crypto::NoiseRole::kResponder},
      random);
  assert(noise.ok());
  return *std::move(noise);
}

std::vector<uint8_t> WithHeader(Role role, uint32_t counter, std::span<const uint8_t> body) {
  std::vector<uint8_t> datagram(kHeaderSize + body.size());
  dataplane::StoreBe32(datagram.data(),
                       dataplane::EncodeHeader({dataplane::SendDirection(role), counter}));
  std::copy(body.begin(), body.end(), datagram.begin() + kHeaderSize);
  return datagram;
}

std::array<uint8_t, 12> NonceOf(uint32_t counter) {
  std::array<uint8_t, 12> nonce{};
  for (int i = 0; i < 4; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
  return nonce;
}

bool IsLowOrder(std::span<const uint8_t> point) {
  static constexpr std::array<uint8_t, 32> kScalar = {8};
  std::array<uint8_t, 32> shared;
  return crypto_scalarmult(shared.data(), kScalar.data(), point.data()) != 0;
}

}  // namespace

OriginalSession::OriginalSession(TimePoint now, Role role, const crypto::PrivateKey& key,
                                 crypto::Random& random)
    : role_(role),
      key_(key),
      created_(now),
      last_receive_(now),
      state_(role == Role::kInitiator ? State::kAwaitResp : State::kAwaitInit),
      noise_(NoiseNn(role, random)) {}

std::vector<uint8_t> OriginalSession::StartHandshake() {
  started_ = true;
  auto message = noise_.WriteMessage({});
  assert(message.ok());
  return WithHeader(role_, dataplane::kCounterInit, *message);
}

OriginalSession::Upward OriginalSession::HandleUpward(TimePoint now,
                                                      std::span<const uint8_t> datagram) {
  const dataplane::Header header =
      dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data()));
  assert(header.direction == dataplane::ReceiveDirection(role_));
  const std::span<const uint8_t> body = datagram.subspan(kHeaderSize);
  last_receive_ = now;
  switch (state_) {
    case State::kAwaitInit:
      if (header.counter != dataplane::kCounterInit) {
        return End("awaiting init but got non-init " + std::to_string(header.counter), true);
      }
      return HandleInit(body);
    case State::kAwaitResp:
      if (header.counter != dataplane::kCounterResp) {
        return {.sends = {},
                .message = std::nullopt,
                .error = "awaiting resp but got non-resp " + std::to_string(header.counter)};
      }
      return HandleResp(body);
    case State::kAwaitSig:
      return HandleSig(header.counter, body);
    case State::kReady:
      return HandleReady(header.counter, body);
    case State::kEnd:
      break;
  }
  Upward result{.sends = {}, .message = std::nullopt, .error = end_error_};
  if (header.counter != dataplane::kCounterClose) result.sends.push_back(Nack());
  return result;
}

OriginalSession::Upward OriginalSession::End(const std::string& error, bool nack) {
  state_ = State::kEnd;
  end_error_ = error;
  Upward result{.sends = {}, .message = std::nullopt, .error = error};
  if (nack) result.sends.push_back(Nack());
  return result;
}

OriginalSession::Upward OriginalSession::HandleInit(std::span<const uint8_t> body) {
  if (body.size() < 32) return End("noise errored: noise: message is too short", true);
  if (IsLowOrder(body.first(32))) {
    return End("noise errored: bad input point: low order point", true);
  }
  const auto payload = noise_.ReadMessage(body);
  const auto resp = noise_.WriteMessage({});
  assert(payload.ok() && resp.ok());
  TakeKeys();
  state_ = State::kAwaitSig;
  return {.sends = {WithHeader(role_, dataplane::kCounterResp, *resp), Sig()},
          .message = std::nullopt,
          .error = ""};
}

OriginalSession::Upward OriginalSession::HandleResp(std::span<const uint8_t> body) {
  if (!started_) {
    return End("noise errored: noise: unexpected call to ReadMessage should be WriteMessage", false);
  }
  if (body.size() < 48) return End("noise errored: noise: message is too short", false);
  if (IsLowOrder(body.first(32))) {
    return End("noise errored: bad input point: low order point", false);
  }
  if (!noise_.ReadMessage(body).ok()) {
    return End("noise errored: chacha20poly1305: message authentication failed", false);
  }
  TakeKeys();
  state_ = State::kAwaitSig;
  return {.sends = {Sig()}, .message = std::nullopt, .error = ""};
}

OriginalSession::Upward OriginalSession::HandleSig(uint32_t counter,
                                                   std::span<const uint8_t> body) {
  if (counter != dataplane::kCounterSigInitiator && counter != dataplane::kCounterSigResponder) {
    return End("awaiting sig, but got non-sig", true);
  }
  const auto plaintext = Open(counter, body);
  if (!plaintext) {
    return End("could not decrypt intro: chacha20poly1305: message authentication failed", true);
  }
  const auto intro = controlplane::ParseAuthIntro(*plaintext);
  if (!intro) return End("intro was invalid", true);
  const auto key = crypto::PublicKey::FromPkixDer(intro->public_key);
  const auto digest = crypto::ChannelDigest(noise_.handshake_hash().first<64>());
  if (!key.ok() || !key->VerifyDigest(digest, intro->signature)) {
    return End("intro was invalid", true);
  }
  remote_id_ = key->id();
  state_ = State::kReady;
  return {};
}

OriginalSession::Upward OriginalSession::HandleReady(uint32_t counter,
                                                     std::span<const uint8_t> body) {
  if (counter < dataplane::kCounterFirstMessage) {
    return End("handshake recieved in ready state", false);
  }
  if (counter == dataplane::kCounterClose) return End("session has expired", false);
  const std::string number = "message " + std::to_string(counter) + ": ";
  auto message = Open(counter, body);
  if (!message) {
    return {.sends = {Nack()},
            .message = std::nullopt,
            .error = number + "count not decrypt message"};
  }
  if (!AcceptCounter(counter)) {
    return {.sends = {}, .message = std::nullopt, .error = number + "replayed counter"};
  }
  Upward result;
  if (!message->empty()) result.message = std::move(message);
  return result;
}

bool OriginalSession::AcceptCounter(uint32_t counter) {
  if (!received_.empty()) {
    const uint32_t last = *received_.rbegin();
    if (counter < last && last - counter > kReplayWindow) return false;
    while (last > kReplayWindow && *received_.begin() < last - kReplayWindow) {
      received_.erase(received_.begin());
    }
  }
  return received_.insert(counter).second;
}

void OriginalSession::TakeKeys() {
  crypto::TransportKeys keys = noise_.Split();
  const bool initiator = role_ == Role::kInitiator;
  send_key_ = std::move(initiator ? keys.initiator_to_responder : keys.responder_to_initiator);
  receive_key_ = std::move(initiator ? keys.responder_to_initiator : keys.initiator_to_responder);
}

std::vector<uint8_t> OriginalSession::Sig() {
  const auto signature =
      key_.SignDigest(crypto::ChannelDigest(noise_.handshake_hash().first<64>()));
  assert(signature.ok());
  const uint32_t counter = role_ == Role::kInitiator ? dataplane::kCounterSigInitiator
                                                     : dataplane::kCounterSigResponder;
  return Seal(counter, controlplane::SerializeAuthIntro(
                           {key_.public_key().pkix_der(), *signature, /*capabilities=*/{}}));
}

std::vector<uint8_t> OriginalSession::Downward(std::span<const uint8_t> message) {
  assert(ready());
  return Seal(next_counter_++, message);
}

std::vector<uint8_t> OriginalSession::Seal(uint32_t counter,
                                           std::span<const uint8_t> plaintext) const {
  std::vector<uint8_t> body(plaintext.size() + crypto_aead_chacha20poly1305_ietf_ABYTES);
  uint8_t aad[4];
  dataplane::StoreBe32(aad, counter);
  crypto_aead_chacha20poly1305_ietf_encrypt(body.data(), nullptr, plaintext.data(),
                                            plaintext.size(), aad, sizeof aad, nullptr,
                                            NonceOf(counter).data(), send_key_.data());
  return WithHeader(role_, counter, body);
}

std::optional<std::vector<uint8_t>> OriginalSession::Open(uint32_t counter,
                                                          std::span<const uint8_t> body) const {
  if (body.size() < crypto_aead_chacha20poly1305_ietf_ABYTES) return std::nullopt;
  std::vector<uint8_t> plaintext(body.size() - crypto_aead_chacha20poly1305_ietf_ABYTES);
  uint8_t aad[4];
  dataplane::StoreBe32(aad, counter);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plaintext.data(), nullptr, nullptr, body.data(),
                                                body.size(), aad, sizeof aad,
                                                NonceOf(counter).data(), receive_key_.data()) != 0) {
    return std::nullopt;
  }
  return plaintext;
}

std::vector<uint8_t> OriginalSession::Nack() const {
  return WithHeader(role_, dataplane::kCounterClose, {});
}

}  // namespace noisegate::sim
