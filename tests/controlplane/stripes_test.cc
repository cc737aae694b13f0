#include "controlplane/stripes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace noisegate::controlplane {
namespace {

crypto::PeerId RandomId(std::mt19937_64& random) {
  crypto::PeerId id;
  for (uint8_t& byte : id.bytes) byte = static_cast<uint8_t>(random());
  return id;
}

TEST(Stripes, HashDoesNotDependOnWhoAsks) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    const crypto::PeerId a = RandomId(random), b = RandomId(random);
    EXPECT_EQ(StripeHash(a, b), StripeHash(b, a));
  }
}

TEST(Stripes, BothSidesComputeTheSamePairs) {
  std::mt19937_64 random(2);
  for (uint32_t n = 1; n <= 20; ++n) {
    for (uint32_t m = 1; m <= 20; ++m) {
      const uint64_t hash = StripeHash(RandomId(random), RandomId(random));
      std::vector<StripePair> ours = StripePairs(hash, n, m);
      std::vector<StripePair> theirs = StripePairs(hash, m, n);
      for (StripePair& pair : theirs) std::swap(pair.local, pair.remote);
      std::sort(ours.begin(), ours.end());
      std::sort(theirs.begin(), theirs.end());
      ASSERT_EQ(ours, theirs) << n << " by " << m;
    }
  }
}

TEST(Stripes, NoPortServesTwoPairs) {
  std::mt19937_64 random(3);
  // A hash near 2^64 would wrap if it were added to before it is reduced.
  for (const uint64_t hash : {uint64_t{0}, UINT64_MAX, UINT64_MAX - 3, uint64_t{random()}}) {
    for (uint32_t n = 1; n <= 12; ++n) {
      for (uint32_t m = 1; m <= 12; ++m) {
        const std::vector<StripePair> pairs = StripePairs(hash, n, m);
        ASSERT_EQ(pairs.size(), std::min(n, m));
        std::set<uint16_t> locals, remotes;
        for (const StripePair& pair : pairs) {
          EXPECT_LT(pair.local, n);
          EXPECT_LT(pair.remote, m);
          locals.insert(pair.local);
          remotes.insert(pair.remote);
        }
        EXPECT_EQ(locals.size(), pairs.size());
        EXPECT_EQ(remotes.size(), pairs.size());
      }
    }
  }
}

TEST(Stripes, PeersWithOnePortSpreadOverTheWorkers) {
  std::mt19937_64 random(4);
  const crypto::PeerId us = RandomId(random);
  constexpr int kWorkers = 4, kPeers = 4000;
  int load[kWorkers] = {};
  for (int i = 0; i < kPeers; ++i) {
    ++load[StripePairs(StripeHash(us, RandomId(random)), kWorkers, 1)[0].local];
  }
  for (const int peers : load) EXPECT_NEAR(peers, kPeers / kWorkers, 150);
}

TEST(Stripes, CountsAreHeldWithinBounds) {
  EXPECT_EQ(StripePairs(7, 0, 0), (std::vector<StripePair>{{0, 0}}));
  EXPECT_EQ(StripePairs(7, UINT32_MAX, UINT32_MAX).size(), kMaxStripes);
}

}  // namespace
}  // namespace noisegate::controlplane
