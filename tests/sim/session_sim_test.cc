// Stories between noisegates on a bad network, each under many seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "tests/sim/gateway_node.h"
#include "tests/sim/seeds.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::sim {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

// One datagram takes at most half of `rtt`, held back or not.
Faults FaultsOf(double loss, double duplicate, double reorder, Duration rtt) {
  return {.loss = loss,
          .duplicate = duplicate,
          .reorder = reorder,
          .min_delay = rtt / 5,
          .max_delay = rtt * 2 / 5,
          .reorder_by = rtt / 10};
}

// Messages that the network let through and that did not come, or came twice.
void ExpectNoneLost(const GatewayNode& from, const GatewayNode& to) {
  for (const uint64_t number : from.survived()) {
    ASSERT_EQ(to.received().count(number), 1u) << "message " << number;
  }
}

// Lets what is on the way arrive, and looks at the balance.
void SettleAndExpectNoneLost(VirtualNetwork& network, GatewayNode& a, GatewayNode& b) {
  a.TellEvery(b.endpoint(), Duration::zero());
  b.TellEvery(a.endpoint(), Duration::zero());
  network.RunFor(seconds(4));
  ExpectNoneLost(a, b);
  ExpectNoneLost(b, a);
}

TEST(SessionSim, ComesUpAndRollsOverLosingNothing) {
  uint64_t seeds = 0, seeds_with_gap = 0;
  ForEachSeed(1000, [&](uint64_t seed) {
    SeededRandom random(seed);
    const double loss = 0.3 * random.Unit();
    const Duration rtt = random.Between(milliseconds(1), seconds(3));
    VirtualNetwork network(seed, FaultsOf(loss, 0.2 * random.Unit(), 0.2 * random.Unit(), rtt));
    GatewayNode a(&network, 1 + seed % 2, 1, 2 * seed, {});
    GatewayNode b(&network, 2 - seed % 2, 2, 2 * seed + 1, {});
    a.Dial(b);
    if (random.Chance(0.5)) b.Dial(a);  // at the same moment
    ASSERT_TRUE(network.RunUntilTrue(
        seconds(180), [&] { return a.IsUp(b.endpoint()) && b.IsUp(a.endpoint()); }));

    a.TellEvery(b.endpoint(), milliseconds(250));
    b.TellEvery(a.endpoint(), milliseconds(300));
    size_t most_sessions = 0;
    for (int i = 0; i < 130; ++i) {
      network.RunFor(seconds(1));
      most_sessions = std::max({most_sessions, a.sessions().size(), b.sessions().size()});
    }
    EXPECT_LE(most_sessions, 2 * controlplane::kMaxSessionsPerDirection);
    EXPECT_GE(a.machine().counters().rollovers, 2u);
    SettleAndExpectNoneLost(network, a, b);

    // Where the network lets anything through in time, nothing had to wait for a session either.
    const uint64_t gap = a.undelivered() + b.undelivered();
    const bool fair = loss * std::chrono::duration<double>(rtt).count() < 0.1;
    EXPECT_TRUE(gap == 0 || !fair) << gap << " of loss " << loss << ", rtt "
                                   << duration_cast<milliseconds>(rtt).count() << " ms";
    ++seeds;
    seeds_with_gap += gap > 0 ? 1 : 0;
  });
  EXPECT_LE(seeds_with_gap, seeds / 20 + 1);
}

TEST(SessionSim, BothDiallingSettlesOnOneSession) {
  ForEachSeed(200, [&](uint64_t seed) {
    SeededRandom random(seed);
    const Duration rtt = random.Between(milliseconds(1), milliseconds(300));
    VirtualNetwork network(seed, FaultsOf(0.05 * random.Unit(), 0.05, 0.05, rtt));
    GatewayNode a(&network, 1 + seed % 2, 1, 2 * seed, {});
    GatewayNode b(&network, 2 - seed % 2, 2, 2 * seed + 1, {});
    a.Dial(b);
    network.RunFor(random.Between(Duration::zero(), 2 * rtt));
    b.Dial(a);
    a.TellEvery(b.endpoint(), milliseconds(500));
    b.TellEvery(a.endpoint(), milliseconds(500));
    network.RunFor(seconds(70));  // past the first rollover and its grace time
    EXPECT_EQ(a.sessions().size(), 1u);
    EXPECT_EQ(b.sessions().size(), 1u);
    const uint64_t handshakes = a.ups() + b.ups();
    network.RunFor(seconds(90));  // two more, each of one session
    EXPECT_LE(a.ups() + b.ups(), handshakes + 6);
    EXPECT_EQ(a.undelivered() + b.undelivered(), 0u);
    SettleAndExpectNoneLost(network, a, b);
  });
}

// Who dials whom after the restart.
enum class Dials { kSurvivor, kRestarted, kBoth };

void RestartStory(uint64_t seed, Dials dials, double loss, Duration limit) {
  SeededRandom random(seed);
  const Duration rtt = random.Between(milliseconds(1), milliseconds(200));
  VirtualNetwork network(seed, FaultsOf(loss, 0, 0.1, rtt));
  GatewayNode a(&network, 1 + seed % 2, 1, 2 * seed, {});
  GatewayNode b(&network, 2 - seed % 2, 2, 2 * seed + 1, {});
  const bool a_dials = dials != Dials::kRestarted;
  const bool b_dials = dials != Dials::kSurvivor;
  if (a_dials) a.Dial(b);
  if (b_dials) b.Dial(a);
  a.TellEvery(b.endpoint(), milliseconds(20));
  b.TellEvery(a.endpoint(), milliseconds(20));
  network.RunFor(random.Between(seconds(5), seconds(70)));

  network.Detach(b.endpoint());  // dead, and for a while nobody is there
  network.RunFor(random.Between(Duration::zero(), seconds(6)));
  b.Restart();
  network.Attach(b.endpoint(), &b);
  const TimePoint restarted = network.now();
  if (b_dials) b.Dial(a);
  ASSERT_TRUE(network.RunUntilTrue(limit, [&] {
    return a.last_received() > restarted + rtt && b.last_received() > restarted;
  })) << "rtt " << duration_cast<milliseconds>(rtt).count();
}

TEST(SessionSim, TrafficIsBackThreeSecondsAfterARestartWhereOnlyTheSurvivorDials) {
  ForEachSeed(100, [](uint64_t seed) { RestartStory(seed, Dials::kSurvivor, 0, seconds(3)); });
}

TEST(SessionSim, TrafficIsBackThreeSecondsAfterARestartWhereOnlyTheRestartedDials) {
  ForEachSeed(100, [](uint64_t seed) { RestartStory(seed, Dials::kRestarted, 0, seconds(3)); });
}

TEST(SessionSim, TrafficIsBackThreeSecondsAfterARestartWhereBothDial) {
  ForEachSeed(100, [](uint64_t seed) { RestartStory(seed, Dials::kBoth, 0, seconds(3)); });
}

TEST(SessionSim, TrafficIsBackAfterARestartOnALossyNetwork) {
  ForEachSeed(100, [](uint64_t seed) {
    RestartStory(seed, static_cast<Dials>(seed % 3), 0.1, seconds(10));
  });
}

// At b's address there is suddenly another peer, whom a also admits; a then dials that one.
TEST(SessionSim, AnotherPeerAtTheSameAddressIsToldApart) {
  ForEachSeed(100, [&](uint64_t seed) {
    SeededRandom random(seed);
    VirtualNetwork network(seed, FaultsOf(0.05, 0.05, 0.05, milliseconds(40)));
    GatewayNode a(&network, 1, 1, 3 * seed, {});
    auto b = std::make_unique<GatewayNode>(&network, 2, 2, 3 * seed + 1, GatewayNode::Options{});
    a.Dial(*b);
    ASSERT_TRUE(network.RunUntilTrue(seconds(20), [&] { return a.IsUp(b->endpoint()); }));
    network.RunFor(random.Between(seconds(1), seconds(50)));
    b.reset();
    GatewayNode c(&network, 3, 2, 3 * seed + 2, {});
    a.TellEvery(c.endpoint(), milliseconds(100));
    network.RunFor(seconds(20));
    EXPECT_TRUE(c.received().empty());  // that was for b
    EXPECT_FALSE(c.IsUp(a.endpoint()));
    EXPECT_GT(a.machine().counters().rejected[static_cast<size_t>(
                  dataplane::DropReason::kWrongPeer)], 0u);

    a.machine().Undial({0, c.endpoint()});
    a.machine().ClosePeer(network.now(), TestKey(2).id(), controlplane::DownCause::kPeerRemoved);
    a.Drain();
    a.Dial(c);
    const TimePoint dialled = network.now();
    ASSERT_TRUE(network.RunUntilTrue(seconds(20), [&] { return c.last_received() > dialled; }));
  });
}

TEST(SessionSim, ThreeNodesKeepAllTheirSessions) {
  ForEachSeed(100, [&](uint64_t seed) {
    SeededRandom random(seed);
    const Duration rtt = random.Between(milliseconds(1), milliseconds(200));
    VirtualNetwork network(seed, FaultsOf(0.1 * random.Unit(), 0.05, 0.05, rtt));
    GatewayNode a(&network, 1, 1, 3 * seed, {}), b(&network, 2, 2, 3 * seed + 1, {}),
        relay(&network, 3, 3, 3 * seed + 2, {});
    a.Dial(relay);
    b.Dial(relay);
    relay.Dial(b);
    network.RunFor(seconds(20));
    a.TellEvery(relay.endpoint(), milliseconds(200));
    b.TellEvery(relay.endpoint(), milliseconds(200));
    relay.TellEvery(a.endpoint(), milliseconds(200));
    network.RunFor(seconds(120));
    a.TellEvery(relay.endpoint(), Duration::zero());
    b.TellEvery(relay.endpoint(), Duration::zero());
    relay.TellEvery(a.endpoint(), Duration::zero());
    network.RunFor(seconds(4));
    ExpectNoneLost(a, relay);
    ExpectNoneLost(b, relay);
    ExpectNoneLost(relay, a);
    EXPECT_EQ(a.undelivered() + b.undelivered() + relay.undelivered(), 0u);
  });
}

}  // namespace
}  // namespace noisegate::sim
