// What a host gives back, bounds and defends when peers come too soon, too often, or stay for
// nothing.
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>

#include <asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "controlplane/libp2p/protocols.h"
#include "tests/controlplane/libp2p/attacker.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

Task<absl::StatusOr<std::shared_ptr<Stream>>> OpenOn(std::shared_ptr<Connection> connection,
                                                     std::string protocol) {
  co_return co_await connection->OpenStream(protocol);
}

bool CanDial(TestLoop& loop, Node& from, Node& to) {
  return (*loop.Await(from.host().Dial(to.address()))).ok();
}

// The end of the session is in the same segment as the end of the handshake.
TEST(HostLimits, AnEndThatComesWithTheHandshakeGivesThePlaceBack) {
  TestLoop loop;
  HostOptions options = Listening();
  options.limits.per_address = 4;
  Node victim(loop, options), peer(loop, HostOptions());
  for (int i = 0; i < 8; ++i) {
    Attacker attacker(loop, victim, {.hold_last_message = true});
    attacker.Frame(YamuxType::kGoAway, 0, 0, static_cast<uint32_t>(YamuxGoAway::kProtocolError));
    attacker.Flush();
    EXPECT_TRUE(attacker.IsDropped());
    EXPECT_TRUE(loop.RunUntil([&] { return victim.host().connection_count() == 0; })) << i;
  }
  EXPECT_EQ(victim.host().memory(), 0u);
  EXPECT_TRUE(CanDial(loop, peer, victim));
}

TEST(HostLimits, WhoIsGoneAgainAtOnceHoldsUpNobody) {
  TestLoop loop;
  Node victim(loop, Listening()), peer(loop, HostOptions());
  for (int i = 0; i < 1'000; ++i) {
    tcp::socket socket(loop.executor());
    socket.connect(victim.endpoint());
    socket.set_option(tcp::socket::linger(true, 0));  // a reset
    socket.close();
  }
  EXPECT_TRUE(CanDial(loop, peer, victim));
}

// The go-away cannot be written, for the socket has been full since.
TEST(HostLimits, WhoReadsNothingIsHungUpOnWhenAPingFindsNoAnswer) {
  TestLoop loop;
  HostOptions options = Listening();
  options.connection.yamux.ping_timeout = milliseconds(500);
  Node victim(loop, options);
  Attacker attacker(loop, victim);
  const std::vector<uint8_t> a_gigabyte = {0, 0, 0, 0, 0x40, 0, 0, 0};
  for (uint32_t stream = 1; stream < 64; stream += 2) {
    attacker.Open(stream, kPerfProtocol, a_gigabyte);
    attacker.Frame(YamuxType::kWindowUpdate, kYamuxFin, stream, 1u << 30);
  }
  ASSERT_TRUE(attacker.Flush());
  EXPECT_TRUE(loop.RunUntil([&] { return victim.host().connection_count() == 1; }));
  EXPECT_TRUE(loop.RunUntil([&] { return victim.host().connection_count() == 0; }));
}

// All streams that may be open are opened in one burst, on a stack of 512 KiB.
void OpenAllStreamsAtOnce() {
  TestLoop loop;
  HostOptions options = Listening();
  options.connection.yamux.max_inbound_streams = 4'096;
  Node victim(loop, options);
  Attacker attacker(loop, victim);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (uint32_t i = 0; i < 4'096; ++i) attacker.Open(1 + 2 * i, kEchoProtocol);
  EXPECT_TRUE(attacker.Flush());
  ASSERT_TRUE(loop.RunUntil([&] { return victim.host().connection_count() == 1; }));
  const auto connection = victim.host().FindConnection(1);
  EXPECT_TRUE(loop.RunUntil([&] { return connection->stream_count() == 4'096; }));
  // What is accounted for them is what they take.
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + victim.host().memory() + kMiB);
}

TEST(HostLimits, StreamsThatOpenTogetherDoNotPileUpOnTheStack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 512 * 1024);
  pthread_t thread;
  const auto run = [](void*) -> void* {
    OpenAllStreamsAtOnce();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, nullptr), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// Six that hoard 8 MiB each, where 12 MiB are for all: what is held is less at any time, and the heap
// grows by no more than twice that.
TEST(HostLimits, MemoryOfAllConnectionsIsBounded) {
  TestLoop loop;
  HostOptions options = Listening();
  options.max_memory = 12 * kMiB;
  Node victim(loop, options), peer(loop, HostOptions());
  const auto honest = *loop.Await(peer.host().Dial(victim.address()));
  ASSERT_TRUE(honest.ok());
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  std::vector<std::unique_ptr<Attacker>> attackers;
  for (int i = 0; i < 6; ++i) {
    attackers.push_back(std::make_unique<Attacker>(loop, victim));
    attackers.back()->Hoard(32, 15);
    EXPECT_TRUE(loop.RunUntil([&] { return victim.host().memory() <= options.max_memory; }));
    EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + 2 * options.max_memory);
  }
  EXPECT_GE(victim.host().counters().memory_dropped, 4u);
  EXPECT_FALSE((*honest)->closed());
  attackers.clear();
  EXPECT_TRUE(loop.RunUntil([&] { return victim.host().connection_count() == 1; }));
  EXPECT_TRUE(loop.RunUntil([&] { return victim.host().memory() < kMiB; }));
}

// Eight connections of one address with little each, and one of another with more than any of them.
TEST(HostLimits, MemoryIsTakenFromTheAddressThatHoldsMost) {
  TestLoop loop;
  HostOptions options = Listening();
  options.max_memory = 10 * kMiB;
  Node victim(loop, options);
  Attacker busy(loop, victim, {.from = "127.0.0.2"});
  busy.Hoard(12, 15);
  ASSERT_GT(victim.host().memory(), 2 * kMiB);
  const auto busy_connection = victim.host().FindConnection(1);
  ASSERT_NE(busy_connection, nullptr);
  std::vector<std::unique_ptr<Attacker>> attackers;
  for (int i = 0; i < 8; ++i) {
    attackers.push_back(std::make_unique<Attacker>(loop, victim));
    attackers.back()->Hoard(5, 15);
  }
  EXPECT_GE(victim.host().counters().memory_dropped, 1u);
  EXPECT_FALSE(busy_connection->closed());
}

TEST(HostLimits, NewcomersTakeThePlaceOfThoseWhoDoNothing) {
  TestLoop loop;
  HostOptions options = Listening();
  options.trim_above = 3;
  options.idle_grace = milliseconds(0);
  Node server(loop, options, RelayOptions());
  Node reserving(loop, HostOptions()), using_it(loop, HostOptions());
  Node pinging(loop, HostOptions()), newcomer(loop, HostOptions());
  auto reservation = *loop.Await(reserving.relay_client().Reserve(server.address()));
  ASSERT_TRUE(reservation.ok());
  const auto in_use = *loop.Await(using_it.host().Dial(server.address()));
  const auto echo = *loop.Await(OpenOn(*in_use, std::string(kEchoProtocol)));
  ASSERT_TRUE(echo.ok());
  const auto idle = *loop.Await(pinging.host().Dial(server.address()));
  const auto ping = *loop.Await(OpenOn(*idle, std::string(kPingProtocol)));
  ASSERT_TRUE(ping.ok());
  EXPECT_EQ(server.host().counters().idle_dropped, 0u);

  const auto fresh = *loop.Await(newcomer.host().Dial(server.address()));
  ASSERT_TRUE(fresh.ok());
  EXPECT_TRUE(loop.RunUntil([&] { return (*idle)->closed(); }));
  EXPECT_EQ(server.host().counters().idle_dropped, 1u);
  EXPECT_FALSE(reservation->relay->closed());
  EXPECT_FALSE((*in_use)->closed());
  EXPECT_FALSE((*fresh)->closed());
}

TEST(HostLimits, ConnectionsMayBeIdleForAWhile) {
  TestLoop loop;
  HostOptions options = Listening();
  options.trim_above = 1;
  Node server(loop, options), a(loop, HostOptions()), b(loop, HostOptions());
  EXPECT_TRUE(CanDial(loop, a, server));
  EXPECT_TRUE(CanDial(loop, b, server));
  EXPECT_TRUE(loop.RunUntil([&] { return server.host().connection_count() == 2; }));
  EXPECT_EQ(server.host().counters().idle_dropped, 0u);
}

}  // namespace
}  // namespace noisegate::libp2p
