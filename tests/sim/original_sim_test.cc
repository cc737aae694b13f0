// Stories between a noisegate and the original, as original_peer.h models it, in either role.
#include <gtest/gtest.h>

#include "tests/sim/gateway_node.h"
#include "tests/sim/original_peer.h"
#include "tests/sim/seeds.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Slot = OriginalPeer::Slot;

struct Neighbours {
  Neighbours(uint64_t seed, Faults faults)
      : network(seed, faults),
        ours(&network, 1 + seed % 2, 1, 2 * seed, {}),
        original(&network, 2 - seed % 2, 2, 2 * seed + 1) {}

  void Dial() { ours.Dial(original.endpoint(), original.id()); }
  bool Up() { return ours.IsUp(original.endpoint()); }
  void StopTelling() {
    ours.TellEvery(original.endpoint(), Duration::zero());
    original.TellEvery(ours.endpoint(), Duration::zero());
    network.RunFor(seconds(5));
  }
  uint64_t Lost() const {
    uint64_t lost = 0;
    for (const uint64_t number : ours.survived()) lost += 1 - original.received().count(number);
    for (const uint64_t number : original.survived()) lost += 1 - ours.received().count(number);
    return lost;
  }

  VirtualNetwork network;
  GatewayNode ours;
  OriginalPeer original;
};

Faults Steady(Duration rtt) {
  return {.min_delay = rtt * 9 / 20, .max_delay = rtt / 2, .reorder_by = {}};
}

// On a network without loss nothing is lost either, whoever dials, over three rollovers.
enum class Dials { kWe, kOriginal, kBoth };

void LosslessStory(uint64_t seed, Dials dials) {
  SeededRandom random(seed);
  Neighbours n(seed, Steady(random.Between(milliseconds(1), milliseconds(400))));
  if (dials != Dials::kOriginal) n.Dial();
  if (dials != Dials::kWe) n.original.TellEvery(n.ours.endpoint(), milliseconds(300));
  ASSERT_TRUE(n.network.RunUntilTrue(seconds(5), [&] { return n.Up(); }));
  n.ours.TellEvery(n.original.endpoint(), milliseconds(250));
  if (random.Chance(0.5)) n.original.TellEvery(n.ours.endpoint(), milliseconds(300));
  for (int i = 0; i < 150; ++i) {
    n.network.RunFor(seconds(1));
    ASSERT_NE(n.original.SlotOf(n.ours.endpoint(), true), Slot::kBlocked);
  }
  n.StopTelling();
  EXPECT_EQ(n.Lost(), 0u);
  EXPECT_EQ(n.ours.undelivered(), 0u);
  EXPECT_EQ(n.original.failed_tells(), 0u);
  EXPECT_GE(n.ours.ups(), 3u);
}

TEST(OriginalSim, RollsOverWithoutLossWhereWeDial) {
  ForEachSeed(150, [](uint64_t seed) { LosslessStory(seed, Dials::kWe); });
}

TEST(OriginalSim, RollsOverWithoutLossWhereTheOriginalDials) {
  ForEachSeed(150, [](uint64_t seed) { LosslessStory(seed, Dials::kOriginal); });
}

TEST(OriginalSim, RollsOverWithoutLossWhereBothDial) {
  ForEachSeed(100, [](uint64_t seed) { LosslessStory(seed, Dials::kBoth); });
}

// The original sends each handshake message once and lets any stray one end a session, so a bad network
// costs it messages. Dialled by us it always comes back, and what is lost stays a small part.
TEST(OriginalSim, ComesBackOnABadNetwork) {
  uint64_t told = 0, lost = 0, blocked_seconds = 0, all_seconds = 0;
  ForEachSeed(600, [&](uint64_t seed) {
    SeededRandom random(seed);
    Faults faults = Steady(random.Between(milliseconds(1), seconds(1)));
    faults.loss = 0.15 * random.Unit();
    faults.duplicate = 0.05 * random.Unit();
    Neighbours n(seed, faults);
    n.Dial();
    ASSERT_TRUE(n.network.RunUntilTrue(seconds(60), [&] { return n.Up(); }));
    n.ours.TellEvery(n.original.endpoint(), milliseconds(300));
    if (random.Chance(0.7)) n.original.TellEvery(n.ours.endpoint(), milliseconds(350));
    for (int i = 0; i < 100; ++i) {
      n.network.RunFor(seconds(1));
      ++all_seconds;
      blocked_seconds += n.original.SlotOf(n.ours.endpoint(), true) == Slot::kBlocked ? 1 : 0;
    }
    n.StopTelling();
    told += n.ours.told().size() + n.original.told().size();
    lost += n.Lost() + n.ours.undelivered();

    // With the faults gone all is well again, at once.
    n.network.set_faults(Steady(milliseconds(20)));
    n.network.RunFor(seconds(3));
    n.ours.TellEvery(n.original.endpoint(), milliseconds(300));
    n.original.TellEvery(n.ours.endpoint(), milliseconds(350));
    const TimePoint fair = n.network.now();
    ASSERT_TRUE(n.network.RunUntilTrue(seconds(10), [&] {
      return n.original.last_received() > fair && n.ours.last_received() > fair;
    }));
  });
  EXPECT_LT(lost, told / 50);
  EXPECT_LT(blocked_seconds, all_seconds / 20);
}

TEST(OriginalSim, ComesBackAfterEitherRestarts) {
  ForEachSeed(100, [](uint64_t seed) {
    SeededRandom random(seed);
    const Duration rtt = random.Between(milliseconds(1), milliseconds(200));
    Neighbours n(seed, Steady(rtt));
    n.Dial();
    n.ours.TellEvery(n.original.endpoint(), milliseconds(50));
    n.original.TellEvery(n.ours.endpoint(), milliseconds(50));
    n.network.RunFor(random.Between(seconds(5), seconds(55)));
    const bool we_restart = random.Chance(0.5);
    if (we_restart) {
      n.ours.Restart();
      n.Dial();
    } else {
      n.original.Restart();
    }
    const TimePoint restarted = n.network.now();
    ASSERT_TRUE(n.network.RunUntilTrue(seconds(4), [&] {
      return n.original.last_received() > restarted + rtt && n.ours.last_received() > restarted + rtt;
    }));
  });
}

// Its outbound slot, dead of a network's copy of our sig, swallows what we send on it and blocks its
// dialling. We notice that nothing comes, go into the other slot, and clear this one.
TEST(OriginalSim, ASlotThatSwallowsEverythingIsNoticedAndCleared) {
  Neighbours n(1, Steady(milliseconds(20)));
  n.original.TellEvery(n.ours.endpoint(), milliseconds(300));
  ASSERT_TRUE(n.network.RunUntilTrue(seconds(5), [&] { return n.Up(); }));
  n.ours.TellEvery(n.original.endpoint(), milliseconds(100));
  n.network.RunFor(seconds(2));
  ASSERT_EQ(n.original.SlotOf(n.ours.endpoint(), true), Slot::kReady);
  const uint8_t copy_of_sig[20] = {0x80, 0, 0, 3};
  n.network.Inject(n.ours.endpoint(), n.original.endpoint(), copy_of_sig);
  n.network.RunFor(milliseconds(200));
  ASSERT_EQ(n.original.SlotOf(n.ours.endpoint(), true), Slot::kBlocked);
  n.network.RunFor(seconds(3));
  EXPECT_NE(n.original.SlotOf(n.ours.endpoint(), true), Slot::kBlocked);
  EXPECT_EQ(n.original.SlotOf(n.ours.endpoint(), false), Slot::kReady);
  const TimePoint cleared = n.network.now();
  n.network.RunFor(seconds(1));
  EXPECT_GT(n.original.last_received(), cleared);
  EXPECT_GT(n.ours.last_received(), cleared);
}

TEST(OriginalSim, GoodbyeLeavesItFreeToDialAgain) {
  for (const bool we_dial : {true, false}) {
    Neighbours n(1, Steady(milliseconds(20)));
    if (we_dial) n.Dial();
    n.original.TellEvery(n.ours.endpoint(), milliseconds(100));
    n.network.RunFor(seconds(2));
    n.ours.machine().CloseAll(n.network.now());
    n.ours.Drain();
    n.original.TellEvery(n.ours.endpoint(), Duration::zero());
    n.network.RunFor(milliseconds(500));
    EXPECT_NE(n.original.SlotOf(n.ours.endpoint(), true), Slot::kBlocked);
    const TimePoint closed = n.network.now();
    n.original.TellEvery(n.ours.endpoint(), milliseconds(100));
    n.network.RunFor(seconds(1));
    EXPECT_GT(n.ours.last_received(), closed);
  }
}

}  // namespace
}  // namespace noisegate::sim
