#include "dataplane/forwarding.h"

#include <gtest/gtest.h>

#include "tests/dataplane/addresses.h"

namespace noisegate::dataplane {
namespace {

Route Peer(uint32_t index) { return {.kind = Route::Kind::kPeer, .index = index}; }
Route Port(uint16_t port) { return {.kind = Route::Kind::kConnected, .port = port}; }
Route Via(uint16_t port, const char* next_hop) {
  return {.kind = Route::Kind::kVia, .port = port, .next_hop = IpAddress::Parse(next_hop).value()};
}
PrefixRoute To(const char* prefix, const Route& route) {
  return {Prefix::Parse(prefix).value(), route};
}

TEST(Forwarding, FindsTheOwnerOfTheLongestPrefix) {
  const PrefixRoute routes[] = {
      To("10.0.0.0/8", Peer(1)),
      To("10.1.0.0/16", Peer(2)),
      To("192.0.2.0/24", Port(3)),
      To("0.0.0.0/0", Via(3, "192.0.2.254")),
      To("192.0.2.1", {.kind = Route::Kind::kLocal}),
      To("2001:db8::/32", Peer(1)),
      To("2001:db8:5::/48", Peer(5)),
  };
  const auto forwarding = Forwarding::Build(routes, {});
  ASSERT_TRUE(forwarding.ok());
  const Forwarding& f = **forwarding;
  EXPECT_EQ(f.Lookup(Ip("10.2.0.1")), Peer(1));
  EXPECT_EQ(f.Lookup(Ip("10.1.0.1")), Peer(2));
  EXPECT_EQ(f.Lookup(Ip("192.0.2.77")), Port(3));
  EXPECT_EQ(f.Lookup(Ip("192.0.2.1")).kind, Route::Kind::kLocal);
  EXPECT_EQ(f.Lookup(Ip("8.8.8.8")), Via(3, "192.0.2.254"));
  EXPECT_EQ(f.Lookup(Ip("2001:db8::1")), Peer(1));
  EXPECT_EQ(f.Lookup(Ip("2001:db8:5::1")), Peer(5));
  EXPECT_EQ(f.Lookup(Ip("2001:db9::1")).kind, Route::Kind::kNone);  // 0.0.0.0/0 is not ::/0
  EXPECT_EQ(f.route(f.v4().LookupV4(Ip("10.1.0.1").v4())), Peer(2));
  EXPECT_EQ(f.route(PrefixTable::kNoMatch).kind, Route::Kind::kNone);
}

TEST(Forwarding, NamesAPrefixThatTwoOwnersClaim) {
  const PrefixRoute routes[] = {To("10.0.0.0/8", Peer(1)), To("10.1.0.0/16", Peer(2)),
                                To("10.1.0.0/16", Peer(3))};
  const auto forwarding = Forwarding::Build(routes, {});
  ASSERT_FALSE(forwarding.ok());
  EXPECT_EQ(forwarding.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(forwarding.status().message(), "10.1.0.0/16 is claimed by peer 2 and by peer 3");
}

TEST(Forwarding, SeesThroughHostBitsToTheClaim) {
  const PrefixRoute routes[] = {To("10.1.2.3/16", Peer(2)), To("10.1.0.0/16", Port(1))};
  EXPECT_FALSE(Forwarding::Build(routes, {}).ok());
}

TEST(Forwarding, TakesOneClaimMadeTwice) {
  const PrefixRoute routes[] = {To("10.0.0.0/8", Peer(1)), To("10.0.0.0/8", Peer(1))};
  const auto forwarding = Forwarding::Build(routes, {});
  ASSERT_TRUE(forwarding.ok());
  EXPECT_EQ((*forwarding)->Lookup(Ip("10.0.0.1")), Peer(1));
}

TEST(Forwarding, RefusesAPrefixWithoutOwner) {
  const PrefixRoute routes[] = {To("10.0.0.0/8", Route{})};
  EXPECT_FALSE(Forwarding::Build(routes, {}).ok());
}

TEST(Forwarding, PermitsNoRelayUnlessSaid) {
  const auto forwarding = Forwarding::Build({}, {});
  EXPECT_FALSE((*forwarding)->MayRelay(1, 2));
}

TEST(Forwarding, PermitsRelayInTheDirectionSaid) {
  constexpr uint32_t kAny = RelayPermission::kAnyPeer;
  const RelayPermission pair[] = {{1, 2}};
  auto f = std::move(*Forwarding::Build({}, pair));
  EXPECT_TRUE(f->MayRelay(1, 2));
  EXPECT_FALSE(f->MayRelay(2, 1));
  EXPECT_FALSE(f->MayRelay(1, 3));

  const RelayPermission hub[] = {{kAny, 7}, {7, kAny}};
  f = std::move(*Forwarding::Build({}, hub));
  EXPECT_TRUE(f->MayRelay(1, 7));
  EXPECT_TRUE(f->MayRelay(7, 1));
  EXPECT_FALSE(f->MayRelay(1, 2));

  const RelayPermission all[] = {{kAny, kAny}};
  f = std::move(*Forwarding::Build({}, all));
  EXPECT_TRUE(f->MayRelay(1, 2));
}

TEST(Forwarding, NeverPermitsRelayBackToTheSender) {
  constexpr uint32_t kAny = RelayPermission::kAnyPeer;
  const RelayPermission all[] = {{kAny, kAny}, {3, 3}};
  const auto forwarding = Forwarding::Build({}, all);
  EXPECT_FALSE((*forwarding)->MayRelay(3, 3));
  EXPECT_FALSE((*forwarding)->MayRelay(4, 4));
}

}  // namespace
}  // namespace noisegate::dataplane
