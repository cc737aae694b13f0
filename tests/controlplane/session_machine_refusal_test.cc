// Whom a machine refuses, and that it says so: identities, limits, and hints that are not followed.
#include <gtest/gtest.h>

#include "controlplane/hints.h"
#include "controlplane/sealed_datagram.h"
#include "tests/controlplane/machine_pair.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using sim::TestEndpoint;
using sim::TestKey;
using std::chrono::milliseconds;
using std::chrono::seconds;

uint64_t Rejected(sim::GatewayNode& node, DropReason reason) {
  return node.machine().counters().rejected[static_cast<size_t>(reason)];
}

std::string LastFailure(sim::GatewayNode& node, TimePoint now) {
  const auto paths = node.machine().Paths(now);
  return paths.empty() ? "" : paths[0].last_failure;
}

// --- Identity ---

TEST(Refusal, AnotherPeerThanTheOneDialled) {
  MachinePair pair;
  pair.a.Dial(pair.b.endpoint(), TestKey(77).id());
  pair.network.RunFor(seconds(10));
  EXPECT_FALSE(pair.a.IsUp(pair.b.endpoint()));
  EXPECT_GE(Rejected(pair.a, DropReason::kWrongPeer), 5u);
  const std::string failure = LastFailure(pair.a, pair.network.now());
  EXPECT_TRUE(failure.starts_with("wrong_peer")) << failure;
  EXPECT_TRUE(failure.ends_with(pair.b.id().ToString())) << failure;  // who is there instead
}

TEST(Refusal, APeerThatNobodyConfigured) {
  MachinePair pair;
  pair.b.policy().everyone = false;
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(10));
  EXPECT_TRUE(pair.b.sessions().empty());
  EXPECT_GE(Rejected(pair.b, DropReason::kUnknownPeer), 5u);
  // And it does not learn who refused it: no sig came back.
  for (const auto& datagram : pair.sent) EXPECT_NE(datagram.header, 0x80000003u);
}

TEST(Refusal, ADialledPeerThatHasBeenRemovedFromThePolicy) {
  MachinePair pair;
  pair.a.policy().everyone = false;
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(5));
  EXPECT_FALSE(pair.a.IsUp(pair.b.endpoint()));
  EXPECT_GE(Rejected(pair.a, DropReason::kUnknownPeer), 1u);
  EXPECT_TRUE(LastFailure(pair.a, pair.network.now()).starts_with("unknown_peer"));
}

TEST(Refusal, AnotherPeerWhereOneIsDialled) {
  MachinePair pair;
  pair.Lose(0x00000000, pair.b.endpoint());
  pair.b.Dial(pair.a.endpoint(), TestKey(77).id());  // expects another there
  pair.a.Dial(pair.b);
  pair.network.RunFor(seconds(5));
  EXPECT_TRUE(pair.b.sessions().empty());
  EXPECT_GE(Rejected(pair.b, DropReason::kWrongPeer), 1u);
}

TEST(Refusal, OurOwnKey) {
  MachinePair pair;
  sim::GatewayNode twin(&pair.network, 1, 3, 13, {});  // the same key as a
  twin.Dial(pair.a.endpoint(), TestKey(77).id());
  pair.network.RunFor(seconds(3));
  EXPECT_GE(Rejected(pair.a, DropReason::kBadKey), 1u);
  EXPECT_TRUE(pair.a.sessions().empty());
}

// Whatever a sends is thrown back at it, with the direction bit as it was and flipped.
TEST(Refusal, AMirror) {
  MachinePair pair;
  pair.on_send = [&](const MachinePair::Sent& datagram) {
    if (datagram.from != pair.a.endpoint()) return false;
    std::vector<uint8_t> bytes = datagram.bytes;
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), bytes);
    bytes[0] ^= 0x80;
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), bytes);
    return true;
  };
  pair.a.Dial(pair.b);
  pair.network.RunFor(milliseconds(2500));
  EXPECT_TRUE(pair.a.sessions().empty());
  EXPECT_EQ(pair.a.ups(), 0u);
}

TEST(Refusal, HandshakeMessagesInTheWrongDirection) {
  MachinePair pair;
  pair.BringUp();
  const uint64_t before = Rejected(pair.a, DropReason::kUnexpectedHandshake);
  for (const uint32_t header : {0x80000000u, 0x00000001u, 0x80000002u, 0x00000003u}) {
    std::vector<uint8_t> datagram(140);
    dataplane::StoreBe32(datagram.data(), header);
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), datagram);
  }
  pair.network.RunFor(milliseconds(1));
  EXPECT_EQ(Rejected(pair.a, DropReason::kUnexpectedHandshake), before + 4);
}

// --- Limits ---

TEST(Refusal, MoreSessionsThanThereIsRoomFor) {
  sim::GatewayNode::Options options;
  options.machine.max_sessions = 2;
  MachinePair pair(options);
  std::vector<std::unique_ptr<sim::GatewayNode>> others;
  for (uint32_t i = 3; i < 8; ++i) {
    others.push_back(std::make_unique<sim::GatewayNode>(&pair.network, i, i, i,
                                                        sim::GatewayNode::Options{}));
    others.back()->Dial(pair.b);
  }
  pair.network.RunFor(seconds(3));
  EXPECT_EQ(pair.b.sessions().size(), 2u);
  EXPECT_GE(Rejected(pair.b, DropReason::kTableFull), 3u);
}

TEST(Refusal, MorePathsThanThereIsRoomFor) {
  sim::GatewayNode::Options options;
  options.machine.max_paths = 1;
  MachinePair pair(options);
  sim::GatewayNode c(&pair.network, 3, 3, 13, {});
  pair.BringUp();
  c.Dial(pair.b);
  pair.network.RunFor(seconds(3));
  EXPECT_EQ(pair.b.sessions_with(c.endpoint()), 0u);
  EXPECT_GE(Rejected(pair.b, DropReason::kTableFull), 1u);
}

// --- Hints ---

TEST(Hint, IsSentOnceASecondForWhatFindsNoSession) {
  MachinePair pair;
  std::vector<uint8_t> message(100);
  dataplane::StoreBe32(message.data(), 0x00000007);
  for (int i = 0; i < 499; ++i) {
    pair.network.Inject(TestEndpoint(66), pair.a.endpoint(), message);
    pair.network.RunFor(milliseconds(10));
  }
  ASSERT_EQ(pair.sent.size(), 5u);
  EXPECT_EQ(pair.a.machine().counters().hints_sent, 5u);
  for (const auto& datagram : pair.sent) {
    EXPECT_EQ(datagram.to, TestEndpoint(66));
    EXPECT_EQ(datagram.bytes,
              BuildNoSessionHint({dataplane::Direction::kInitiatorToResponder, 7}));
  }
}

TEST(Hint, IsNotSentIntoAHandshakeOrAboutASessionThatIsThere) {
  MachinePair pair;
  pair.Lose(0x80000001);
  pair.a.Dial(pair.b);
  pair.network.RunFor(milliseconds(20));
  std::vector<uint8_t> message(100);
  const auto inject = [&](uint32_t header) {
    dataplane::StoreBe32(message.data(), header);
    pair.network.Inject(pair.a.endpoint(), pair.b.endpoint(), message);
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), message);
    pair.network.RunFor(milliseconds(1));
  };
  inject(0x00000007);  // b has answered an init from there
  inject(0x80000007);  // a waits for the answer to one
  EXPECT_EQ(pair.b.machine().counters().hints_sent, 1u);  // but is no initiator itself
  EXPECT_EQ(pair.a.machine().counters().hints_sent, 1u);  // nor responder
  pair.on_send = nullptr;
  pair.BringUp();
  pair.network.RunFor(seconds(2));
  dataplane::StoreBe32(message.data(), 0x00000007);
  pair.b.machine().HandleNoSession(pair.network.now(), {0, pair.a.endpoint()}, message);
  EXPECT_EQ(pair.b.machine().counters().hints_sent, 1u);
}

TEST(Hint, StartsAHandshakeBesideTheSessionAndNothingElse) {
  MachinePair pair;
  pair.BringUp();
  pair.network.RunFor(seconds(5));
  const SessionId session = pair.a.sessions().begin()->first;
  pair.Lose(0x80000001);  // so that it comes to nothing
  const std::vector<uint8_t> hints[] = {
      BareDatagram({dataplane::Direction::kResponderToInitiator, dataplane::kCounterClose}),
      BuildNoSessionHint({dataplane::Direction::kInitiatorToResponder, 5}),
  };
  for (const auto& hint : hints) {
    pair.network.RunFor(seconds(2));
    const uint64_t obeyed = pair.a.machine().counters().hints_obeyed;
    for (int i = 0; i < 100; ++i) pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), hint);
    pair.network.RunFor(milliseconds(1));
    EXPECT_LE(pair.a.machine().counters().hints_obeyed, obeyed + 1);
    EXPECT_TRUE(pair.a.sessions().contains(session));
    EXPECT_EQ(pair.a.Sending(pair.network.now(), pair.b.endpoint())->up.id, session);
  }
  EXPECT_GE(pair.a.machine().counters().hints_obeyed, 1u);
  EXPECT_EQ(pair.a.machine().counters().hints_received, 200u);
  EXPECT_EQ(Rejected(pair.a, DropReason::kBareClose), 100u);
}

TEST(Hint, IsNotBelievedWhilePeerTalks) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(100));
  pair.network.RunFor(seconds(2));
  for (int i = 0; i < 1000; ++i) {
    pair.network.Inject(
        pair.b.endpoint(), pair.a.endpoint(),
        BareDatagram({dataplane::Direction::kResponderToInitiator, dataplane::kCounterClose}));
    pair.network.RunFor(milliseconds(10));
  }
  EXPECT_EQ(pair.a.machine().counters().hints_obeyed, 0u);
  EXPECT_EQ(pair.a.ups(), 1u);
}

// Where nothing flows there is no sign of life that would give a forged one the lie.
TEST(Hint, ThatComesAgainAndAgainIsObeyedEverMoreRarely) {
  MachinePair pair;
  pair.BringUp();
  std::vector<uint8_t> unknown(20);
  dataplane::StoreBe32(unknown.data(), 0x00000007);
  const std::vector<uint8_t> forged[] = {
      BareDatagram({dataplane::Direction::kResponderToInitiator, dataplane::kCounterClose}),
      BuildNoSessionHint({dataplane::Direction::kInitiatorToResponder, 5}),
  };
  const auto obeyed = [&] { return pair.a.machine().counters().hints_obeyed; };
  const auto forge_for = [&](Duration duration) {
    for (Duration passed{}; passed < duration; passed += milliseconds(100)) {
      for (const auto& datagram : forged) {
        pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), datagram);
      }
      pair.a.machine().HandleNoSession(pair.network.now(), {0, pair.b.endpoint()}, unknown);
      pair.a.Drain();
      pair.network.RunFor(milliseconds(100));
    }
  };
  forge_for(seconds(120));
  EXPECT_GE(obeyed(), 5u);
  EXPECT_LE(obeyed(), 10u) << "after 1, 2, 4, 8, 16, 30 s, and then each 30 s";
  // Once it has been quiet for a session's life, one is believed at once.
  pair.network.RunFor(seconds(90));
  ASSERT_TRUE(pair.BothUp());
  const uint64_t before = obeyed();
  forge_for(milliseconds(900));
  EXPECT_EQ(obeyed(), before + 1);
}

TEST(Hint, FromStrangersIsNothing) {
  MachinePair pair;
  pair.BringUp();
  pair.network.RunFor(seconds(5));
  pair.sent.clear();
  pair.network.Inject(TestEndpoint(66), pair.a.endpoint(),
                      BuildNoSessionHint({dataplane::Direction::kInitiatorToResponder, 5}));
  // And about a session in the other role, of which there is none.
  pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(),
                      BuildNoSessionHint({dataplane::Direction::kResponderToInitiator, 5}));
  pair.network.RunFor(seconds(2));
  EXPECT_TRUE(pair.sent.empty());
  EXPECT_EQ(pair.a.machine().counters().hints_obeyed, 0u);
}

}  // namespace
}  // namespace noisegate::controlplane
