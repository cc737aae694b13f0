#include "controlplane/known_addresses.h"

#include <gtest/gtest.h>

namespace noisegate::controlplane {
namespace {

using dataplane::IpAddress;
using Addresses = std::vector<IpAddress>;

const IpAddress kA = *IpAddress::Parse("192.0.2.1");
const IpAddress kB = *IpAddress::Parse("192.0.2.2");

TEST(KnownAddresses, AreThoseOfTheConfigAndOfSessions) {
  KnownAddresses known;
  EXPECT_FALSE(known.changed());
  known.SetConfigured({{kB}});
  known.Add(kA);
  EXPECT_TRUE(known.changed());
  EXPECT_EQ(known.Take(), (Addresses{kA, kB}));
  EXPECT_FALSE(known.changed());
}

TEST(KnownAddresses, DoNotChangeWhileSessionsRollOver) {
  KnownAddresses known;
  known.Add(kA);
  known.Take();
  for (int i = 0; i < 10; ++i) {
    known.Add(kA);
    known.Remove(kA);
    EXPECT_FALSE(known.changed());
  }
  known.Remove(kA);
  EXPECT_TRUE(known.changed());
  EXPECT_EQ(known.Take(), Addresses{});
}

TEST(KnownAddresses, OfTheConfigStayWithoutSessions) {
  KnownAddresses known;
  known.SetConfigured({{kA}});
  known.Take();
  known.Add(kA);
  known.Remove(kA);
  known.Remove(kB);
  EXPECT_FALSE(known.changed());
  EXPECT_EQ(known.Take(), Addresses{kA});
}

TEST(KnownAddresses, OfSessionsOutliveAReload) {
  KnownAddresses known;
  known.SetConfigured({{kB}});
  known.Add(kA);
  known.SetConfigured({});
  EXPECT_EQ(known.Take(), Addresses{kA});
}

}  // namespace
}  // namespace noisegate::controlplane
