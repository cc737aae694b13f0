#include "controlplane/libp2p/host.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "controlplane/libp2p/protocols.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {
namespace {

using std::chrono::milliseconds;
using ConnectionOr = absl::StatusOr<std::shared_ptr<Connection>>;

class HostTest : public testing::Test {
 protected:
  std::shared_ptr<Connection> Connect(Node& from, const Multiaddr& to) {
    auto connection = *loop_.Await(from.host().Dial(to));
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *connection;
  }

  TestLoop loop_;
  Node server_{loop_, Listening()};
  Node client_{loop_, HostOptions()};
};

Task<absl::Status> PingThreeTimes(std::shared_ptr<Connection> connection) {
  const auto stream = co_await connection->OpenStream(kPingProtocol);
  if (!stream.ok()) co_return stream.status();
  for (int i = 0; i < 3; ++i) {
    const auto time = co_await PingOnce(**stream);
    if (!time.ok()) co_return time.status();
  }
  co_return absl::OkStatus();
}

TEST_F(HostTest, TwoHostsKnowEachOtherAndPing) {
  std::vector<std::string> steps;
  const auto connection = *loop_.Await(client_.host().Dial(
      server_.address(), [&](std::string_view step, const std::string&) {
        steps.emplace_back(step);
      }));
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(steps, (std::vector<std::string>{"tcp", "negotiation", "handshake", "muxer"}));
  EXPECT_EQ((*connection)->info().peer, server_.host().peer_id());
  EXPECT_TRUE((*loop_.Await(PingThreeTimes(*connection))).ok());
  EXPECT_EQ(server_.host().connection_count(), 1u);
}

TEST_F(HostTest, IdentifyNamesAddressesProtocolsAndTheCaller) {
  const auto connection = Connect(client_, server_.address());
  const auto message = *loop_.Await(Identify(connection));
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->listen_addresses, server_.host().ListenAddresses());
  EXPECT_FALSE(message->signed_peer_record.empty());
  ASSERT_TRUE(message->observed_address.has_value());
  EXPECT_EQ(message->observed_address->tcp()->address->ToString(), "127.0.0.1");
  const std::vector<std::string> want = {"/ipfs/ping/1.0.0", "/ipfs/id/1.0.0",
                                         "/ipfs/id/push/1.0.0", "/echo/1.0.0", "/perf/1.0.0"};
  EXPECT_EQ(message->protocols, want);
}

TEST_F(HostTest, EchoesWhatItGets) {
  const auto connection = Connect(client_, server_.address());
  for (const uint64_t size : {0ULL, 1ULL, 65'519ULL, 262'145ULL, 5'000'000ULL}) {
    const auto transfer = *loop_.Await(Echo(connection, size));
    ASSERT_TRUE(transfer.ok()) << transfer.status();
    EXPECT_EQ(transfer->received, size);
    EXPECT_EQ(transfer->sent_sha256, transfer->received_sha256);
  }
  EXPECT_EQ(connection->stream_count(), 0u);
}

TEST_F(HostTest, PerfMovesWhatWasAskedFor) {
  const auto connection = Connect(client_, server_.address());
  const auto transfer = *loop_.Await(Perf(connection, 3'000'000, 2'000'000));
  ASSERT_TRUE(transfer.ok()) << transfer.status();
  EXPECT_EQ(transfer->sent, 3'000'000u);
  EXPECT_EQ(transfer->received, 2'000'000u);
}

Task<void> EchoInto(std::shared_ptr<Connection> connection, uint64_t size, int* good) {
  const auto transfer = co_await Echo(connection, size);
  if (transfer.ok() && transfer->sent_sha256 == transfer->received_sha256 &&
      transfer->received == size) {
    ++*good;
  }
}

TEST_F(HostTest, ServesManyStreamsAtOnce) {
  const auto connection = Connect(client_, server_.address());
  int good = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    asio::co_spawn(loop_.io(), EchoInto(connection, 10'000 + i, &good), asio::detached);
  }
  EXPECT_TRUE(loop_.RunUntil([&] { return good == 200; })) << good;
}

TEST_F(HostTest, NobodyElseMayAnswer) {
  Node other(loop_, HostOptions());
  const Multiaddr wrong = server_.host().ListenAddresses()[0].WithPeer(other.host().peer_id());
  const auto connection = *loop_.Await(client_.host().Dial(wrong));
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.status().code(), absl::StatusCode::kUnauthenticated);
  const std::string message(connection.status().message());
  EXPECT_NE(message.find(server_.host().peer_id().ToString()), std::string::npos) << message;
  EXPECT_TRUE(loop_.RunUntil([&] {
    return server_.host().half_open_count() == 0 && server_.host().connection_count() == 0;
  }));
}

TEST_F(HostTest, ADialNamesWhatIsMissing) {
  const auto quic = *loop_.Await(
      client_.host().Dial(*Multiaddr::Parse("/ip4/127.0.0.1/udp/4001/quic-v1")));
  EXPECT_EQ(quic.status().code(), absl::StatusCode::kInvalidArgument);
  const auto nobody =
      *loop_.Await(client_.host().Dial(*Multiaddr::Parse("/ip4/127.0.0.1/tcp/1")));
  EXPECT_EQ(nobody.status().code(), absl::StatusCode::kUnavailable);
  const auto connection = Connect(client_, server_.address());
  const auto stream = *loop_.Await(connection->OpenStream("/no/such/1.0.0"));
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(connection->closed());
}

TEST_F(HostTest, StopSaysGoodbyeToPeers) {
  const auto connection = Connect(client_, server_.address());
  server_.host().Stop(milliseconds(1'000));
  EXPECT_TRUE(loop_.RunUntil([&] { return connection->closed(); }));
  EXPECT_EQ(server_.host().connection_count(), 0u);
  EXPECT_EQ(client_.host().connection_count(), 0u);
}

// Ten minutes of keep-alives at 30 s, shortened: twenty pings of either side are answered, and at a
// ping time-out of 200 ms the connection has outlived what a silent one may by far.
TEST_F(HostTest, AnIdleConnectionIsKeptByPings) {
  HostOptions options = Listening();
  options.connection.yamux.keep_alive = milliseconds(50);
  options.connection.yamux.ping_timeout = milliseconds(200);
  Node quick(loop_, options);
  options.listen.clear();
  Node dialler(loop_, options);
  const auto connection = Connect(dialler, quick.address());
  ASSERT_TRUE(loop_.RunUntil([&] { return quick.host().connection_count() == 1; }));
  const auto accepted = quick.host().FindConnection(1);
  EXPECT_TRUE(loop_.RunUntil([&] {
    return connection->muxer_counters().pongs_received >= 20 &&
           accepted->muxer_counters().pongs_received >= 20;
  }));
  EXPECT_GE(accepted->muxer_counters().pings_received, 20u);
  EXPECT_EQ(connection->stream_count(), 0u);
  EXPECT_FALSE(connection->closed());
  EXPECT_TRUE((*loop_.Await(PingThreeTimes(connection))).ok());
}

// --- Relay.

RelayOptions Unlimited() {
  RelayOptions options;
  options.circuit_bytes = 0;
  options.circuit_duration = milliseconds(0);
  options.reservations_per_address = 1'000;
  options.reservations_per_prefix = 1'000;
  return options;
}

class RelayTest : public testing::Test {
 protected:
  // Where `node` can be reached through the relay.
  Multiaddr Reserve(Node& node, Node& relay) {
    auto reservation = *loop_.Await(node.relay_client().Reserve(relay.address()));
    EXPECT_TRUE(reservation.ok()) << reservation.status();
    EXPECT_TRUE(reservation->has_voucher);
    EXPECT_EQ(reservation->addresses.size(), 1u);
    return reservation->addresses.at(0);
  }
  ConnectionOr Dial(Node& node, const Multiaddr& to) { return *loop_.Await(node.host().Dial(to)); }

  TestLoop loop_;
};

TEST_F(RelayTest, IsOffUnlessConfigured) {
  Node closed(loop_, Listening()), peer(loop_, HostOptions());
  const auto refused = *loop_.Await(peer.relay_client().Reserve(closed.address()));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound) << refused.status();
}

TEST_F(RelayTest, CarriesASecuredConnectionBetweenTwoPeers) {
  Node relay(loop_, Listening(), Unlimited()), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const Multiaddr bob_at = Reserve(bob, relay);
  const auto connection = Dial(alice, bob_at);
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ((*connection)->info().peer, bob.host().peer_id());
  EXPECT_TRUE((*connection)->info().relayed);
  const auto transfer = *loop_.Await(Echo(*connection, 4'000'000));
  ASSERT_TRUE(transfer.ok()) << transfer.status();
  EXPECT_EQ(transfer->sent_sha256, transfer->received_sha256);
  EXPECT_EQ(relay.relay().policy().circuits(), 1u);
  EXPECT_GT(relay.relay().policy().relayed_bytes(), 8'000'000u);
  (*connection)->CloseGracefully(milliseconds(1'000));
  EXPECT_TRUE(loop_.RunUntil([&] { return relay.relay().policy().circuits() == 0; }));
}

TEST_F(RelayTest, CutsACircuitAtItsBytes) {
  RelayOptions options = Unlimited();
  options.circuit_bytes = 100'000;
  Node relay(loop_, Listening(), options), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const auto connection = Dial(alice, Reserve(bob, relay));
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto small = *loop_.Await(Echo(*connection, 50'000));
  EXPECT_TRUE(small.ok()) << small.status();
  const auto large = *loop_.Await(Echo(*connection, 100'000));
  EXPECT_FALSE(large.ok());
  EXPECT_TRUE(loop_.RunUntil([&] { return relay.relay().policy().circuits() == 0; }));
  EXPECT_LE(relay.relay().policy().relayed_bytes(), 200'000u);
}

TEST_F(RelayTest, CutsACircuitAtItsTime) {
  RelayOptions options = Unlimited();
  options.circuit_duration = milliseconds(150);
  Node relay(loop_, Listening(), options), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const auto connection = Dial(alice, Reserve(bob, relay));
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_TRUE(loop_.RunUntil([&] { return (*connection)->closed(); }));
  EXPECT_TRUE(loop_.RunUntil([&] { return relay.relay().policy().circuits() == 0; }));
}

TEST_F(RelayTest, ShapesACircuitToItsRate) {
  RelayOptions options = Unlimited();
  options.bytes_per_second = 4'000'000;
  Node relay(loop_, Listening(), options), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const auto connection = Dial(alice, Reserve(bob, relay));
  ASSERT_TRUE(connection.ok()) << connection.status();
  const TimePoint began = Now();
  const auto transfer = *loop_.Await(Echo(*connection, 1'000'000));
  ASSERT_TRUE(transfer.ok()) << transfer.status();
  // Two million bytes at four million a second, less the burst of a tenth: not sooner.
  EXPECT_GE(Now() - began, milliseconds(350));
}

TEST_F(RelayTest, RefusalsNameTheStatus) {
  RelayOptions options = Unlimited();
  options.reservations = 1;
  Node bob(loop_, HostOptions()), late(loop_, HostOptions()), denied(loop_, HostOptions());
  options.deny_peers = {denied.host().peer_id()};
  Node relay(loop_, Listening(), options);
  const Multiaddr bob_at = Reserve(bob, relay);
  EXPECT_EQ((*loop_.Await(late.relay_client().Reserve(relay.address()))).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ((*loop_.Await(denied.relay_client().Reserve(relay.address()))).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Dial(denied, bob_at).status().code(), absl::StatusCode::kPermissionDenied);
  const Multiaddr late_at = relay.address().WithCircuit().WithPeer(late.host().peer_id());
  EXPECT_EQ(Dial(bob, late_at).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kReservations), 1u);
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kPeerDenied), 2u);
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kNoReservation), 1u);
}

TEST_F(RelayTest, NoPlaceIsTakenByConnectionsThatAreRelayed) {
  Node outer(loop_, Listening(), Unlimited());
  Node inner(loop_, HostOptions(), Unlimited()), alice(loop_, HostOptions());
  const Multiaddr inner_at = Reserve(inner, outer);
  EXPECT_EQ((*loop_.Await(alice.relay_client().Reserve(inner_at))).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(inner.relay().policy().count(RelayOutcome::kOverRelay), 1u);
}

TEST_F(RelayTest, AThousandThatReserveAndDisconnectLeaveNothing) {
  RelayOptions options = Unlimited();
  options.reservations = 8;
  Node relay(loop_, Listening(), options);
  Node peer(loop_, HostOptions());
  for (int i = 0; i < 1'000; ++i) {
    auto reservation = *loop_.Await(peer.relay_client().Reserve(relay.address()));
    ASSERT_TRUE(reservation.ok()) << i << ": " << reservation.status();
    reservation->relay->Close(absl::OkStatus());
  }
  EXPECT_TRUE(loop_.RunUntil([&] { return relay.host().connection_count() == 0; }));
  EXPECT_EQ(relay.relay().policy().reservations(), 0u);
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kReserved), 1'000u);
}

TEST_F(RelayTest, AWantedPeerThatWillNotIsAFailedConnection) {
  Node relay(loop_, Listening(), Unlimited()), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const Multiaddr bob_at = Reserve(bob, relay);
  bob.host().Stop(milliseconds(1'000));
  EXPECT_TRUE(loop_.RunUntil([&] { return relay.relay().policy().reservations() == 0; }));
  EXPECT_EQ(Dial(alice, bob_at).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RelayTest, OffMeansOffForThoseWhoAreThere) {
  Node relay(loop_, Listening(), Unlimited()), bob(loop_, HostOptions()), alice(loop_, HostOptions());
  const Multiaddr bob_at = Reserve(bob, relay);
  relay.relay().SetOptions({});
  EXPECT_EQ(relay.relay().policy().reservations(), 0u);
  EXPECT_EQ(Dial(alice, bob_at).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace noisegate::libp2p
