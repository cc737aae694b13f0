#include "controlplane/libp2p/circuit_messages.h"

#include <limits>

#include "absl/status/status.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/protobuf.h"
#include "controlplane/libp2p/wire.pb.h"

namespace noisegate::libp2p {
namespace {

void WritePeer(const CircuitPeer& peer, wire::Peer& message) {
  message.set_id(TextOf(peer.id.bytes()));
  for (const Multiaddr& address : peer.addresses) message.add_addrs(TextOf(address.ToBytes()));
}

void WriteReservation(const CircuitReservation& reservation, wire::Reservation& message) {
  message.set_expire(reservation.expire);
  for (const Multiaddr& address : reservation.addresses) {
    message.add_addrs(TextOf(address.ToBytes()));
  }
  if (!reservation.voucher.empty()) message.set_voucher(TextOf(reservation.voucher));
}

void WriteLimit(const CircuitLimit& limit, wire::Limit& message) {
  if (limit.duration != 0) message.set_duration(limit.duration);
  if (limit.data != 0) message.set_data(limit.data);
}

// The parts that hop and stop messages share.
template <typename Wire, typename Message>
void WriteCommon(const Message& message, Wire& wire) {
  wire.set_type(static_cast<int>(message.type));
  if (message.peer) WritePeer(*message.peer, *wire.mutable_peer());
  if (message.limit) WriteLimit(*message.limit, *wire.mutable_limit());
  if (message.status) wire.set_status(static_cast<int>(*message.status));
}

template <typename Wire, typename Message>
absl::Status ReadCommon(const Wire& wire, Message& message) {
  if (wire.has_peer()) {
    const absl::StatusOr<PeerId> id = PeerId::FromBytes(BytesOf(wire.peer().id()));
    if (!id.ok()) return id.status();
    message.peer = {.id = *id,
                    .addresses = ReadAddresses(wire.peer().addrs(), kMaxCircuitAddresses)};
  }
  if (wire.has_limit()) {
    message.limit = {.duration = wire.limit().duration(), .data = wire.limit().data()};
  }
  if (wire.has_status()) {
    if (wire.status() < 0 || wire.status() > std::numeric_limits<uint16_t>::max()) {
      return absl::InvalidArgumentError("a circuit message with an impossible status");
    }
    message.status = static_cast<CircuitStatus>(wire.status());
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view ToString(CircuitStatus status) {
  switch (status) {
    case CircuitStatus::kOk:
      return "OK";
    case CircuitStatus::kReservationRefused:
      return "RESERVATION_REFUSED";
    case CircuitStatus::kResourceLimitExceeded:
      return "RESOURCE_LIMIT_EXCEEDED";
    case CircuitStatus::kPermissionDenied:
      return "PERMISSION_DENIED";
    case CircuitStatus::kConnectionFailed:
      return "CONNECTION_FAILED";
    case CircuitStatus::kNoReservation:
      return "NO_RESERVATION";
    case CircuitStatus::kMalformedMessage:
      return "MALFORMED_MESSAGE";
    case CircuitStatus::kUnexpectedMessage:
      return "UNEXPECTED_MESSAGE";
  }
  return "UNKNOWN";
}

std::vector<uint8_t> SerializeHop(const HopMessage& message) {
  wire::HopMessage wire;
  WriteCommon(message, wire);
  if (message.reservation) WriteReservation(*message.reservation, *wire.mutable_reservation());
  return Serialize(wire);
}

std::vector<uint8_t> SerializeStop(const StopMessage& message) {
  wire::StopMessage wire;
  WriteCommon(message, wire);
  return Serialize(wire);
}

absl::StatusOr<HopMessage> ParseHop(std::span<const uint8_t> body) {
  wire::HopMessage wire;
  if (body.size() > kMaxCircuitMessage || !ParseMessage(body, wire) || !wire.has_type() ||
      wire.type() < 0 || wire.type() > static_cast<int>(HopType::kStatus)) {
    return absl::InvalidArgumentError("not a hop message");
  }
  HopMessage message{.type = static_cast<HopType>(wire.type())};
  if (absl::Status status = ReadCommon(wire, message); !status.ok()) return status;
  if (wire.has_reservation()) {
    const wire::Reservation& reservation = wire.reservation();
    message.reservation = {.expire = reservation.expire(),
                           .addresses = ReadAddresses(reservation.addrs(), kMaxCircuitAddresses),
                           .voucher = CopyOf(reservation.voucher())};
  }
  if (message.type == HopType::kConnect && !message.peer) {
    return absl::InvalidArgumentError("a hop CONNECT that names no peer");
  }
  if (message.type == HopType::kStatus && !message.status) {
    return absl::InvalidArgumentError("a hop STATUS without status");
  }
  return message;
}

absl::StatusOr<StopMessage> ParseStop(std::span<const uint8_t> body) {
  wire::StopMessage wire;
  if (body.size() > kMaxCircuitMessage || !ParseMessage(body, wire) || !wire.has_type() ||
      wire.type() < 0 || wire.type() > static_cast<int>(StopType::kStatus)) {
    return absl::InvalidArgumentError("not a stop message");
  }
  StopMessage message{.type = static_cast<StopType>(wire.type())};
  if (absl::Status status = ReadCommon(wire, message); !status.ok()) return status;
  if (message.type == StopType::kConnect && !message.peer) {
    return absl::InvalidArgumentError("a stop CONNECT that names no peer");
  }
  if (message.type == StopType::kStatus && !message.status) {
    return absl::InvalidArgumentError("a stop STATUS without status");
  }
  return message;
}

}  // namespace noisegate::libp2p
