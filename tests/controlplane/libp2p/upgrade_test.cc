// The muxer by multistream-select inside Noise, which peers do that list none in their handshake.
#include "controlplane/libp2p/upgrade.h"

#include <gtest/gtest.h>

#include <asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "controlplane/libp2p/protocols.h"
#include "controlplane/libp2p/tcp_transport.h"
#include "crypto/random.h"
#include "tests/controlplane/libp2p/host_rig.h"
#include "tests/controlplane/libp2p/test_keys.h"

namespace noisegate::libp2p {
namespace {

using asio::ip::tcp;

// One end of a TCP connection, to be secured with an identity of its own.
struct End {
  End(uint8_t number, std::vector<std::string> muxers)
      : identity(TestIdentity(number, std::move(muxers))),
        engine(*crypto::MakeAeadEngine(crypto::AeadEngineKind::kSodium)) {}

  Task<void> Secure(tcp::socket socket, crypto::NoiseRole role) {
    UpgradeOptions options;
    options.role = role;
    options.identity = &identity;
    options.engine = engine.get();
    options.done = [this](UpgradeStep step, const std::string& detail) {
      if (step == UpgradeStep::kMuxer) muxer = detail;
    };
    auto upgraded = co_await Upgrade(MakeTcpTransport(std::move(socket)), std::move(options));
    result.emplace(std::move(upgraded));
  }

  const NoiseIdentity identity;
  const std::unique_ptr<crypto::AeadEngine> engine;
  std::string muxer;
  std::optional<absl::StatusOr<Upgraded>> result;
};

// Only ping.
class PingOwner final : public ConnectionOwner {
 public:
  std::vector<std::string> ProtocolsFor(const Connection&) override {
    return {std::string(kPingProtocol)};
  }
  Task<void> HandleStream(std::shared_ptr<Stream> stream) override {
    return ServePing(std::move(stream));
  }
  void HandleClosed(Connection&) override {}
  void HandleMemory(size_t, size_t) override {}
};

Task<absl::Status> PingOver(std::shared_ptr<Connection> connection) {
  const auto stream = co_await connection->OpenStream(kPingProtocol);
  if (!stream.ok()) co_return stream.status();
  co_return (co_await PingOnce(**stream)).status();
}

std::shared_ptr<Connection> Start(TestLoop& loop, End& end, bool inbound, PingOwner& owner) {
  ConnectionInfo info;
  info.inbound = inbound;
  return Connection::Start(loop.executor(), std::move(info), **std::move(end.result), {}, owner);
}

TEST(Upgrade, NegotiatesTheMuxerInsideNoiseWhereOneSideListsNone) {
  const std::vector<std::string> none, yamux = {std::string(kYamuxProtocol)};
  struct {
    const char* name;
    std::vector<std::string> dialler, listener;
    std::string want;
  } const cases[] = {
      {"both list it", yamux, yamux, "/yamux/1.0.0, agreed in the handshake"},
      {"the dialler does not", none, yamux, "/yamux/1.0.0"},
      {"the listener does not", yamux, none, "/yamux/1.0.0"},
      {"neither does", none, none, "/yamux/1.0.0"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    TestLoop loop;
    auto acceptor = *ListenTcp(loop.executor(), {dataplane::IpAddress::V4(0x7f000001), 0});
    tcp::socket out(loop.executor());
    out.connect(acceptor.local_endpoint());
    tcp::socket in = acceptor.accept();
    End dialler(1, c.dialler), listener(2, c.listener);
    asio::co_spawn(loop.io(), dialler.Secure(std::move(out), crypto::NoiseRole::kInitiator),
                   asio::detached);
    asio::co_spawn(loop.io(), listener.Secure(std::move(in), crypto::NoiseRole::kResponder),
                   asio::detached);
    ASSERT_TRUE(loop.RunUntil([&] { return dialler.result && listener.result; }));
    ASSERT_TRUE(dialler.result->ok()) << dialler.result->status();
    ASSERT_TRUE(listener.result->ok()) << listener.result->status();
    EXPECT_EQ(dialler.muxer, c.want);
    EXPECT_EQ(listener.muxer, c.want);

    PingOwner owner;
    const auto a = Start(loop, dialler, /*inbound=*/false, owner);
    const auto b = Start(loop, listener, /*inbound=*/true, owner);
    EXPECT_TRUE((*loop.Await(PingOver(a))).ok());
    EXPECT_TRUE((*loop.Await(PingOver(b))).ok());
    a->Close(absl::OkStatus());
    EXPECT_TRUE(loop.RunUntil([&] { return b->closed(); }));
  }
}

TEST(Upgrade, AHostNegotiatesWithAPeerThatListsNoMuxers) {
  TestLoop loop;
  Node node(loop, HostOptions());
  auto acceptor = *ListenTcp(loop.executor(), {dataplane::IpAddress::V4(0x7f000001), 0});
  End listener(2, {});
  const auto serve = [&]() -> Task<void> {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    co_await listener.Secure(std::move(socket), crypto::NoiseRole::kResponder);
  };
  asio::co_spawn(loop.io(), serve(), asio::detached);
  std::string muxer;
  const auto connection = *loop.Await(node.host().Dial(
      Multiaddr::OfTcp(ToEndpoint(acceptor.local_endpoint())),
      [&](std::string_view step, const std::string& detail) {
        if (step == "muxer") muxer = detail;
      }));
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(muxer, "/yamux/1.0.0");
  (*connection)->Close(absl::OkStatus());
}

}  // namespace
}  // namespace noisegate::libp2p
