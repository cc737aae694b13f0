#include "controlplane/dialler.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "crypto/random.h"

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;

config::Peer PeerAt(uint8_t number, const std::vector<std::string>& endpoints) {
  config::Peer peer;
  peer.name = "peer" + std::to_string(number);
  peer.id.bytes[0] = number;
  for (const std::string& endpoint : endpoints) {
    peer.endpoints.push_back(*dataplane::EndpointRange::Parse(endpoint));
  }
  return peer;
}

class DiallerTest : public testing::Test {
 protected:
  void Configure(const std::vector<config::Peer>& peers) {
    auto registry = registry_.With(peers);
    ASSERT_TRUE(registry.ok()) << registry.status();
    registry_ = *std::move(registry);
    dialler_.Refresh(now_);
  }
  // Whom the machine wants at each endpoint: the number of the peer.
  std::map<std::string, int> Dialled() const {
    std::map<std::string, int> dialled;
    for (const PathStatus& path : machine_.Paths(now_)) {
      if (path.dialled) dialled[path.path.remote.ToString()] = path.peer->bytes[0];
    }
    return dialled;
  }
  void Pass(Duration duration) {
    for (const TimePoint end = now_ + duration; now_ < end;) {
      now_ += 100ms;
      machine_.HandleTimeout(now_);
      dialler_.HandleTimeout(now_);
      for (Transmit transmit; machine_.PollTransmit(&transmit);) {
      }
    }
  }

  using Where = std::map<std::string, int>;
  TimePoint now_{1000s};
  const crypto::PrivateKey identity_ = *crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
  PeerRegistry registry_{16};
  SessionMachine machine_{identity_, registry_, crypto::SystemRandom(), {}};
  Dialler dialler_{machine_, registry_, /*local_stripes=*/1};
};

TEST_F(DiallerTest, DialsThePeersThatHaveEndpoints) {
  Configure({PeerAt(1, {"192.0.2.1:4242"}), PeerAt(2, {}), PeerAt(3, {"192.0.2.3:4242"})});
  EXPECT_EQ(Dialled(), (Where{{"192.0.2.1:4242", 1}, {"192.0.2.3:4242", 3}}));
}

// An endpoint is one peer's at a time, so all that is let go comes before all that is taken.
TEST_F(DiallerTest, EndpointsThatPeersSwapAreDialledForTheirNewOwners) {
  Configure({PeerAt(1, {"192.0.2.1:4242"}), PeerAt(2, {"192.0.2.2:4242"})});
  Configure({PeerAt(1, {"192.0.2.2:4242"}), PeerAt(2, {"192.0.2.1:4242"})});
  EXPECT_EQ(Dialled(), (Where{{"192.0.2.2:4242", 1}, {"192.0.2.1:4242", 2}}));
  Configure({PeerAt(1, {"192.0.2.1:4242"}), PeerAt(2, {})});
  EXPECT_EQ(Dialled(), (Where{{"192.0.2.1:4242", 1}}));
  Configure({PeerAt(3, {"192.0.2.1:4242"})});
  EXPECT_EQ(Dialled(), (Where{{"192.0.2.1:4242", 3}})) << "of one who has left";
}

TEST_F(DiallerTest, GoesOnToTheNextEndpointOfASilentPeer) {
  Configure({PeerAt(1, {"192.0.2.1:4242", "192.0.2.2:4242"})});
  std::map<std::string, int> seen;
  for (int i = 0; i < 3; ++i) {
    for (const auto& [endpoint, peer] : Dialled()) ++seen[endpoint];
    Pass(Dialler::kPatience + 500ms);
  }
  EXPECT_EQ(seen, (Where{{"192.0.2.1:4242", 2}, {"192.0.2.2:4242", 1}}));
}

// What a peer has said of its ports is forgotten when it is silent: it may have come back with fewer.
TEST_F(DiallerTest, DialsAsManyStripesAsThePeerHasSaid) {
  Dialler dialler(machine_, registry_, 2);
  Configure({PeerAt(1, {"192.0.2.1:4242"})});
  dialler.Refresh(now_);
  dialler.SessionUp(now_, PeerAt(1, {}).id, Capabilities{.version = 1, .stripes = 2, .features = 0});
  EXPECT_EQ(Dialled(), (Where{{"192.0.2.1:4242", 1}, {"192.0.2.1:4243", 1}}));
}

}  // namespace
}  // namespace noisegate::controlplane
