#include "controlplane/libp2p/relay_client.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/signed_envelope.h"

namespace noisegate::libp2p {
namespace {

constexpr std::chrono::seconds kAnswerTimeout{10};
// A reservation is renewed no later than this, whatever the relay says that it lasts.
constexpr std::chrono::seconds kMaxRenewal = std::chrono::hours(12);

// A stream through a relay, as the pipe under a connection.
class StreamTransport final : public Transport {
 public:
  explicit StreamTransport(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~StreamTransport() override { stream_->Reset(); }

  Task<IoResult> ReadSome(std::span<uint8_t> out) override {
    const auto size = co_await stream_->Read(out);
    if (!size.ok()) co_return IoResult{.size = 0, .status = size.status()};
    co_return IoResult{.size = *size, .status = absl::OkStatus()};
  }
  Task<IoResult> WriteSome(std::span<const uint8_t> bytes, const Buffer* lender) override {
    return stream_->WriteSome(bytes, lender);
  }
  void Close() override {
    // In order where our side ended already: the bytes before it must arrive.
    if (!ended_) stream_->Reset();
  }
  void CloseWrite() override {
    ended_ = true;
    stream_->CloseWrite();
    // The other side should end too, and what waits for that must not wait forever.
    stream_->SetTimeLimit(kAnswerTimeout);
  }

 private:
  const std::shared_ptr<Stream> stream_;
  bool ended_ = false;
};

absl::Status RefusalOf(std::optional<CircuitStatus> status) {
  const CircuitStatus code = status.value_or(CircuitStatus::kMalformedMessage);
  const std::string text = absl::StrCat("the relay refused: ", std::string(ToString(code)), " (",
                                        static_cast<int>(code), ")");
  switch (code) {
    case CircuitStatus::kPermissionDenied:
      return absl::PermissionDeniedError(text);
    case CircuitStatus::kReservationRefused:
    case CircuitStatus::kResourceLimitExceeded:
      return absl::ResourceExhaustedError(text);
    case CircuitStatus::kNoReservation:
      return absl::NotFoundError(text);
    default:
      return absl::UnavailableError(text);
  }
}

HopMessage HopConnect(const PeerId& target) {
  HopMessage message;
  message.type = HopType::kConnect;
  message.peer.emplace().id = target;
  return message;
}

std::vector<uint8_t> StopStatus(CircuitStatus status) {
  StopMessage message;
  message.type = StopType::kStatus;
  message.status = status;
  return WithLengthPrefix(SerializeStop(message));
}

// One question and its answer on a hop stream, which stays open.
Task<absl::StatusOr<HopMessage>> AskHop(std::shared_ptr<Stream> stream, HopMessage request) {
  stream->SetTimeLimit(kAnswerTimeout);
  const std::vector<uint8_t> question = WithLengthPrefix(SerializeHop(request));
  const absl::Status sent = co_await stream->Write(question);
  if (!sent.ok()) co_return sent;
  const auto body = co_await stream->ReadMessage(kMaxCircuitMessage);
  if (!body.ok()) co_return body.status();
  auto answer = ParseHop(*body);
  if (!answer.ok()) co_return answer.status();
  if (answer->type != HopType::kStatus || answer->status != CircuitStatus::kOk) {
    co_return RefusalOf(answer->status);
  }
  stream->ClearTimeLimit();
  co_return answer;
}

}  // namespace

RelayClient::RelayClient(Host& host) : host_(host) {
  host_.AddProtocol(
      std::string(kStopProtocol),
      [this](std::shared_ptr<Stream> stream) { return ServeStop(std::move(stream)); },
      [this](const Connection& connection) {
        return std::any_of(relays_.begin(), relays_.end(), [&](const auto& relay) {
          return relay.lock().get() == &connection;
        });
      });
  host_.SetCircuitDialler([this](CircuitAddress circuit, DialObserver observer) {
    return Dial(std::move(circuit), std::move(observer));
  });
}

Task<absl::StatusOr<RelayReservation>> RelayClient::Reserve(Multiaddr relay) {
  if (!relay.last_peer()) {
    co_return absl::InvalidArgumentError(
        absl::StrCat(relay.ToString(), " does not say who the relay is: /p2p/ID is missing"));
  }
  auto connection = co_await host_.Dial(relay);
  if (!connection.ok()) co_return connection.status();
  // First, as the answer and somebody's call may come in one segment.
  relays_.push_back(*connection);
  auto reservation = co_await Ask(*connection, std::move(relay));
  if (!reservation.ok()) Forget(connection->get());
  co_return reservation;
}

// Also those that are gone.
void RelayClient::Forget(const Connection* connection) {
  std::erase_if(relays_, [&](const std::weak_ptr<Connection>& relay) {
    const auto known = relay.lock();
    return known == nullptr || known->closed() || known.get() == connection;
  });
}

void RelayClient::Announce(const PeerId& relay, std::vector<Multiaddr> addresses) {
  announced_[relay] = std::move(addresses);
  std::vector<Multiaddr> all;
  for (const auto& [peer, places] : announced_) all.insert(all.end(), places.begin(), places.end());
  host_.AnnounceAlso(std::move(all));
}

Task<absl::StatusOr<RelayReservation>> RelayClient::Ask(std::shared_ptr<Connection> relay,
                                                        Multiaddr address) {
  const auto stream = co_await relay->OpenStream(kHopProtocol);
  if (!stream.ok()) co_return stream.status();
  const auto answer = co_await AskHop(*stream, HopMessage());  // RESERVE
  if (!answer.ok()) co_return answer.status();
  (*stream)->CloseWrite();
  if (!answer->reservation) {
    co_return absl::InvalidArgumentError("the relay's answer has no reservation in it");
  }
  RelayReservation reservation;
  reservation.relay = relay;
  reservation.expire = answer->reservation->expire;
  reservation.limit = answer->limit;
  const auto voucher = OpenVoucher(answer->reservation->voucher);
  reservation.has_voucher = voucher.ok() && voucher->peer == host_.peer_id() &&
                            voucher->relay == relay->info().peer;
  std::vector<Multiaddr> found = answer->reservation->addresses;
  if (found.empty()) found.push_back(std::move(address));
  for (const Multiaddr& at : found) {
    const bool whole = at.last_peer() == relay->info().peer && at.tcp().has_value();
    if (whole) {
      reservation.addresses.push_back(at.WithCircuit().WithPeer(host_.peer_id()));
    }
  }
  Announce(relay->info().peer, reservation.addresses);
  co_return reservation;
}

Task<absl::Status> RelayClient::Hold(RelayReservation reservation) {
  const Multiaddr address =
      reservation.relay->info().remote.WithPeer(reservation.relay->info().peer);
  while (!reservation.relay->closed()) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const auto unix_now = static_cast<uint64_t>(now.count());
    const uint64_t left = reservation.expire - std::min(reservation.expire, unix_now);
    const auto half = std::chrono::seconds(std::min<uint64_t>(left / 2, kMaxRenewal.count()));
    const TimePoint again = Now() + std::max(half, std::chrono::seconds(1));
    while (!reservation.relay->closed() && Now() < again) {
      co_await SleepUntil(host_.executor(),
                          std::min(again, Now() + std::chrono::milliseconds(250)));
    }
    if (reservation.relay->closed()) break;
    auto renewed = co_await Ask(reservation.relay, address);
    if (!renewed.ok()) {
      Announce(reservation.relay->info().peer, {});
      Forget(reservation.relay.get());
      co_return renewed.status();
    }
    reservation = *std::move(renewed);
  }
  Announce(reservation.relay->info().peer, {});
  Forget(reservation.relay.get());
  co_return reservation.relay->status();
}

Task<absl::StatusOr<std::shared_ptr<Connection>>> RelayClient::Dial(CircuitAddress circuit,
                                                                    DialObserver observer) {
  if (!circuit.target) {
    co_return absl::InvalidArgumentError("the address through the relay ends without a /p2p/ID");
  }
  auto relay = co_await host_.Dial(circuit.relay, observer);
  if (!relay.ok()) co_return relay.status();
  const auto stream = co_await (*relay)->OpenStream(kHopProtocol);
  if (!stream.ok()) co_return stream.status();
  const auto answer = co_await AskHop(*stream, HopConnect(*circuit.target));
  if (!answer.ok()) co_return answer.status();
  if (observer) observer("relay", "connected by " + circuit.relay_id.ToString());
  ConnectionInfo info;
  info.remote = circuit.relay.WithCircuit();
  info.address = (*relay)->info().address;
  info.relayed = true;
  co_return co_await host_.Adopt(std::make_unique<StreamTransport>(*stream), std::move(info),
                                 circuit.target, std::move(observer));
}

Task<void> RelayClient::RefuseStop(Stream& stream, CircuitStatus status) {
  const std::vector<uint8_t> message = StopStatus(status);
  const absl::Status sent = co_await stream.Write(message);
  if (!sent.ok()) co_return;
  stream.CloseWrite();
  co_await stream.WaitEnd();
}

Task<void> RelayClient::ServeStop(std::shared_ptr<Stream> stream) {
  stream->SetTimeLimit(kAnswerTimeout);
  const auto body = co_await stream->ReadMessage(kMaxCircuitMessage);
  if (stream->gone()) co_return;
  const auto request =
      body.ok() ? ParseStop(*body) : absl::StatusOr<StopMessage>(body.status());
  if (!request.ok()) {
    co_await RefuseStop(*stream, CircuitStatus::kMalformedMessage);
    co_return;
  }
  if (request->type != StopType::kConnect) {
    co_await RefuseStop(*stream, CircuitStatus::kUnexpectedMessage);
    co_return;
  }
  const std::vector<uint8_t> ok = StopStatus(CircuitStatus::kOk);
  const absl::Status sent = co_await stream->Write(ok);
  if (!sent.ok()) co_return;
  stream->ClearTimeLimit();
  const ConnectionInfo& relay = stream->connection().info();
  ConnectionInfo info;
  info.remote = relay.remote.WithPeer(relay.peer).WithCircuit();
  info.address = relay.address;
  info.inbound = true;
  info.relayed = true;
  const PeerId source = request->peer->id;
  // The relay says who it is; the handshake proves it.
  co_await host_.Adopt(std::make_unique<StreamTransport>(std::move(stream)), std::move(info),
                       source, {});
}

}  // namespace noisegate::libp2p
