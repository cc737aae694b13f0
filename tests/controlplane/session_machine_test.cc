#include "controlplane/session_machine.h"

#include <gtest/gtest.h>

#include "tests/sim/gateway_node.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::controlplane {
namespace {

using sim::GatewayNode;
using sim::VirtualNetwork;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Pair {
  explicit Pair(GatewayNode::Options options = {}, sim::Faults faults = {})
      : network(1, faults), a(&network, 1, 1, 11, options), b(&network, 2, 2, 12, options) {}
  bool BothUp() { return a.IsUp(b.endpoint()) && b.IsUp(a.endpoint()); }

  VirtualNetwork network;
  GatewayNode a, b;
};

TEST(SessionMachine, BringsASessionUpInTwoRoundTrips) {
  Pair pair;
  const auto start = pair.network.now();
  pair.a.Dial(pair.b);
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(5), [&] { return pair.BothUp(); }));
  // init, resp, sig, sig, and the empty message that confirms: 5 × 5 ms.
  EXPECT_EQ(pair.network.now() - start, milliseconds(25));
}

}  // namespace
}  // namespace noisegate::controlplane
