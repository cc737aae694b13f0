// One session replaces another and nothing is lost: what is sent moves when the other side has shown
// that it has the new one, and what is received may come under either.

#include <gtest/gtest.h>

#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

Bytes FromPeer() { return UdpPacket("10.1.0.7", "10.0.0.5"); }
Bytes ToPeer() { return UdpPacket("10.0.0.5", "10.1.0.7"); }

// Which of the ends the gateway's next message opens for: its seed, 0 for none.
int Sends(GatewayRig& rig, const std::vector<FarEnd>& ends) {
  rig.HostSends(ToPeer());
  const std::optional<Bytes> datagram = rig.FarReceives(ends[0]);
  if (!datagram.has_value()) return 0;
  for (const FarEnd& end : ends) {
    if (end.Open(*datagram).has_value()) return end.seed;
  }
  return 0;
}

TEST(Rollover, InitiatorSendsOnTheNewSessionAtOnce) {
  GatewayRig rig;
  FarEnd old_end{.seed = 1}, new_end{.seed = 2};
  rig.Publish(old_end);
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);
  rig.Publish(new_end);
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 2);
}

TEST(Rollover, ResponderSendsOnTheNewSessionOnceAMessageOpened) {
  GatewayRig rig;
  FarEnd old_end{.our_role = Role::kResponder, .seed = 1};
  FarEnd new_end{.our_role = Role::kResponder, .seed = 2};
  const SessionRef old_session = rig.Publish(old_end);
  // Not even the first one sends unless it is confirmed.
  rig.HostSends(ToPeer());
  rig.Settle();
  ASSERT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
  EXPECT_EQ(rig.punts[0].punt.peer, 1);
  EXPECT_EQ(rig.punts[0].punt.from, kNoPeer);
  EXPECT_EQ(rig.punts[0].bytes, ToPeer());

  rig.FarSends(old_end, old_end.Seal({}));  // an empty message confirms
  rig.Settle();
  ASSERT_EQ(rig.events.size(), 1);
  EXPECT_EQ(rig.events[0].kind, SessionEvent::Kind::kConfirmed);
  EXPECT_EQ(rig.events[0].session, old_session);
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);

  const SessionRef new_session = rig.Publish(new_end);
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);
  EXPECT_FALSE(rig.dp().ReadSession(new_session).confirmed);
  // What is forged confirms nothing.
  Bytes forged = new_end.SealWith(9, FromPeer());
  forged.back() ^= 1;
  rig.FarSends(new_end, forged);
  rig.Settle();
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);

  rig.FarSends(new_end, new_end.Seal(FromPeer()));
  EXPECT_TRUE(rig.HostReceives().has_value());
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 2);
  rig.Settle();
  EXPECT_TRUE(rig.dp().ReadSession(new_session).confirmed);
  EXPECT_EQ(rig.events.size(), 2);
}

TEST(Rollover, ReceivesUnderBothSessionsAndLosesNothing) {
  GatewayRig rig;
  FarEnd old_end{.seed = 1}, new_end{.seed = 2};
  rig.Publish(old_end);
  for (int i = 0; i < 10; ++i) rig.FarSends(old_end, old_end.Seal(FromPeer()));
  rig.Publish(new_end);
  // Mixed as a network mixes them; their counters overlap.
  for (int i = 0; i < 30; ++i) {
    rig.FarSends(new_end, new_end.Seal(FromPeer()));
    rig.FarSends(old_end, old_end.Seal(FromPeer()));
  }
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 70);
  EXPECT_EQ(rig.AllDrops(), 0);
  // Each still takes every counter once.
  rig.FarSends(old_end, old_end.SealWith(5, FromPeer()));
  rig.FarSends(new_end, new_end.SealWith(5, FromPeer()));
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 70);
}

TEST(Rollover, AThirdSessionRetiresTheOldest) {
  GatewayRig rig;
  FarEnd ends[] = {{.seed = 1}, {.seed = 2}, {.seed = 3}};
  SessionRef sessions[3];
  for (int i = 0; i < 3; ++i) sessions[i] = rig.Publish(ends[i]);
  EXPECT_TRUE(absl::IsNotFound(rig.dp().Retire(sessions[0])));
  for (FarEnd& end : ends) rig.FarSends(end, end.Seal(FromPeer()));
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 2);
  EXPECT_EQ(rig.Drops(DropReason::kBadTag), 1);
}

TEST(Rollover, RetiringEitherSessionLeavesTheOther) {
  for (const int retired : {0, 1}) {
    GatewayRig rig;
    FarEnd ends[] = {{.seed = 1}, {.seed = 2}};
    SessionRef sessions[] = {rig.Publish(ends[0]), rig.Publish(ends[1])};
    ASSERT_TRUE(rig.dp().Retire(sessions[retired]).ok());
    EXPECT_EQ(Sends(rig, {ends[0], ends[1]}), 2 - retired);
    // Under counters of their own: in a later burst, one that the other has used would be a replay.
    for (FarEnd& end : ends) rig.FarSends(end, end.SealWith(10 + end.seed, FromPeer()));
    rig.Settle();
    EXPECT_EQ(rig.Counters().delivered, 1);
    EXPECT_EQ(rig.Drops(DropReason::kBadTag), 1);
    ASSERT_TRUE(rig.dp().Retire(sessions[1 - retired]).ok());
    rig.HostSends(ToPeer());
    rig.FarSends(ends[0], ends[0].Seal(FromPeer()));
    rig.Settle();
    EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
    EXPECT_EQ(rig.PuntsOf(PuntKind::kNoSession), 1);
  }
}

TEST(Rollover, SendsOnTheOlderSessionWhenTheNewestMayNot) {
  GatewayRig rig;
  FarEnd old_end{.seed = 1}, new_end{.seed = 2};
  rig.Publish(old_end);
  SessionParams params = rig.Params(new_end);
  params.send_until = std::chrono::steady_clock::now() - std::chrono::milliseconds(1);
  const SessionRef session = rig.Publish(params);
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);
  ASSERT_TRUE(rig.dp().Retire(session).ok());
  EXPECT_EQ(Sends(rig, {old_end, new_end}), 1);
}

TEST(Rollover, HoldsSendingForAsLongAsItIsToldTo) {
  GatewayRig rig;
  FarEnd far;
  const SessionRef session = rig.Publish(far);
  ASSERT_TRUE(rig.dp().HoldSending(session, true).ok());
  rig.HostSends(ToPeer());
  rig.Settle();
  EXPECT_EQ(rig.PuntsOf(PuntKind::kNeedSession), 1);
  rig.FarSends(far, far.Seal(FromPeer()));
  EXPECT_TRUE(rig.HostReceives().has_value());
  ASSERT_TRUE(rig.dp().SendMessage(session, {}).ok());
  EXPECT_EQ(far.Open(rig.FarReceives(far).value()), Bytes());
  ASSERT_TRUE(rig.dp().HoldSending(session, false).ok());
  EXPECT_EQ(Sends(rig, {far}), 1);
}

TEST(Rollover, SendsTheControlThreadsMessagesOnExactlyTheirSession) {
  GatewayRig rig;
  FarEnd old_end{.seed = 1}, new_end{.our_role = Role::kResponder, .seed = 2};
  const SessionRef old_session = rig.Publish(old_end);
  const SessionRef new_session = rig.Publish(new_end);  // not confirmed
  ASSERT_TRUE(rig.dp().SendMessage(new_session, Bytes{1, 2, 3}).ok());
  EXPECT_EQ(new_end.Open(rig.FarReceives(new_end).value()), (Bytes{1, 2, 3}));
  ASSERT_TRUE(rig.dp().SendMessage(old_session, {}).ok());
  EXPECT_EQ(old_end.Open(rig.FarReceives(old_end).value()), Bytes());
  EXPECT_EQ(rig.dp().ReadSession(old_session).tx_packets, 0);
  EXPECT_EQ(rig.dp().ReadSession(old_session).next_counter, 5);
  EXPECT_EQ(rig.dp().ReadSession(old_session).last_tx, TimePoint());
  ASSERT_TRUE(rig.dp().Retire(old_session).ok());
  EXPECT_TRUE(absl::IsNotFound(rig.dp().SendMessage(old_session, {})));
  EXPECT_FALSE(rig.dp().SendMessage(new_session, Bytes(1500)).ok());
}

TEST(Rollover, SlotsOfRetiredSessionsAreUsedAgainAndOldNamesStayStale) {
  GatewayRig rig({.max_sessions = 3});
  FarEnd far;
  SessionRef last = rig.Publish(far);
  for (int i = 0; i < 50; ++i) {
    const SessionRef before = last;
    FarEnd next{.seed = static_cast<uint8_t>(i + 2)};
    last = rig.Publish(next);
    ASSERT_TRUE(rig.dp().Retire(before).ok());
    rig.Settle();  // every worker has passed a quiescent state
    rig.dp().Reclaim();
    EXPECT_TRUE(absl::IsNotFound(rig.dp().Retire(before)));
    EXPECT_EQ(Sends(rig, {next}), next.seed);
  }
  FarEnd other{.port = 6000, .seed = 99};
  rig.Publish(other);
  other.port = 6001;
  rig.Publish(other);
  other.port = 6002;
  EXPECT_TRUE(absl::IsResourceExhausted(rig.dp().Publish(rig.Params(other)).status()));
}

}  // namespace
}  // namespace noisegate::dataplane
