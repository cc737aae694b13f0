#include "controlplane/swarm_session.h"

#include <cassert>
#include <cstring>
#include <utility>

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::Header;

constexpr uint32_t kRenewFromCounter = dataplane::kCounterLastMessage - (1u << 24);

// The header as sent carries the direction; the associated data is the counter alone.
crypto::AeadMessage Message(const crypto::Secret<32>& key, uint32_t counter,
                            std::span<uint8_t> datagram) {
  crypto::AeadMessage message{};
  message.key = key.data();
  message.counter = counter;
  message.text = datagram.data() + dataplane::kHeaderSize;
  message.text_size = static_cast<uint32_t>(datagram.size() - dataplane::kOverhead);
  message.aad_size = dataplane::kHeaderSize;
  dataplane::StoreBe32(message.aad.data(), counter);
  return message;
}

}  // namespace

SwarmSession::SwarmSession(SessionUp up)
    : id_(up.id),
      path_(up.path),
      peer_(up.peer),
      public_key_(std::move(up.public_key)),
      role_(up.role),
      send_key_(std::move(up.send_key)),
      receive_key_(std::move(up.receive_key)),
      send_until_(up.send_until),
      receive_until_(up.receive_until),
      confirmed_(up.confirmed) {
  traffic_.next_counter = dataplane::kCounterFirstMessage;
}

bool SwarmSession::CanSend(TimePoint now) const {
  return confirmed_ && now < send_until_ &&
         traffic_.next_counter <= dataplane::kCounterLastMessage;
}

bool SwarmSession::nearly_spent() const { return traffic_.next_counter >= kRenewFromCounter; }

void SwarmSession::Seal(crypto::AeadEngine& engine, TimePoint now,
                        std::span<const uint8_t> message, std::vector<uint8_t>* datagram) {
  assert(CanSend(now));
  const uint32_t counter = traffic_.next_counter++;
  datagram->resize(message.size() + dataplane::kOverhead);
  dataplane::StoreBe32(datagram->data(),
                       dataplane::EncodeHeader({dataplane::SendDirection(role_), counter}));
  if (!message.empty()) {
    std::memcpy(datagram->data() + dataplane::kHeaderSize, message.data(), message.size());
  }
  crypto::AeadMessage sealed = Message(send_key_, counter, *datagram);
  engine.Seal({&sealed, 1});
  traffic_.last_tx = now;
  if (!message.empty()) traffic_.last_data_tx = now;
}

bool SwarmSession::MayHaveSent(uint16_t stripe, Header header) const {
  return stripe == path_.stripe && header.direction == dataplane::ReceiveDirection(role_);
}

std::optional<DropReason> SwarmSession::Open(crypto::AeadEngine& engine, TimePoint now,
                                             std::span<uint8_t> datagram,
                                             std::span<const uint8_t>* message) {
  assert(datagram.size() >= dataplane::kOverhead);
  const uint32_t counter = dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data())).counter;
  if (now >= receive_until_) return DropReason::kExpiredSession;
  if (!replay_.Check(counter)) return DropReason::kReplayed;
  crypto::AeadMessage opened = Message(receive_key_, counter, datagram);
  engine.Open({&opened, 1});
  if (!opened.ok) return DropReason::kBadTag;
  if (!replay_.Accept(counter)) return DropReason::kReplayed;
  *message = {opened.text, opened.text_size};
  traffic_.last_rx = now;
  if (!message->empty()) traffic_.last_data_rx = now;
  return std::nullopt;
}

}  // namespace noisegate::controlplane
