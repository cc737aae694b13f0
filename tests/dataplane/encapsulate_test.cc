// A host's packets become messages on the wire, byte for byte.

#include <gtest/gtest.h>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

TEST(Encapsulate, SealsEveryFamilyInsideOverEveryFamilyOutside) {
  GatewayRig rig;
  FarEnd v4;
  FarEnd v6{.peer = 2, .address = "2001:db8:f::2", .seed = 2, .v6 = true};
  rig.Publish(v4);
  rig.Publish(v6);
  struct Case {
    const char *source, *destination;
    FarEnd* far;
  };
  for (const Case& c : {Case{"10.0.0.5", "10.1.0.7", &v4}, Case{"fd00:a::5", "fd00:b1::7", &v4},
                        Case{"10.0.0.5", "10.2.0.7", &v6}, Case{"fd00:a::5", "fd00:b2::7", &v6}}) {
    for (size_t size : {0, 1, 15, 16, 17, 64, 1000}) {
      const Bytes packet = UdpPacket(c.source, c.destination, size);
      rig.HostSends(packet);
      const std::optional<Bytes> datagram = rig.FarReceives(*c.far);
      ASSERT_TRUE(datagram.has_value());
      EXPECT_EQ(datagram->size(), packet.size() + 20);
      const std::optional<Bytes> message = c.far->Open(*datagram);
      ASSERT_TRUE(message.has_value()) << c.source << " " << c.destination << " " << size;
      EXPECT_EQ(*message, OneHopLess(packet));
    }
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().sealed, 4 * 7);
  EXPECT_EQ(rig.AllDrops(), 0);
}

}  // namespace
}  // namespace noisegate::dataplane
