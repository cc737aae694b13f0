// The relay and its client against peers that are slow, silent or lie.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/protocols.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {
namespace {

using std::chrono::milliseconds;

Task<absl::Status> ReserveByHand(std::shared_ptr<Connection> relay) {
  const auto stream = co_await relay->OpenStream(kHopProtocol);
  if (!stream.ok()) co_return stream.status();
  const std::vector<uint8_t> request = WithLengthPrefix(SerializeHop(HopMessage()));
  const absl::Status sent = co_await (*stream)->Write(request);
  if (!sent.ok()) co_return sent;
  const auto body = co_await (*stream)->ReadMessage(kMaxCircuitMessage);
  if (!body.ok()) co_return body.status();
  (*stream)->CloseWrite();
  const auto answer = ParseHop(*body);
  if (!answer.ok()) co_return answer.status();
  co_return answer->status == CircuitStatus::kOk ? absl::OkStatus()
                                                 : absl::PermissionDeniedError("refused");
}

Task<void> SayNothing(std::shared_ptr<Stream> stream) { co_await stream->WaitEnd(); }

TEST(RelayPeers, TheSourceIsToldThatTheWantedPeerDoesNotAnswer) {
  TestLoop loop;
  HostOptions options = Listening();
  options.handshake_timeout = options.connection.negotiation_timeout = milliseconds(200);
  Node relay(loop, options, RelayOptions());
  Node silent(loop, HostOptions(), {}, /*bare=*/true), alice(loop, HostOptions());
  silent.host().AddProtocol(std::string(kStopProtocol), &SayNothing);
  const auto held = *loop.Await(silent.host().Dial(relay.address()));
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE((*loop.Await(ReserveByHand(*held))).ok());
  const Multiaddr at = relay.address().WithCircuit().WithPeer(silent.host().peer_id());
  const auto refused = *loop.Await(alice.host().Dial(at));
  const std::string why(refused.status().message());
  EXPECT_NE(why.find("CONNECTION_FAILED"), std::string::npos) << why;
  EXPECT_TRUE(loop.RunUntil([&] { return relay.relay().policy().circuits() == 0; }));
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kConnectionFailed), 1u);
}

TEST(RelayPeers, PlacesAtTwoRelaysAreAnnouncedTogetherUntilOneIsLost) {
  TestLoop loop;
  Node bob(loop, HostOptions());
  auto first = std::make_unique<Node>(loop, Listening(), RelayOptions());
  Node second(loop, Listening(), RelayOptions());
  auto one = *loop.Await(bob.relay_client().Reserve(first->address()));
  auto two = *loop.Await(bob.relay_client().Reserve(second.address()));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(bob.host().PublicAddresses().size(), 2u);
  first.reset();
  const absl::Status lost = *loop.Await(bob.relay_client().Hold(*std::move(one)));
  EXPECT_FALSE(lost.ok());
  EXPECT_EQ(bob.host().PublicAddresses(), two->addresses);
}

// A relay that grants a reservation to the end of time.
Task<void> GrantForever(std::shared_ptr<Stream> stream, PeerId relay, int* asked) {
  ++*asked;
  const auto body = co_await stream->ReadMessage(kMaxCircuitMessage);
  if (!body.ok()) co_return;
  HopMessage answer;
  answer.type = HopType::kStatus;
  answer.status = CircuitStatus::kOk;
  answer.reservation.emplace().expire = std::numeric_limits<uint64_t>::max() / 2;
  answer.reservation->addresses = {Multiaddr::Parse("/ip4/192.0.2.1/tcp/1")->WithPeer(relay)};
  const std::vector<uint8_t> message = WithLengthPrefix(SerializeHop(answer));
  const absl::Status sent = co_await stream->Write(message);
  if (sent.ok()) stream->CloseWrite();
  co_await stream->WaitEnd();
}

Task<void> HoldInto(RelayClient* client, RelayReservation reservation, bool* done) {
  co_await client->Hold(std::move(reservation));
  *done = true;
}

TEST(RelayPeers, AReservationWithoutEndIsHeldAndNotAskedForAgain) {
  TestLoop loop;
  Node relay(loop, Listening(), {}, /*bare=*/true), bob(loop, HostOptions());
  int asked = 0;
  relay.host().AddProtocol(std::string(kHopProtocol), [&](std::shared_ptr<Stream> stream) {
    return GrantForever(std::move(stream), relay.host().peer_id(), &asked);
  });
  auto reservation = *loop.Await(bob.relay_client().Reserve(relay.address()));
  ASSERT_TRUE(reservation.ok()) << reservation.status();
  EXPECT_FALSE(reservation->has_voucher);
  const auto connection = reservation->relay;
  bool done = false;
  asio::co_spawn(loop.io(), HoldInto(&bob.relay_client(), *std::move(reservation), &done),
                 asio::detached);
  const TimePoint later = Now() + milliseconds(600);
  loop.RunUntil([&] { return Now() >= later; });
  EXPECT_FALSE(done);
  EXPECT_EQ(asked, 1);
  connection->Close(absl::OkStatus());
  EXPECT_TRUE(loop.RunUntil([&] { return done; }));
}

}  // namespace
}  // namespace noisegate::libp2p
