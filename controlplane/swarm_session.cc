#include "controlplane/swarm_session.h"

#include <cassert>
#include <utility>

#include "controlplane/sealed_datagram.h"

namespace noisegate::controlplane {
using dataplane::DropReason;
using dataplane::Header;

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
  return confirmed_ && now < send_until_ && traffic_.next_counter <= dataplane::kCounterLastMessage;
}

std::vector<uint8_t> SwarmSession::Seal(TimePoint now, std::span<const uint8_t> message) {
  assert(CanSend(now));
  const uint32_t counter = traffic_.next_counter++;
  traffic_.last_tx = now;
  if (!message.empty()) traffic_.last_data_tx = now;
  return SealDatagram(send_key_, {dataplane::SendDirection(role_), counter}, message);
}

bool SwarmSession::MayHaveSent(uint16_t stripe, Header header) const {
  return stripe == path_.stripe && header.direction == dataplane::ReceiveDirection(role_);
}

std::optional<DropReason> SwarmSession::Open(TimePoint now, std::span<const uint8_t> datagram,
                                             std::vector<uint8_t>* message) {
  const uint32_t counter = HeaderOf(datagram).counter;
  if (now >= receive_until_) return DropReason::kExpiredSession;
  if (!replay_.Check(counter)) return DropReason::kReplayed;
  auto opened = OpenDatagram(receive_key_, datagram);
  if (!opened) return DropReason::kBadTag;
  if (!replay_.Accept(counter)) return DropReason::kReplayed;
  traffic_.last_rx = now;
  if (!opened->empty()) traffic_.last_data_rx = now;
  *message = *std::move(opened);
  return std::nullopt;
}

}  // namespace noisegate::controlplane
