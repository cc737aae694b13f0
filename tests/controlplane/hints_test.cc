#include "controlplane/hints.h"

#include <gtest/gtest.h>

#include "tests/crypto/test_bytes.h"
#include "tests/sim/gateway_node.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Direction;
using dataplane::Header;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(NoSessionHint, GoesAgainstTheDirectionOfWhatItIsAbout) {
  const Header to_responder{Direction::kInitiatorToResponder, 0x1234};
  EXPECT_EQ(crypto::ToHex(BuildNoSessionHint(to_responder)), "800000010200001234");
  const Header to_initiator{Direction::kResponderToInitiator, 0x1234};
  EXPECT_EQ(crypto::ToHex(BuildNoSessionHint(to_initiator)), "000000010280001234");
  EXPECT_EQ(ParseNoSessionHint(BuildNoSessionHint(to_responder)), to_responder);
  EXPECT_EQ(ParseNoSessionHint(BuildNoSessionHint(to_initiator)), to_initiator);
}

TEST(NoSessionHint, IsNothingElse) {
  for (const char* const hex : {
           "80000001",                        // bare
           "8000000102000012",                // cut short
           "80000001020000123400",            // too long
           "800000010100001234",              // another type
           "800000010280001234",              // in the same direction
           "7fffffff0280001234",              // another counter
           "800000010200000000",              // about a handshake message
           "80000001027fffffff",              // about a close
       }) {
    EXPECT_FALSE(ParseNoSessionHint(crypto::FromHex(hex))) << hex;
  }
}

TEST(HintLimiter, AllowsOneAnIntervalForAPath) {
  HintLimiter limiter(seconds(1));
  const Path path{0, sim::TestEndpoint(1)};
  const HintLimiter::TimePoint start(std::chrono::hours(1));
  EXPECT_TRUE(limiter.Allow(start, path));
  EXPECT_FALSE(limiter.Allow(start + milliseconds(999), path));
  EXPECT_TRUE(limiter.Allow(start + milliseconds(1000), path));
}

TEST(HintLimiter, AllowsSoManyASecondInAll) {
  HintLimiter limiter(seconds(1));
  const HintLimiter::TimePoint start(std::chrono::hours(1));
  for (int second = 0; second < 3; ++second) {
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < 5000; ++i) {
      allowed += limiter.Allow(start + seconds(second), {0, sim::TestEndpoint(i)}) ? 1 : 0;
    }
    EXPECT_EQ(allowed, HintLimiter::kPerSecond);
  }
}

}  // namespace
}  // namespace noisegate::controlplane
