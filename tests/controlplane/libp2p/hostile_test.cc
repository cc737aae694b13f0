// Peers that mean no good, against a host with an honest peer beside them. What the process may
// hold is stated in each test, and the honest peer must be served meanwhile.

#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <string>
#include <vector>

#include "controlplane/libp2p/multistream.h"
#include "controlplane/libp2p/protocols.h"
#include "tests/controlplane/libp2p/attacker.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

HostOptions Impatient() {
  HostOptions options = Listening();
  options.handshake_timeout = milliseconds(200);
  options.connection.negotiation_timeout = milliseconds(200);
  return options;
}

Task<absl::Status> PingOver(std::shared_ptr<Connection> connection) {
  const auto stream = co_await connection->OpenStream(kPingProtocol);
  if (!stream.ok()) co_return stream.status();
  const auto time = co_await PingOnce(**stream);
  co_return time.status();
}

class HostileTest : public testing::Test {
 protected:
  void SetUp() override {
    auto connection = *loop_.Await(friend_.host().Dial(victim_.address()));
    ASSERT_TRUE(connection.ok()) << connection.status();
    honest_ = *std::move(connection);
    // The dialler is done first.
    ASSERT_TRUE(loop_.RunUntil([&] { return victim_.host().connection_count() == 1; }));
  }
  void ExpectHonestPeerIsServed() {
    const absl::Status status = *loop_.Await(PingOver(honest_));
    EXPECT_TRUE(status.ok()) << status;
  }
  tcp::socket Connect() {
    tcp::socket socket(loop_.executor());
    socket.connect(victim_.endpoint());
    return socket;
  }
  // Memory on the heap, as the allocator counts it.
  static size_t HeapSize() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

  TestLoop loop_;
  Node victim_{loop_, Impatient()};
  Node friend_{loop_, HostOptions()};
  std::shared_ptr<Connection> honest_;
};

TEST_F(HostileTest, SilenceIsGivenUpOn) {
  tcp::socket silent = Connect();
  ASSERT_TRUE(loop_.RunUntil([&] { return victim_.host().half_open_count() == 1; }));
  EXPECT_TRUE(loop_.RunUntil([&] { return victim_.host().half_open_count() == 0; }));
  EXPECT_EQ(victim_.host().counters().negotiation_failed, 1u);
  ExpectHonestPeerIsServed();
}

// Each byte is in time, and the step is not.
TEST_F(HostileTest, AByteAtATimeBuysNoMoreTime) {
  tcp::socket slow = Connect();
  std::vector<uint8_t> line;
  AppendMultistreamLine("/multistream/1.0.0", line);
  ASSERT_TRUE(loop_.RunUntil([&] { return victim_.host().half_open_count() == 1; }));
  size_t sent = 0;
  TimePoint next = Now();
  EXPECT_TRUE(loop_.RunUntil([&] {
    if (Now() >= next && sent < line.size()) {
      asio::error_code ignored;
      asio::write(slow, asio::buffer(&line[sent++], 1), ignored);
      next = Now() + milliseconds(50);
    }
    return victim_.host().half_open_count() == 0;
  }));
  EXPECT_LT(sent, line.size());
}

TEST_F(HostileTest, BadLinesEndTheConnection) {
  const std::vector<std::vector<uint8_t>> lines = {
      {0xff, 0xff, 0x7f},                                      // a line of two million bytes
      {0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
      {0x13, 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', ' ', ' ',
       ' ', '\n'},
      std::vector<uint8_t>(100'000, 0x20),
  };
  for (const auto& line : lines) {
    tcp::socket socket = Connect();
    asio::error_code ignored;
    asio::write(socket, asio::buffer(line), ignored);
    const uint64_t before = victim_.host().counters().negotiation_failed;
    EXPECT_TRUE(loop_.RunUntil(
        [&] { return victim_.host().counters().negotiation_failed == before + 1; }));
  }
  EXPECT_EQ(victim_.host().half_open_count(), 0u);
  ExpectHonestPeerIsServed();
}

// 1,000 that begin and never finish: the newest 256 are held, with less than 16 KiB each.
TEST(HalfOpen, AThousandHandshakesPushEachOtherOut) {
  TestLoop loop;
  HostOptions options = Listening();
  options.max_half_open = 256;
  Node victim(loop, options), peer(loop, HostOptions());
  const auto connection = *loop.Await(peer.host().Dial(victim.address()));
  ASSERT_TRUE(connection.ok());
  std::vector<uint8_t> hello;
  AppendMultistreamLine("/multistream/1.0.0", hello);
  AppendMultistreamLine("/noise", hello);
  const std::vector<uint8_t> half_a_message = {0x00, 0x20, 1, 2, 3};
  hello.insert(hello.end(), half_a_message.begin(), half_a_message.end());
  std::vector<tcp::socket> sockets;
  const size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 1'000; ++i) {
    sockets.emplace_back(loop.executor());
    sockets.back().connect(victim.endpoint());
    asio::error_code ignored;
    asio::write(sockets.back(), asio::buffer(hello), ignored);
    loop.RunUntil([&] {
      return victim.host().counters().accepted == static_cast<uint64_t>(i) + 2;
    });
    ASSERT_LE(victim.host().half_open_count(), 300u);
  }
  EXPECT_TRUE(loop.RunUntil([&] { return victim.host().half_open_count() <= 256; }));
  EXPECT_LT(mallinfo2().uordblks - before, 1'000 * 16'384u);
  EXPECT_GE(victim.host().counters().half_open_dropped, 700u);
  // Newcomers get in, and who was in stays.
  Node late(loop, HostOptions());
  EXPECT_TRUE((*loop.Await(late.host().Dial(victim.address()))).ok());
  EXPECT_TRUE((*loop.Await(PingOver(*connection))).ok());
}

TEST_F(HostileTest, ProtocolErrorsOfTheMuxerEndTheConnection) {
  const std::vector<uint8_t> too_much(300 * 1024);
  struct {
    const char* name;
    std::function<void(Attacker&)> act;
  } const cases[] = {
      {"unknown version", [](Attacker& a) { a.Raw(std::vector<uint8_t>(12, 7)); }},
      {"unknown type", [](Attacker& a) { a.Frame(static_cast<YamuxType>(9), 0, 1, 0); }},
      {"more than the window",
       [&](Attacker& a) {
         a.Frame(YamuxType::kData, kYamuxSyn, 1, static_cast<uint32_t>(too_much.size()), too_much);
       }},
      {"an announced gigabyte",
       [&](Attacker& a) { a.Frame(YamuxType::kData, kYamuxSyn, 1, 1u << 30, {}); }},
      {"credit beyond 2^32",
       [](Attacker& a) {
         a.Frame(YamuxType::kWindowUpdate, kYamuxSyn, 1, 0);
         a.Frame(YamuxType::kWindowUpdate, 0, 1, 0xffffffff);
       }},
      {"a stream of ours", [](Attacker& a) { a.Frame(YamuxType::kData, kYamuxSyn, 2, 0); }},
  };
  for (const auto& c : cases) {
    Attacker attacker(loop_, victim_);
    c.act(attacker);
    attacker.Flush();
    EXPECT_TRUE(attacker.IsDropped()) << c.name;
  }
  EXPECT_TRUE(loop_.RunUntil([&] { return victim_.host().connection_count() == 1; }));
  ExpectHonestPeerIsServed();
}

// 20,000 streams are opened and left: never more than the limit are held.
TEST_F(HostileTest, AFloodOfStreamsIsRefused) {
  Attacker attacker(loop_, victim_);
  const size_t before = HeapSize();
  for (uint32_t i = 0; i < 20'000; ++i) {
    attacker.Frame(YamuxType::kWindowUpdate, kYamuxSyn, 1 + 2 * i, 0);
    if (i % 500 == 499 && !attacker.Flush()) break;
  }
  EXPECT_LT(HeapSize(), before + 16 * kMiB);
  ExpectHonestPeerIsServed();
}

// Echoes are asked for and never read: what piles up is two windows and the socket's buffers.
TEST_F(HostileTest, WhoReadsNothingIsHeldBack) {
  Attacker attacker(loop_, victim_);
  const size_t before = HeapSize();
  std::vector<uint8_t> hello;
  AppendMultistreamLine("/multistream/1.0.0", hello);
  AppendMultistreamLine("/echo/1.0.0", hello);
  const std::vector<uint8_t> block(16 * 1024, 'x');
  for (uint32_t stream = 1; stream < 64; stream += 2) {
    attacker.Frame(YamuxType::kData, kYamuxSyn, stream, static_cast<uint32_t>(hello.size()), hello);
    for (int i = 0; i < 15; ++i) {  // as much as the first window takes
      attacker.Frame(YamuxType::kData, 0, stream, static_cast<uint32_t>(block.size()), block);
    }
    if (!attacker.Flush()) break;
    ExpectHonestPeerIsServed();
    ASSERT_LT(victim_.host().queued_bytes(), 20 * kMiB);
  }
  EXPECT_LT(HeapSize(), before + 40 * kMiB);
  attacker.Leave();
  EXPECT_TRUE(loop_.RunUntil([&] { return victim_.host().connection_count() == 1; }));
  EXPECT_TRUE(loop_.RunUntil([&] { return victim_.host().queued_bytes() < 1024; }));
}

// Pings are asked for and the pongs are never read.
TEST_F(HostileTest, AFloodOfPingsEndsInTheirAnswersNotRead) {
  Attacker attacker(loop_, victim_);
  const size_t before = HeapSize();
  bool taken = true;
  for (uint32_t round = 0; round < 2'000 && taken; ++round) {
    for (uint32_t i = 0; i < 1'000; ++i) attacker.Frame(YamuxType::kPing, kYamuxSyn, 0, i);
    taken = attacker.Flush();
    ASSERT_LT(HeapSize(), before + 16 * kMiB);
  }
  ExpectHonestPeerIsServed();
}

TEST_F(HostileTest, AStreamThatNegotiatesForeverIsReset) {
  Attacker attacker(loop_, victim_);
  const std::vector<uint8_t> half = {0x13, '/', 'm'};
  attacker.Frame(YamuxType::kData, kYamuxSyn, 1, static_cast<uint32_t>(half.size()), half);
  ASSERT_TRUE(attacker.Flush());
  const auto find = [&]() -> std::shared_ptr<Connection> {
    for (ConnectionId id = 1; id < 10; ++id) {
      const auto connection = victim_.host().FindConnection(id);
      if (connection != nullptr && connection->info().peer != friend_.host().peer_id()) {
        return connection;
      }
    }
    return nullptr;
  };
  const auto connection = find();
  ASSERT_NE(connection, nullptr);
  EXPECT_TRUE(loop_.RunUntil([&] { return connection->stream_count() == 1; }));
  EXPECT_TRUE(loop_.RunUntil([&] { return connection->stream_count() == 0; }));
  EXPECT_FALSE(connection->closed());
}

Task<absl::StatusOr<HopMessage>> AskHop(std::shared_ptr<Connection> connection,
                                        std::vector<uint8_t> request) {
  const auto stream = co_await connection->OpenStream(kHopProtocol);
  if (!stream.ok()) co_return stream.status();
  const absl::Status sent = co_await (*stream)->Write(request);
  if (!sent.ok()) co_return sent;
  (*stream)->CloseWrite();
  const auto body = co_await (*stream)->ReadMessage(4096);
  if (!body.ok()) co_return body.status();
  co_return ParseHop(*body);
}

TEST(HostileRelay, MalformedRequestsAreAnsweredAndCounted) {
  TestLoop loop;
  Node relay(loop, Listening(), RelayOptions()), peer(loop, HostOptions());
  const auto connection = *loop.Await(peer.host().Dial(relay.address()));
  ASSERT_TRUE(connection.ok());
  struct {
    const char* name;
    std::vector<uint8_t> request;
    CircuitStatus status;
  } const cases[] = {
      {"no protobuf", {3, 0xff, 0xff, 0xff}, CircuitStatus::kMalformedMessage},
      {"no type", {0}, CircuitStatus::kMalformedMessage},
      {"an unknown type", {2, 0x08, 0x09}, CircuitStatus::kMalformedMessage},
      {"a connect to nobody", {2, 0x08, 0x01}, CircuitStatus::kMalformedMessage},
      {"a connect to no id", {6, 0x08, 0x01, 0x12, 0x02, 0x0a, 0x00},
       CircuitStatus::kMalformedMessage},
      {"5,000 bytes announced", {0x88, 0x27, 1, 2, 3}, CircuitStatus::kMalformedMessage},
      {"cut short", {9, 0x08}, CircuitStatus::kMalformedMessage},
      {"a status", {5, 0x08, 0x02, 0x28, 0xc8, 0x01}, CircuitStatus::kUnexpectedMessage},
  };
  for (const auto& c : cases) {
    const auto answer = *loop.Await(AskHop(*connection, c.request));
    ASSERT_TRUE(answer.ok()) << c.name << ": " << answer.status();
    EXPECT_EQ(answer->status, c.status) << c.name;
  }
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kMalformed), 7u);
  EXPECT_EQ(relay.relay().policy().count(RelayOutcome::kUnexpected), 1u);
  EXPECT_FALSE((*connection)->closed());
}

// Garbage on every stream of a hundred: each is ended, and nothing else.
TEST_F(HostileTest, GarbageInProtocolsCostsOnlyTheStream) {
  for (const std::string_view protocol :
       {std::string_view("/ipfs/id/push/1.0.0"), kPerfProtocol, kPingProtocol}) {
    Attacker attacker(loop_, victim_);
    std::vector<uint8_t> hello;
    AppendMultistreamLine("/multistream/1.0.0", hello);
    AppendMultistreamLine(protocol, hello);
    hello.insert(hello.end(), 1'000, 0xff);
    for (uint32_t stream = 1; stream < 200; stream += 2) {
      attacker.Frame(YamuxType::kData, kYamuxSyn, stream, static_cast<uint32_t>(hello.size()),
                     hello);
      attacker.Frame(YamuxType::kWindowUpdate, kYamuxFin, stream, 0);
    }
    EXPECT_TRUE(attacker.Flush());
    ExpectHonestPeerIsServed();
  }
}

}  // namespace
}  // namespace noisegate::libp2p
