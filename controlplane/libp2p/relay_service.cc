#include "controlplane/libp2p/relay_service.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <utility>

#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/signed_envelope.h"

namespace noisegate::libp2p {
namespace {

// The longest wait of a shaped circuit before it looks again.
constexpr std::chrono::milliseconds kNap{100};

RelayRequester RequesterOf(const Connection& connection) {
  const ConnectionInfo& info = connection.info();
  return {info.peer, info.address, info.id, info.relayed};
}

std::vector<uint8_t> HopStatus(CircuitStatus status, std::optional<CircuitLimit> limit = {},
                               std::optional<CircuitReservation> reservation = {}) {
  HopMessage message;
  message.type = HopType::kStatus;
  message.status = status;
  message.limit = limit;
  message.reservation = std::move(reservation);
  return WithLengthPrefix(SerializeHop(message));
}

std::vector<uint8_t> StopConnect(const PeerId& source, const CircuitLimit& limit) {
  StopMessage message;
  message.type = StopType::kConnect;
  message.peer.emplace().id = source;
  message.limit = limit;
  return WithLengthPrefix(SerializeStop(message));
}

}  // namespace

// Both directions of one circuit; ended when neither needs it any longer.
struct RelayService::Circuit {
  RelayPolicy* policy;
  CircuitId id;
  std::shared_ptr<Stream> source, destination;
  uint64_t bytes = 0;  // limit in each direction; 0: none
  std::optional<TimeLimit> duration;

  ~Circuit() { policy->EndCircuit(id, Now()); }
  void Reset() {
    source->Reset();
    destination->Reset();
  }
};

RelayService::RelayService(Host& host, const std::optional<RelayOptions>& options)
    : host_(host), enabled_(options.has_value()), policy_(options.value_or(RelayOptions())) {
  host_.AddProtocol(
      std::string(kHopProtocol),
      [this](std::shared_ptr<Stream> stream) { return ServeHop(std::move(stream)); },
      [this](const Connection&) { return enabled_; });
  host_.KeepWhile([this](const Connection& connection) {
    return policy_.HoldsReservation(connection.info().id);
  });
  host_.OnClosed([this](const Connection& connection) {
    policy_.Disconnected(connection.info().id);
  });
}

void RelayService::SetOptions(const std::optional<RelayOptions>& options) {
  enabled_ = options.has_value();
  policy_.SetOptions(options.value_or(RelayOptions()));
  if (!enabled_) policy_.DropReservations();
}

CircuitLimit RelayService::Limit() const {
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(policy_.options().circuit_duration).count();
  return {.duration = static_cast<uint32_t>(seconds), .data = policy_.options().circuit_bytes};
}

Task<void> RelayService::Answer(Stream& stream, CircuitStatus status) {
  const std::vector<uint8_t> message = HopStatus(status);
  const absl::Status sent = co_await stream.Write(message);
  if (sent.ok()) stream.CloseWrite();
}

Task<void> RelayService::ServeHop(std::shared_ptr<Stream> stream) {
  stream->SetTimeLimit(host_.options().handshake_timeout);
  const PeerId peer = stream->connection().info().peer;
  const auto body = co_await stream->ReadMessage(kMaxCircuitMessage);
  if (stream->gone()) co_return;
  const auto message = body.ok() ? ParseHop(*body) : absl::StatusOr<HopMessage>(body.status());
  if (!message.ok()) {
    policy_.CountRefusal(peer, RelayOutcome::kMalformed);
    co_await Answer(*stream, CircuitStatus::kMalformedMessage);
  } else if (message->type == HopType::kReserve) {
    co_await Reserve(stream);
  } else if (message->type == HopType::kConnect) {
    co_await Connect(stream, message->peer->id);
    co_return;
  } else {
    policy_.CountRefusal(peer, RelayOutcome::kUnexpected);
    co_await Answer(*stream, CircuitStatus::kUnexpectedMessage);
  }
  co_await stream->WaitEnd();
}

Task<void> RelayService::Reserve(std::shared_ptr<Stream> stream) {
  const RelayRequester requester = RequesterOf(stream->connection());
  const RelayGrant grant = policy_.Reserve(requester, Now());
  if (!grant.ok()) {
    co_await Answer(*stream, TextOf(grant.outcome).reserve_status);
    co_return;
  }
  const auto expires = std::chrono::system_clock::now() + grant.life;
  CircuitReservation reservation;
  reservation.expire = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(expires.time_since_epoch()).count());
  for (const Multiaddr& address : host_.PublicAddresses()) {
    if (!address.Has(AddressProtocol::kP2pCircuit)) {
      reservation.addresses.push_back(address.WithPeer(host_.peer_id()));
    }
  }
  const ReservationVoucher claim{host_.peer_id(), requester.peer, reservation.expire};
  const auto voucher = SealVoucher(host_.key(), claim);
  if (voucher.ok()) reservation.voucher = *voucher;
  const std::vector<uint8_t> message =
      HopStatus(CircuitStatus::kOk, Limit(), std::move(reservation));
  const absl::Status sent = co_await stream->Write(message);
  if (sent.ok()) stream->CloseWrite();
}

Task<void> RelayService::Connect(std::shared_ptr<Stream> source, PeerId wanted) {
  const RelayRequester requester = RequesterOf(source->connection());
  const RelayGrant grant = policy_.Connect(requester, wanted, Now());
  if (!grant.ok()) {
    co_await Answer(*source, TextOf(grant.outcome).connect_status);
    co_await source->WaitEnd();
    co_return;
  }
  auto circuit = std::make_shared<Circuit>();
  circuit->policy = &policy_;
  circuit->id = grant.circuit;
  circuit->bytes = policy_.options().circuit_bytes;
  circuit->source = source;
  const auto connection = host_.FindConnection(grant.destination);
  absl::StatusOr<std::shared_ptr<Stream>> destination =
      absl::UnavailableError("the wanted peer has gone");
  if (connection != nullptr) {
    // Longer than the wanted peer has, so that the source is told what became of it.
    source->SetTimeLimit(3 * host_.options().handshake_timeout);
    destination = co_await AskDestination(*connection, requester.peer);
  }
  if (!destination.ok()) {
    policy_.FailCircuit(grant.circuit, Now());
    co_await Answer(*source, CircuitStatus::kConnectionFailed);
    co_await source->WaitEnd();
    co_return;
  }
  circuit->destination = *std::move(destination);
  const std::vector<uint8_t> ok = HopStatus(CircuitStatus::kOk, Limit());
  const absl::Status sent = co_await source->Write(ok);
  if (!sent.ok()) co_return;
  source->ClearTimeLimit();
  circuit->destination->ClearTimeLimit();
  if (const auto limit = policy_.options().circuit_duration; limit.count() > 0) {
    circuit->duration.emplace(host_.executor(), limit, [weak = std::weak_ptr(circuit)] {
      if (const auto late = weak.lock()) late->Reset();
    });
  }
  asio::co_spawn(host_.executor(), Splice(circuit, RelayWay::kToSource), asio::detached);
  co_await Splice(std::move(circuit), RelayWay::kToDestination);
}

Task<absl::StatusOr<std::shared_ptr<Stream>>> RelayService::AskDestination(
    Connection& destination, PeerId source) {
  auto stream = co_await destination.OpenStream(kStopProtocol);
  if (!stream.ok()) co_return stream.status();
  (*stream)->SetTimeLimit(host_.options().handshake_timeout);
  const std::vector<uint8_t> request = StopConnect(source, Limit());
  const absl::Status sent = co_await (*stream)->Write(request);
  if (!sent.ok()) co_return sent;
  const auto body = co_await (*stream)->ReadMessage(kMaxCircuitMessage);
  if (!body.ok()) co_return body.status();
  const auto answer = ParseStop(*body);
  if (!answer.ok()) co_return answer.status();
  if (answer->type != StopType::kStatus || answer->status != CircuitStatus::kOk) {
    co_return absl::PermissionDeniedError("the wanted peer refused");
  }
  co_return stream;
}

// One direction: what arrives on one stream goes out on the other, until it ends or a limit cuts.
Task<void> RelayService::Splice(std::shared_ptr<Circuit> circuit, RelayWay way) {
  const bool forward = way == RelayWay::kToDestination;
  Stream& from = forward ? *circuit->source : *circuit->destination;
  Stream& to = forward ? *circuit->destination : *circuit->source;
  uint64_t left = circuit->bytes == 0 ? UINT64_MAX : circuit->bytes;
  for (;;) {
    const bool some = co_await from.WaitReadable();
    if (!some) break;
    if (left == 0) {
      circuit->Reset();
      co_return;
    }
    const uint64_t allowed = policy_.Allowance(circuit->id, Now());
    if (allowed == 0) {
      // In naps, so that a circuit that ends meanwhile is noticed.
      co_await SleepUntil(host_.executor(),
                          std::min(policy_.NextAllowance(circuit->id, Now()), Now() + kNap));
      if (to.gone()) break;
      continue;
    }
    const size_t moved = from.MoveTo(to, std::min(left, allowed));
    if (moved > 0) {
      policy_.Count(circuit->id, way, moved, Now());
      if (circuit->bytes != 0) left -= moved;
      continue;
    }
    const bool room = co_await to.WaitWritable();
    if (!room) break;
  }
  if (from.finished() && !to.gone()) {
    to.CloseWrite();
  } else {
    circuit->Reset();
  }
}

}  // namespace noisegate::libp2p
