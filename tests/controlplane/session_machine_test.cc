// How sessions come up, roll over and end, between two machines on a simulated network. Each line of
// docs/protocol.md on behaviour is a test here or in session_machine_{refusal,attack}_test.cc.
#include "controlplane/session_machine.h"

#include <gtest/gtest.h>

#include "tests/controlplane/machine_pair.h"

namespace noisegate::controlplane {
namespace {

using sim::TestEndpoint;
using sim::TestKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kOneWay = milliseconds(5);

// --- Coming up ---

TEST(SessionMachine, ComesUpInTwoRoundTrips) {
  MachinePair pair;
  pair.a.Dial(pair.b);
  const auto start = pair.network.now();
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(5), [&] { return pair.BothUp(); }));
  EXPECT_EQ(pair.network.now() - start, 5 * kOneWay);
  // init, resp, sig, sig, the empty message that confirms, and the one that says it is known.
  EXPECT_EQ(pair.Headers(), (std::vector<uint32_t>{0x00000000, 0x80000001, 0x00000002, 0x80000003,
                                                   0x00000004, 0x80000004}));
  EXPECT_EQ(pair.sent[4].bytes.size(), dataplane::kOverhead);
  EXPECT_EQ(pair.a.machine().counters().handshakes_initiator, 1u);
  EXPECT_EQ(pair.b.machine().counters().handshakes_responder, 1u);
}

TEST(SessionMachine, BothSidesHaveTheSameKeysAndKnowEachOther) {
  MachinePair pair;
  pair.BringUp();
  const SessionUp& ours = pair.a.sessions().begin()->second.up;
  const SessionUp& theirs = pair.b.sessions().begin()->second.up;
  EXPECT_TRUE(ours.send_key == theirs.receive_key);
  EXPECT_TRUE(ours.receive_key == theirs.send_key);
  EXPECT_FALSE(ours.send_key == ours.receive_key);
  EXPECT_EQ(ours.peer, pair.b.id());
  EXPECT_EQ(theirs.peer, pair.a.id());
  EXPECT_EQ(ours.public_key->id(), pair.b.id());
  EXPECT_EQ(ours.role, dataplane::Role::kInitiator);
  EXPECT_EQ(theirs.role, dataplane::Role::kResponder);
  EXPECT_NE(ours.id, theirs.id);
}

TEST(SessionMachine, TellsWhatTheOtherSideCan) {
  sim::GatewayNode::Options options;
  options.machine.offered = {.version = 1, .stripes = 8, .features = 1};
  MachinePair pair(options);
  pair.BringUp();
  EXPECT_EQ(pair.a.sessions().begin()->second.up.capabilities, options.machine.offered);
  EXPECT_EQ(pair.b.sessions().begin()->second.up.capabilities, options.machine.offered);
}

TEST(SessionMachine, ResponderAnswersInitWithRespOnlyAndTheSameOneAgain) {
  MachinePair pair;
  pair.Lose(0x80000001);
  pair.a.Dial(pair.b);
  pair.network.RunFor(milliseconds(100));
  const auto init = pair.sent[0].bytes;
  pair.network.Inject(pair.a.endpoint(), pair.b.endpoint(), init);
  pair.network.RunFor(milliseconds(100));
  ASSERT_EQ(pair.Headers(), (std::vector<uint32_t>{0x00000000, 0x80000001, 0x80000001}));
  EXPECT_EQ(init.size(), 36u);
  EXPECT_EQ(pair.sent[1].bytes.size(), 52u);
  EXPECT_EQ(pair.sent[1].bytes, pair.sent[2].bytes);
  EXPECT_TRUE(pair.b.sessions().empty());
}

TEST(SessionMachine, ASilentPeerIsAskedOnceASecondForever) {
  MachinePair pair;
  pair.Lose(0x00000000);
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(300));
  ASSERT_GE(pair.sent.size(), 200u);
  for (size_t i = 1; i < pair.sent.size(); ++i) {
    const auto pause = pair.sent[i].at - pair.sent[i - 1].at;
    EXPECT_GE(pause, seconds(1));
    EXPECT_LE(pause, milliseconds(1250));
    EXPECT_NE(pair.sent[i].bytes, pair.sent[i - 1].bytes);  // never the same init
  }
  const PathStatus status = pair.a.machine().Paths(pair.network.now()).at(0);
  EXPECT_TRUE(status.dialled);
  EXPECT_EQ(status.attempts, pair.sent.size());
  EXPECT_TRUE(status.state.starts_with("no answer for 300.0s")) << status.state;
}

TEST(SessionMachine, BacksOffAsFarAsItIsTold) {
  sim::GatewayNode::Options options;
  options.machine.max_retry = seconds(8);
  MachinePair pair(options);
  pair.Lose(0x00000000);
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(100));
  const Duration expected[] = {seconds(1), seconds(2), seconds(4), seconds(8), seconds(8)};
  for (size_t i = 0; i < std::size(expected); ++i) {
    const auto pause = pair.sent[i + 1].at - pair.sent[i].at;
    EXPECT_GE(pause, expected[i]);
    EXPECT_LE(pause, expected[i] * 5 / 4);
  }
}

TEST(SessionMachine, LostSigStartsOverAndIsNeverResent) {
  for (const uint32_t lost : {0x00000002u, 0x80000003u}) {
    MachinePair pair;
    pair.LoseOnce(lost);
    pair.BringUp();
    std::vector<std::vector<uint8_t>> sigs;
    for (const auto& datagram : pair.sent) {
      if (datagram.header == lost) sigs.push_back(datagram.bytes);
    }
    ASSERT_EQ(sigs.size(), 2u);
    EXPECT_NE(sigs[0], sigs[1]);
    EXPECT_EQ(pair.b.sessions().size(), 1u);  // what the first came to is gone
  }
}

TEST(SessionMachine, SigMayOvertakeResp) {
  MachinePair pair;
  // The original sends both at once; here resp is held back until the sig is there.
  std::vector<uint8_t> resp;
  pair.on_send = [&](const MachinePair::Sent& datagram) {
    if (datagram.header != 0x80000001 || !resp.empty()) return false;
    resp = datagram.bytes;
    return true;
  };
  pair.a.Dial(pair.b);
  pair.network.RunFor(milliseconds(20));
  const std::vector<uint8_t> early(140, 0x55);  // somebody else's, which must not be in the way
  for (int i = 0; i < 10; ++i) {
    std::vector<uint8_t> sig = early;
    dataplane::StoreBe32(sig.data(), 0x80000003);
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), sig);
  }
  pair.network.RunFor(milliseconds(20));
  pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), resp);
  ASSERT_TRUE(pair.network.RunUntilTrue(milliseconds(100), [&] { return pair.BothUp(); }));
}

TEST(SessionMachine, ALateRespToAnEarlierInitIsTakenUp) {
  // Two seconds each way: three inits are out when the first answer comes.
  MachinePair pair({}, {.min_delay = seconds(2), .max_delay = seconds(2), .reorder_by = {}});
  pair.BringUp();
  const auto start = pair.sent[0].at;
  // Whom it does not know it takes for an original, for whom only the newest counts.
  EXPECT_LE(pair.network.now() - start, seconds(18));
  pair.sent.clear();
  pair.a.machine().Renew(pair.network.now(), pair.a.sessions().begin()->first);
  pair.a.Drain();
  const auto renewed = pair.network.now();
  const auto ups = pair.a.ups();
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(30), [&] { return pair.a.ups() > ups; }));
  EXPECT_EQ(pair.network.now() - renewed, seconds(8));  // two round trips, from the first init on
}

TEST(SessionMachine, ConfirmationIsRepeatedUntilTheResponderIsHeard) {
  MachinePair pair;
  int lost = 3;
  pair.on_send = [&](const MachinePair::Sent& datagram) {
    return datagram.header == dataplane::kCounterFirstMessage && lost-- > 0 ? true
           : datagram.header == 5 || datagram.header == 6;
  };
  pair.a.Dial(pair.b);
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(4), [&] { return pair.BothUp(); }));
  const size_t until_heard = pair.sent.size();
  pair.network.RunFor(seconds(20));
  EXPECT_EQ(pair.sent.size(), until_heard);
}

// --- Rolling over ---

TEST(SessionMachine, InitiatorRenewsAt45SecondsAndNothingIsLost) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(10));
  const auto up = pair.sent[0].at;
  for (int rollover = 1; rollover <= 3; ++rollover) {
    const auto ups = pair.a.ups();
    ASSERT_TRUE(pair.network.RunUntilTrue(seconds(60), [&] { return pair.a.ups() > ups; }));
    const auto age = pair.network.now() - up;
    EXPECT_GE(age, rollover * seconds(43));
    EXPECT_LE(age, rollover * (seconds(47) + milliseconds(50)));
    EXPECT_EQ(pair.a.sessions().size(), 2u);  // the old one goes on receiving
    pair.network.RunFor(seconds(6));
    EXPECT_EQ(pair.a.sessions().size(), 1u);  // and after its grace time is gone
    EXPECT_EQ(pair.b.sessions().size(), 1u);
  }
  pair.StopTelling();
  EXPECT_EQ(pair.a.machine().counters().rollovers, 3u);
  EXPECT_EQ(pair.b.machine().counters().rollovers, 3u);
  EXPECT_EQ(pair.b.machine().counters().handshakes_initiator, 0u);
  EXPECT_EQ(pair.Lost(), 0u);
  EXPECT_EQ(pair.a.undelivered() + pair.b.undelivered(), 0u);
  for (const DownCause cause : pair.a.downs()) EXPECT_EQ(cause, DownCause::kReplaced);
}

TEST(SessionMachine, ResponderStepsInAt50Seconds) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(100));
  pair.Lose(0x00000000, pair.a.endpoint());  // the initiator's inits, from now on
  const auto up = pair.sent[0].at;
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(60), [&] { return pair.b.ups() == 2; }));
  const auto age = pair.network.now() - up;
  EXPECT_GE(age, seconds(50));
  EXPECT_LE(age, seconds(52) + milliseconds(100));
  pair.network.RunFor(seconds(20));
  pair.StopTelling();
  EXPECT_EQ(pair.Lost(), 0u);
  EXPECT_EQ(pair.a.undelivered() + pair.b.undelivered(), 0u);
}

TEST(SessionMachine, SendingEndsAt55SecondsAndReceivingAt60) {
  MachinePair pair;
  pair.BringUp();
  const auto created = pair.sent[0].at;
  const SessionUp& initiator = pair.a.sessions().begin()->second.up;
  const SessionUp& responder = pair.b.sessions().begin()->second.up;
  EXPECT_EQ(initiator.send_until, created + seconds(55));
  EXPECT_EQ(initiator.receive_until, created + seconds(60));
  EXPECT_LE(responder.send_until, created + seconds(55));
  EXPECT_GE(responder.send_until, created + seconds(54));
  EXPECT_EQ(responder.receive_until, created + kOneWay + seconds(60));

  pair.Lose(0x00000000);  // nobody can renew it
  pair.network.RunUntil(created + milliseconds(59'990));
  EXPECT_EQ(pair.a.sessions().size(), 1u);
  pair.network.RunFor(milliseconds(20));
  EXPECT_TRUE(pair.a.sessions().empty());
  EXPECT_TRUE(pair.b.sessions().empty());
  EXPECT_EQ(pair.a.downs(), std::vector{DownCause::kExpired});
}

TEST(SessionMachine, OldSessionStaysInUseUntilTheNewOneIsConfirmed) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(50));
  pair.network.RunFor(seconds(5));
  // From now on no message of the next session reaches the responder.
  const SessionId first = pair.b.sessions().begin()->first;
  pair.a.machine().Renew(pair.network.now(), pair.a.sessions().begin()->first);
  pair.a.Drain();
  pair.a.TellEvery(pair.b.endpoint(), Duration::zero());
  pair.on_send = [&](const MachinePair::Sent& datagram) {
    return datagram.from == pair.a.endpoint() && datagram.header >= 4 &&
           datagram.header < 20;  // the old one is far beyond
  };
  pair.network.RunFor(seconds(2));
  ASSERT_EQ(pair.b.sessions().size(), 2u);
  EXPECT_EQ(pair.b.Sending(pair.network.now(), pair.a.endpoint())->up.id, first);
  EXPECT_GT(pair.a.last_received(), pair.network.now() - milliseconds(100));
  pair.on_send = nullptr;
  pair.a.TellEvery(pair.b.endpoint(), milliseconds(50));
  pair.network.RunFor(seconds(1));
  EXPECT_NE(pair.b.Sending(pair.network.now(), pair.a.endpoint())->up.id, first);
  pair.network.RunFor(seconds(10));
  EXPECT_EQ(pair.b.sessions().size(), 1u);
}

TEST(SessionMachine, RenewsWhenFewCountersAreLeft) {
  MachinePair pair;
  pair.BringUp();
  SessionTraffic traffic;
  traffic.next_counter = dataplane::kCounterLastMessage - (1u << 28);
  const SessionId id = pair.a.sessions().begin()->first;
  pair.a.machine().ReportTraffic(pair.network.now(), id, traffic);
  pair.a.Drain();
  pair.network.RunFor(seconds(1));
  EXPECT_EQ(pair.a.ups(), 1u);
  traffic.next_counter = dataplane::kCounterLastMessage - 1000;
  pair.a.machine().ReportTraffic(pair.network.now(), id, traffic);
  pair.a.Drain();
  pair.network.RunFor(seconds(1));
  EXPECT_EQ(pair.a.ups(), 2u);
  EXPECT_EQ(pair.b.ups(), 2u);
}

TEST(SessionMachine, RenewIsAtOnceAndOnlyOfASessionThatStillCounts) {
  MachinePair pair;
  pair.BringUp();
  const SessionId first = pair.a.sessions().begin()->first;
  pair.a.machine().Renew(pair.network.now(), first);
  pair.a.Drain();
  pair.network.RunFor(milliseconds(100));
  EXPECT_EQ(pair.a.ups(), 2u);
  pair.network.RunFor(seconds(1));
  pair.a.machine().Renew(pair.network.now(), first);  // in its grace time
  pair.a.Drain();
  pair.network.RunFor(milliseconds(100));
  EXPECT_EQ(pair.a.ups(), 2u);
}

TEST(SessionMachine, ASessionThatNobodyAskedForEndsWhenNothingFlows) {
  MachinePair pair;
  pair.BringUp();
  pair.a.machine().Undial({0, pair.b.endpoint()});
  pair.a.Drain();
  pair.network.RunFor(seconds(61));
  EXPECT_TRUE(pair.a.sessions().empty());
  EXPECT_TRUE(pair.b.sessions().empty());
  EXPECT_EQ(pair.a.machine().NextTimeout(), std::nullopt);  // and leaves nothing behind
  EXPECT_EQ(pair.b.machine().NextTimeout(), std::nullopt);
  EXPECT_TRUE(pair.b.machine().Paths(pair.network.now()).empty());
}

TEST(SessionMachine, ASessionThatNobodyAskedForGoesOnWhileMessagesFlow) {
  MachinePair pair;
  pair.BringUp();
  pair.a.machine().Undial({0, pair.b.endpoint()});
  pair.TellBothWays(seconds(1));
  pair.network.RunFor(seconds(200));
  EXPECT_TRUE(pair.BothUp());
  pair.StopTelling();
  EXPECT_EQ(pair.Lost(), 0u);
}

// --- Being alive ---

TEST(SessionMachine, AnswersDataWithAnEmptyMessageWithinASecond) {
  MachinePair pair;
  pair.BringUp();
  pair.network.RunFor(seconds(10));
  pair.sent.clear();
  pair.a.Tell(pair.b.endpoint(), std::vector<uint8_t>(100));
  pair.network.RunFor(seconds(10));
  ASSERT_EQ(pair.sent.size(), 2u);
  EXPECT_EQ(pair.sent[1].from, pair.b.endpoint());
  EXPECT_EQ(pair.sent[1].bytes.size(), dataplane::kOverhead);
  EXPECT_LE(pair.sent[1].at - pair.sent[0].at, seconds(1) + milliseconds(110));
}

TEST(SessionMachine, DoesNotAnswerWhereDataGoesBackAnyway) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(300));
  pair.network.RunFor(seconds(5));
  pair.sent.clear();
  pair.network.RunFor(seconds(20));
  for (const auto& datagram : pair.sent) EXPECT_GT(datagram.bytes.size(), dataplane::kOverhead);
}

TEST(SessionMachine, AsksAgainWhereDataGoesUnanswered) {
  MachinePair pair;
  pair.BringUp();
  pair.network.Detach(pair.b.endpoint());
  pair.sent.clear();
  pair.a.TellEvery(pair.b.endpoint(), milliseconds(20));
  const auto begun = pair.network.now();
  pair.network.RunFor(seconds(10));
  TimePoint first_init{};
  for (const auto& datagram : pair.sent) {
    if (datagram.header == 0 && first_init == TimePoint{}) first_init = datagram.at;
  }
  EXPECT_GE(first_init - begun, milliseconds(2200));
  EXPECT_LE(first_init - begun, milliseconds(2500));
  EXPECT_TRUE(pair.a.IsUp(pair.b.endpoint()));  // beside the session, not instead of it
}

TEST(SessionMachine, KeepsAliveWhereItIsTold) {
  sim::GatewayNode::Options options;
  options.machine.keep_alive = seconds(7);
  MachinePair pair(options);
  pair.BringUp();
  pair.network.RunFor(seconds(1));
  pair.sent.clear();
  pair.network.RunFor(seconds(35));
  EXPECT_EQ(pair.sent.size(), 10u);  // five each way
  for (const auto& datagram : pair.sent) EXPECT_EQ(datagram.bytes.size(), dataplane::kOverhead);
}

// --- Closing ---

TEST(SessionMachine, CloseIsAuthenticatedAndEndsTheOtherSideToo) {
  MachinePair pair;
  pair.BringUp();
  pair.b.machine().CloseAll(pair.network.now());
  pair.b.Drain();
  EXPECT_TRUE(pair.b.sessions().empty());
  EXPECT_EQ(pair.b.downs(), std::vector{DownCause::kClosedByUs});
  const auto close = pair.sent.back();
  EXPECT_EQ(close.header, 0xffffffffu);
  EXPECT_EQ(close.bytes.size(), dataplane::kOverhead);
  pair.network.RunFor(milliseconds(10));
  EXPECT_TRUE(pair.a.sessions().empty());
  EXPECT_EQ(pair.a.downs(), std::vector{DownCause::kClosedByPeer});
  EXPECT_EQ(pair.a.machine().counters().closes_received, 1u);
  // Still dialled, so asked again, a moment later.
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(3), [&] { return pair.BothUp(); }));
}

TEST(SessionMachine, ClosePeerLeavesOthersAlone) {
  MachinePair pair;
  sim::GatewayNode c(&pair.network, 3, 3, 13, {});
  pair.BringUp();
  c.Dial(pair.b);
  pair.network.RunFor(seconds(1));
  pair.b.machine().ClosePeer(pair.network.now(), pair.a.id(), DownCause::kPeerRemoved);
  pair.b.Drain();
  EXPECT_EQ(pair.b.downs(), std::vector{DownCause::kPeerRemoved});
  EXPECT_EQ(pair.b.sessions_with(pair.a.endpoint()), 0u);
  EXPECT_TRUE(pair.b.IsUp(c.endpoint()));
}

// --- Dialling ---

TEST(SessionMachine, DialSaysWhatItCannotDo) {
  sim::GatewayNode::Options options;
  options.machine.max_paths = 2;
  MachinePair pair(options);
  SessionMachine& machine = pair.a.machine();
  const TimePoint now = pair.network.now();
  const auto dial = [&](uint32_t to, uint64_t peer) {
    return machine.Dial(now, {0, TestEndpoint(to)}, TestKey(peer).id()).code();
  };
  EXPECT_EQ(dial(2, 1), absl::StatusCode::kInvalidArgument);  // ourselves
  EXPECT_EQ(dial(2, 2), absl::StatusCode::kOk);
  EXPECT_EQ(dial(2, 2), absl::StatusCode::kOk);
  EXPECT_EQ(dial(2, 3), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(dial(3, 3), absl::StatusCode::kOk);
  EXPECT_EQ(dial(4, 4), absl::StatusCode::kResourceExhausted);
  machine.Undial({0, TestEndpoint(3)});
  EXPECT_EQ(dial(4, 4), absl::StatusCode::kOk);
}

TEST(SessionMachine, DialTakesOverASessionThatThePeerBegan) {
  MachinePair pair;
  pair.BringUp();
  pair.sent.clear();
  pair.b.Dial(pair.a);
  pair.network.RunFor(seconds(10));
  EXPECT_TRUE(pair.sent.empty());
}

TEST(SessionMachine, UndialStopsAsking) {
  MachinePair pair;
  pair.Lose(0x00000000);
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(5));
  pair.a.machine().Undial({0, pair.b.endpoint()});
  pair.sent.clear();
  pair.network.RunFor(seconds(60));
  EXPECT_TRUE(pair.sent.empty());
  EXPECT_EQ(pair.a.machine().NextTimeout(), std::nullopt);
}

TEST(SessionMachine, StripesOfOnePeerAreSessionsOfTheirOwn) {
  MachinePair pair;
  const TimePoint now = pair.network.now();
  for (const uint16_t stripe : {0, 1, 2}) {
    ASSERT_TRUE(pair.a.machine().Dial(now, {stripe, TestEndpoint(9)}, pair.b.id()).ok());
  }
  Transmit transmit;
  std::set<uint16_t> stripes;
  while (pair.a.machine().PollTransmit(&transmit)) stripes.insert(transmit.path.stripe);
  EXPECT_EQ(stripes, (std::set<uint16_t>{0, 1, 2}));
  EXPECT_EQ(pair.a.machine().Paths(now).size(), 3u);
}

TEST(SessionMachine, TenThousandPeersAreDialledAndTimedWithoutScanning) {
  sim::GatewayNode::Options options;
  MachinePair pair(options);
  SessionMachine& machine = pair.a.machine();
  const auto wall = std::chrono::steady_clock::now();
  TimePoint now = pair.network.now();
  const crypto::PeerId peer = TestKey(2).id();
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(machine.Dial(now, {0, TestEndpoint(1000 + i)}, peer).ok());
  }
  const auto take = [&] {
    size_t taken = 0;
    for (Transmit transmit; machine.PollTransmit(&transmit);) ++taken;
    return taken;
  };
  // Not all in one turn, which would overrun the rings.
  size_t inits = take();
  while (inits < 10'000) {
    ASSERT_LE(machine.NextTimeout(), now);
    machine.HandleTimeout(now);
    const size_t taken = take();
    ASSERT_TRUE(taken > 0 && taken <= 256) << taken;
    inits += taken;
  }
  EXPECT_EQ(inits, 10'000u);
  // Each step finds the few that are due without looking at the others.
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(machine.NextTimeout());
    now = std::max(now, *machine.NextTimeout());
    machine.HandleTimeout(now);
    inits += take();
  }
  EXPECT_GE(inits, 14'000u);
  EXPECT_LT(std::chrono::steady_clock::now() - wall, seconds(60));
}

}  // namespace
}  // namespace noisegate::controlplane
