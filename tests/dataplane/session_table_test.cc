#include "dataplane/session_table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/dpdk_dataplane.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

SessionTable& TableOf(GatewayRig& rig) {
  return static_cast<DpdkDataplane&>(rig.dp()).sessions_for_test();
}

// Whether 32 equal bytes, as the keys of the tests are, stand anywhere in the slot.
bool HoldsKey(const Session* slot, uint8_t byte) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(slot);
  const Bytes key(32, byte);
  return std::search(bytes, bytes + sizeof(Session), key.begin(), key.end()) !=
         bytes + sizeof(Session);
}

TEST(SessionTable, WipesARetiredSessionOnceNoWorkerCanHoldIt) {
  GatewayRig rig;
  FarEnd far{.seed = 0x55};
  const SessionRef ref = rig.Publish(far);
  const Session* slot = TableOf(rig).Find(ref);
  ASSERT_NE(slot, nullptr);
  EXPECT_TRUE(HoldsKey(slot, 0x55));
  EXPECT_TRUE(HoldsKey(slot, 0xd5));
  ASSERT_TRUE(rig.dp().Retire(ref).ok());
  EXPECT_EQ(TableOf(rig).Find(ref), nullptr);
  EXPECT_EQ(TableOf(rig).in_use(), 1);
  rig.Settle();
  rig.dp().Reclaim();
  EXPECT_FALSE(HoldsKey(slot, 0x55));
  EXPECT_FALSE(HoldsKey(slot, 0xd5));
  EXPECT_EQ(TableOf(rig).in_use(), 0);
}

TEST(SessionTable, KeepsARetiredSessionForAsLongAsAWorkerMayHoldIt) {
  // A worker that is stopped in the middle of a turn is played by a reader of our own.
  TestEal();
  GracePeriods grace_periods(1);
  rte_rcu_qsbr_thread_register(grace_periods.readers(), 0);
  rte_rcu_qsbr_thread_online(grace_periods.readers(), 0);
  int freed = 0;
  grace_periods.Defer([&] { ++freed; });
  grace_periods.Reclaim();
  EXPECT_EQ(freed, 0);
  rte_rcu_qsbr_quiescent(grace_periods.readers(), 0);
  grace_periods.Defer([&] { freed += 10; });
  grace_periods.Reclaim();
  EXPECT_EQ(freed, 1);
  rte_rcu_qsbr_thread_offline(grace_periods.readers(), 0);  // asleep: holds nothing
  grace_periods.Reclaim();
  EXPECT_EQ(freed, 11);
  EXPECT_EQ(grace_periods.waiting(), 0);
  rte_rcu_qsbr_thread_unregister(grace_periods.readers(), 0);
}

TEST(SessionTable, RefusesWhatItCannotHold) {
  GatewayRig rig({.max_sessions = 2});
  FarEnd far;
  const auto refused = [&](const std::function<void(SessionParams*)>& change) {
    SessionParams params = rig.Params(far);
    change(&params);
    return !rig.dp().Publish(params).ok();
  };
  EXPECT_TRUE(refused([](SessionParams* p) { p->peer = 8; }));
  EXPECT_TRUE(refused([](SessionParams* p) { p->worker = 1; }));
  EXPECT_TRUE(refused([](SessionParams* p) { p->port = 2; }));
  EXPECT_TRUE(refused([](SessionParams* p) { p->next_hop = 64; }));
  EXPECT_TRUE(refused([](SessionParams* p) { p->local_address = Ip("2001:db8::1"); }));
  EXPECT_FALSE(refused([](SessionParams*) {}));
  EXPECT_FALSE(refused([](SessionParams*) {}));
  EXPECT_TRUE(refused([](SessionParams*) {}));
  EXPECT_TRUE(absl::IsNotFound(rig.dp().Retire({.index = 2, .generation = 0})));
  EXPECT_EQ(rig.dp().ReadSession({.index = 2, .generation = 0}).next_counter, 4);
  for (const SessionIndex index : {2u, UINT32_MAX}) {
    EXPECT_TRUE(absl::IsNotFound(rig.dp().HoldSending({.index = index, .generation = 0}, true)));
  }
}

TEST(SessionTable, KnowsWhichWorkersCanSendToAPeer) {
  GatewayRig rig({.workers = 3});
  SessionTable& table = TableOf(rig);
  FarEnd initiator{.worker = 2};
  FarEnd responder{.worker = 1, .our_role = Role::kResponder, .seed = 2};
  EXPECT_EQ(table.WorkersOf(1), 0);
  const SessionRef first = rig.Publish(initiator);
  EXPECT_EQ(table.WorkersOf(1), 0b100);
  rig.Publish(responder);
  EXPECT_EQ(table.WorkersOf(1), 0b100);  // not confirmed
  rig.FarSends(responder, responder.Seal({}));
  rig.Settle();  // drains the event
  EXPECT_EQ(table.WorkersOf(1), 0b110);
  ASSERT_TRUE(rig.dp().HoldSending(first, true).ok());
  EXPECT_EQ(table.WorkersOf(1), 0b010);
  ASSERT_TRUE(rig.dp().HoldSending(first, false).ok());
  ASSERT_TRUE(rig.dp().Retire(first).ok());
  EXPECT_EQ(table.WorkersOf(1), 0b010);
  EXPECT_EQ(table.WorkersOf(2), 0);
}

TEST(SessionTable, SendsOnTheNewestConfirmedOfMany) {
  GatewayRig rig;
  SessionTable& table = TableOf(rig);
  // Three endpoints of one peer: each session has a key of its own in the table.
  FarEnd a{.port = 5000, .seed = 1};
  FarEnd b{.our_role = Role::kResponder, .port = 5001, .seed = 2};
  FarEnd c{.our_role = Role::kResponder, .port = 5002, .seed = 3};
  const SessionRef ref_a = rig.Publish(a), ref_b = rig.Publish(b), ref_c = rig.Publish(c);
  const auto newest = [&] { return table.sending(0)[1].newest.load(); };
  const auto older = [&] { return table.sending(0)[1].older.load(); };
  EXPECT_EQ(newest(), table.Find(ref_c));
  EXPECT_EQ(older(), table.Find(ref_a));
  rig.FarSends(b, b.Seal({}));
  rig.Settle();
  EXPECT_EQ(older(), table.Find(ref_b));
  ASSERT_TRUE(rig.dp().Retire(ref_c).ok());
  EXPECT_EQ(newest(), table.Find(ref_b));
  EXPECT_EQ(older(), table.Find(ref_a));
  ASSERT_TRUE(rig.dp().Retire(ref_b).ok());
  ASSERT_TRUE(rig.dp().Retire(ref_a).ok());
  EXPECT_EQ(newest(), nullptr);
  EXPECT_EQ(older(), nullptr);
}

}  // namespace
}  // namespace noisegate::dataplane
