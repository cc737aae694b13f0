// The service as the gateway runs it: from its config, on its own thread, with a peer on ours.
#include "controlplane/libp2p/service.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <thread>

#include "config/config.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {
namespace {

using std::chrono::milliseconds;

config::Libp2p OnLoopback() {
  config::Libp2p config;
  config.listen = {{dataplane::IpAddress::V4(0x7f000001), 0}};
  return config;
}

crypto::PrivateKey NewKey() { return *crypto::PrivateKey::Generate(crypto::KeyType::kEd25519); }

class ServiceTest : public testing::Test {
 protected:
  void StartWith(const config::Libp2p& config) {
    auto started = Service::Start(config, NewKey(), {});
    ASSERT_TRUE(started.ok()) << started.status();
    service_ = *std::move(started);
    const ServiceSnapshot snapshot = service_->Snapshot();
    ASSERT_EQ(snapshot.listen.size(), 1u);
    address_ = *Multiaddr::Parse(snapshot.listen[0]);
  }
  absl::StatusOr<RelayReservation> Reserve() {
    return *loop_.Await(peer_.relay_client().Reserve(address_));
  }
  // Snapshots are taken now and then.
  bool Shows(const std::function<bool(const ServiceSnapshot&)>& what) {
    return loop_.RunUntil([&] { return what(service_->Snapshot()); });
  }

  TestLoop loop_;
  Node peer_{loop_, HostOptions()};
  std::unique_ptr<Service> service_;
  Multiaddr address_;
};

TEST_F(ServiceTest, ServesUntilItIsStopped) {
  bool ran_first = false;
  auto started = Service::Start(OnLoopback(), NewKey(), [&] { ran_first = true; });
  ASSERT_TRUE(started.ok()) << started.status();
  service_ = *std::move(started);
  const ServiceSnapshot first = service_->Snapshot();
  ASSERT_EQ(first.listen.size(), 1u);
  EXPECT_TRUE(first.listen[0].ends_with("/p2p/" + first.peer_id)) << first.listen[0];
  address_ = *Multiaddr::Parse(first.listen[0]);
  const auto connection = *loop_.Await(peer_.host().Dial(address_));
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_TRUE(Shows([](const auto& s) { return s.connections == 1 && s.secured == 1; }));
  EXPECT_GT(service_->Snapshot().memory_bytes, 0u);

  service_->Stop();
  service_->Stop();
  EXPECT_TRUE(ran_first);
  EXPECT_TRUE(loop_.RunUntil([&] { return (*connection)->closed(); }));
  EXPECT_FALSE((*loop_.Await(peer_.host().Dial(address_))).ok());
}

TEST_F(ServiceTest, IsARelayAsLongAsTheConfigSaysSo) {
  StartWith(OnLoopback());
  EXPECT_EQ(Reserve().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(service_->Snapshot().relay);

  config::Libp2pRelay relay;
  service_->SetRelay(*RelayOptionsOf(relay));
  EXPECT_TRUE(Shows([](const auto& s) { return s.relay; }));
  const auto reservation = Reserve();
  ASSERT_TRUE(reservation.ok()) << reservation.status();
  EXPECT_TRUE(Shows([](const auto& s) { return s.reservations == 1 && s.peers.size() == 1; }));

  relay.deny_peers = {peer_.host().peer_id().ToString()};
  service_->SetRelay(*RelayOptionsOf(relay));
  EXPECT_TRUE(Shows([](const auto& s) { return s.reservations == 0; }));
  EXPECT_EQ(Reserve().status().code(), absl::StatusCode::kPermissionDenied);

  service_->SetRelay(std::nullopt);
  EXPECT_TRUE(Shows([](const auto& s) { return !s.relay; }));
  EXPECT_EQ(Reserve().status().code(), absl::StatusCode::kNotFound);
}

// Nobody asks for anything meanwhile.
TEST_F(ServiceTest, ReservationsThatEndAreGoneFromTheSnapshot) {
  config::Libp2p config = OnLoopback();
  config.relay.emplace().reservation_life = milliseconds(700);
  StartWith(config);
  const auto reservation = Reserve();
  ASSERT_TRUE(reservation.ok()) << reservation.status();
  EXPECT_TRUE(Shows([](const auto& s) { return s.reservations == 1; }));
  EXPECT_TRUE(Shows([](const auto& s) { return s.reservations == 0; }));
  EXPECT_FALSE(reservation->relay->closed());
}

TEST_F(ServiceTest, NamesTheAddressThatIsTaken) {
  StartWith(OnLoopback());
  config::Libp2p config = OnLoopback();
  config.listen.push_back({*address_.tcp()->address, address_.tcp()->port});
  const auto refused = Service::Start(config, NewKey(), {});
  ASSERT_FALSE(refused.ok());
  const std::string why(refused.status().message());
  EXPECT_NE(why.find("/ip4/127.0.0.1/tcp/" + std::to_string(address_.tcp()->port)),
            std::string::npos)
      << why;
}

TEST_F(ServiceTest, AsksForAsManyDescriptorsAsItsConnectionsTake) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  if (before.rlim_max < 2'048) GTEST_SKIP() << "not so many descriptors here";
  const rlimit few{.rlim_cur = 256, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  config::Libp2p config = OnLoopback();
  config.connections = 1'000;
  StartWith(config);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_GT(after.rlim_cur, config.connections);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(ServiceConfig, NamesTheKeyWhoseTextIsWrong) {
  struct {
    const char* name;
    void (*change)(config::Libp2p&);
    const char* want;
  } const cases[] = {
      {"no multiaddr", [](config::Libp2p& c) { c.announce = {"relay.example.org"}; },
       "libp2p.announce[0]"},
      {"an id behind it",
       [](config::Libp2p& c) {
         c.announce = {"/ip4/192.0.2.1/tcp/1",
                       "/ip4/192.0.2.1/tcp/1/p2p/"
                       "12D3KooWN7gMvTBiG26vHNn3SN5U9kwNGUw4JwEUTYgFG7Uu29F3"};
       },
       "libp2p.announce[1]"},
      {"more than a message holds",
       [](config::Libp2p& c) {
         c.announce.assign(16, "/dns4/" + std::string(200, 'a') + "/tcp/4001");
       },
       "libp2p.announce"},
      {"no peer id", [](config::Libp2p& c) { c.relay.emplace().deny_peers = {"nobody"}; },
       "libp2p.relay.deny_peers[0]"},
  };
  EXPECT_TRUE(CheckConfig(OnLoopback()).ok());
  for (const auto& c : cases) {
    config::Libp2p config = OnLoopback();
    c.change(config);
    const absl::Status status = CheckConfig(config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.name;
    const std::string why(status.message());
    EXPECT_NE(why.find(c.want), std::string::npos) << c.name << ": " << why;
  }
}

}  // namespace
}  // namespace noisegate::libp2p
