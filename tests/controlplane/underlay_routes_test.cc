#include "controlplane/underlay_routes.h"

#include <gtest/gtest.h>

#include <string>

namespace noisegate::controlplane {
namespace {

dataplane::IpAddress A(std::string_view text) { return *dataplane::IpAddress::Parse(text); }

// Two uplinks; the overlay between them is not one.
UnderlayRoutes TwoUplinks() {
  std::vector<config::Port> ports(3);
  const auto give = [](config::Port& port, std::initializer_list<const char*> addresses) {
    for (const char* address : addresses) port.addresses.push_back(*dataplane::Prefix::Parse(address));
  };
  give(ports[0], {"192.0.2.1/24", "2001:db8::1/64", "fe80::1/64"});
  ports[0].gateway_v4 = A("192.0.2.254");
  ports[0].gateway_v6 = A("fe80::fe");
  ports[1].side = config::Side::kOverlay;
  give(ports[1], {"10.0.0.1/8"});
  give(ports[2], {"198.51.100.1/24", "192.0.2.129/25", "fe80::1/64"});
  ports[2].gateway_v4 = A("198.51.100.254");
  ports[2].mtu = 1400;
  return UnderlayRoutes(ports);
}

// "port local → next hop", or "".
std::string Text(const std::optional<UnderlayRoutes::Hop>& hop) {
  if (!hop) return "";
  return std::to_string(hop->port) + " " + hop->local_address.ToString() + " → " +
         hop->next_hop.ToString();
}

TEST(UnderlayRoutes, TakesTheLongestPrefixAndElseTheFirstGateway) {
  const UnderlayRoutes routes = TwoUplinks();
  EXPECT_EQ(Text(routes.To(A("192.0.2.7"))), "0 192.0.2.1 → 192.0.2.7");
  EXPECT_EQ(Text(routes.To(A("192.0.2.200"))), "2 192.0.2.129 → 192.0.2.200");
  EXPECT_EQ(Text(routes.To(A("203.0.113.1"))), "0 192.0.2.1 → 192.0.2.254");
  EXPECT_EQ(Text(routes.To(A("10.1.1.1"))), "0 192.0.2.1 → 192.0.2.254") << "not by the overlay";
  EXPECT_EQ(Text(routes.To(A("2001:db8:9::1"))), "0 2001:db8::1 → fe80::fe");
  EXPECT_EQ(routes.To(A("198.51.100.7"))->mtu, 1400);
}

TEST(UnderlayRoutes, LeavesFromTheAddressAndPortThatItIsTold) {
  const UnderlayRoutes routes = TwoUplinks();
  EXPECT_EQ(Text(routes.From(2, A("198.51.100.1"), A("203.0.113.1"))),
            "2 198.51.100.1 → 198.51.100.254");
  EXPECT_EQ(Text(routes.From(2, A("192.0.2.1"), A("203.0.113.1"))), "") << "the other port's";
  EXPECT_EQ(Text(routes.From(0, A("192.0.2.1"), A("2001:db8::2"))), "") << "of two families";
}

// A link-local address stands for another host on each link, and no router carries it on.
TEST(UnderlayRoutes, ALinkLocalNextHopIsOnThePortThatItCameInOn) {
  const UnderlayRoutes routes = TwoUplinks();
  for (const uint16_t port : {0, 2}) {
    const std::string here = std::to_string(port) + " fe80::1 → fe80::2";
    EXPECT_EQ(Text(routes.From(port, A("fe80::1"), A("fe80::2"))), here);
  }
  EXPECT_EQ(Text(routes.From(0, A("2001:db8::1"), A("fe80::2"))), "0 2001:db8::1 → fe80::2")
      << "not by the gateway";
  EXPECT_EQ(Text(routes.To(A("fe80::2"))), "0 fe80::1 → fe80::2");
}

}  // namespace
}  // namespace noisegate::controlplane
