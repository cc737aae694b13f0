#include "controlplane/peer_registry.h"

#include <gtest/gtest.h>

#include <set>

namespace noisegate::controlplane {
namespace {

config::Peer MakePeer(uint8_t number, std::string name = "") {
  config::Peer peer;
  peer.name = name.empty() ? "peer" + std::to_string(number) : std::move(name);
  peer.id.bytes[0] = number;
  return peer;
}

PeerRegistry MustHave(absl::StatusOr<PeerRegistry> registry) {
  EXPECT_TRUE(registry.ok()) << registry.status().message();
  return *std::move(registry);
}

TEST(PeerRegistry, FindsByIdNameAndSlotAndAdmitsNobodyElse) {
  PeerRegistry registry = MustHave(PeerRegistry(4).With(std::vector{MakePeer(1), MakePeer(2)}));
  const PeerRegistry::Peer* two = registry.FindByName("peer2");
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(registry.Find(MakePeer(2).id), two);
  EXPECT_EQ(registry.Get(two->index), two);
  EXPECT_TRUE(registry.Admits(MakePeer(1).id));
  EXPECT_FALSE(registry.Admits(MakePeer(3).id));
  EXPECT_EQ(registry.Get(2), nullptr);
  EXPECT_EQ(registry.FindByName("peer3"), nullptr);
}

TEST(PeerRegistry, PeersThatStayKeepTheirSlots) {
  PeerRegistry before =
      MustHave(PeerRegistry(8).With(std::vector{MakePeer(1), MakePeer(2), MakePeer(3)}));
  PeerRegistry after =
      MustHave(before.With(std::vector{MakePeer(9), MakePeer(3, "renamed"), MakePeer(1)}));
  EXPECT_EQ(after.Find(MakePeer(1).id)->index, before.Find(MakePeer(1).id)->index);
  EXPECT_EQ(after.FindByName("renamed")->index, before.Find(MakePeer(3).id)->index);
  EXPECT_EQ(after.Find(MakePeer(2).id), nullptr);
  std::set<dataplane::PeerIndex> slots;
  for (const auto* peer : after.All()) slots.insert(peer->index);
  EXPECT_EQ(slots.size(), 3u) << "one slot each";
  EXPECT_FALSE(slots.contains(before.Find(MakePeer(2).id)->index)) << "fresh slots go first";
}

TEST(PeerRegistry, ReusesTheSlotThatIsFreeLongest) {
  PeerRegistry registry =
      MustHave(PeerRegistry(3).With(std::vector{MakePeer(1), MakePeer(2), MakePeer(3)}));
  const auto slot_of_one = registry.Find(MakePeer(1).id)->index;
  registry = MustHave(registry.With(std::vector{MakePeer(2), MakePeer(3)}));
  registry = MustHave(registry.With(std::vector{MakePeer(3)}));
  registry = MustHave(registry.With(std::vector{MakePeer(3), MakePeer(4)}));
  EXPECT_EQ(registry.Find(MakePeer(4).id)->index, slot_of_one);
}

TEST(PeerRegistry, AFullOneTakesAReplacementInOneStep) {
  PeerRegistry registry = MustHave(PeerRegistry(2).With(std::vector{MakePeer(1), MakePeer(2)}));
  registry = MustHave(registry.With(std::vector{MakePeer(3), MakePeer(2)}));
  EXPECT_TRUE(registry.Admits(MakePeer(3).id));
}

TEST(PeerRegistry, RefusesTooManyAndDuplicatesAndStaysAsItWas) {
  const PeerRegistry registry = MustHave(PeerRegistry(2).With(std::vector{MakePeer(1)}));
  EXPECT_TRUE(absl::IsResourceExhausted(
      registry.With(std::vector{MakePeer(1), MakePeer(2), MakePeer(3)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      registry.With(std::vector{MakePeer(4, "a"), MakePeer(5, "a")}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      registry.With(std::vector{MakePeer(1, "a"), MakePeer(1, "b")}).status()));
  EXPECT_EQ(registry.size(), 1u);
  EXPECT_NE(registry.FindByName("peer1"), nullptr);
}

TEST(PeerRegistry, GivesRoutesAndPermissionsBySlot) {
  config::Peer a = MakePeer(1, "a"), b = MakePeer(2, "b");
  b.allowed_prefixes = {*dataplane::Prefix::Parse("10.2.0.1/16")};
  a.relay_to = {"b"};
  b.relay_to = {"*"};
  PeerRegistry registry = MustHave(PeerRegistry(2).With(std::vector{a, b}));
  const auto slot_a = registry.FindByName("a")->index, slot_b = registry.FindByName("b")->index;

  const auto routes = registry.Routes();
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].prefix.ToString(), "10.2.0.0/16") << "host bits cleared";
  EXPECT_EQ(routes[0].route.kind, dataplane::Route::Kind::kPeer);
  EXPECT_EQ(routes[0].route.index, slot_b);

  const auto permissions = registry.Permissions();
  ASSERT_EQ(permissions.size(), 2u);
  EXPECT_EQ(permissions[0].from, slot_a);
  EXPECT_EQ(permissions[0].to, slot_b);
  EXPECT_EQ(permissions[1].from, slot_b);
  EXPECT_EQ(permissions[1].to, dataplane::RelayPermission::kAnyPeer);
}

TEST(PeerRegistry, ListsEndpointAddressesOnce) {
  config::Peer a = MakePeer(1), b = MakePeer(2);
  a.endpoints = {*dataplane::EndpointRange::Parse("192.0.2.2:4242"),
                 *dataplane::EndpointRange::Parse("192.0.2.1:4242-4245")};
  b.endpoints = {*dataplane::EndpointRange::Parse("192.0.2.2:1")};
  PeerRegistry registry = MustHave(PeerRegistry(2).With(std::vector{a, b}));
  const auto addresses = registry.EndpointAddresses();
  ASSERT_EQ(addresses.size(), 2u);
  EXPECT_EQ(addresses[0].ToString(), "192.0.2.1");
  EXPECT_EQ(addresses[1].ToString(), "192.0.2.2");
}

}  // namespace
}  // namespace noisegate::controlplane
