// Forged, replayed and mangled datagrams at every stage of a session's life. A run under attack is held
// against the same run without: the same sessions come up and go down at the same times, and nothing is lost.
#include <gtest/gtest.h>

#include <random>

#include "tests/controlplane/machine_pair.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using sim::TestEndpoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What came of a run, apart from the keys.
struct Course {
  std::vector<TimePoint> inits;  // that a sent
  uint64_t a_ups, b_ups;
  std::vector<DownCause> a_downs, b_downs;
  uint64_t lost, undelivered;
  bool operator==(const Course&) const = default;
};

sim::GatewayNode::Options WithoutJitter() {
  sim::GatewayNode::Options options;
  options.machine.renew_jitter = Duration::zero();
  return options;
}

// `attack` is called every 20 ms of a minute and a half, in which a session comes up and rolls over once.
Course CourseUnder(const std::function<void(MachinePair&)>& attack) {
  MachinePair pair(WithoutJitter());
  const auto begin = pair.network.now();
  for (int i = 0; i < 4500; ++i) {
    if (attack) attack(pair);
    pair.network.RunFor(milliseconds(20));
    if (i != 50) continue;
    pair.a.Dial(pair.b);
    pair.TellBothWays(milliseconds(100));
  }
  pair.StopTelling();
  Course course{.inits = {},
                .a_ups = pair.a.ups(),
                .b_ups = pair.b.ups(),
                .a_downs = pair.a.downs(),
                .b_downs = pair.b.downs(),
                .lost = pair.Lost(),
                .undelivered = pair.a.undelivered() + pair.b.undelivered()};
  for (const auto& datagram : pair.sent) {
    if (datagram.header == 0 && datagram.from == pair.a.endpoint()) {
      course.inits.push_back(TimePoint(datagram.at - begin));
    }
  }
  return course;
}

class Attack : public testing::Test {
 protected:
  static void SetUpTestSuite() { undisturbed_ = new Course(CourseUnder(nullptr)); }
  static void TearDownTestSuite() { delete undisturbed_; }

  void SetUp() override {
    ASSERT_EQ(undisturbed_->a_ups, 2u);
    ASSERT_EQ(undisturbed_->lost, 0u);
  }

  // At either side, from the other's address and from a stranger's.
  static void InjectBothWays(MachinePair& pair, const std::vector<uint8_t>& datagram) {
    pair.network.Inject(pair.a.endpoint(), pair.b.endpoint(), datagram);
    pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), datagram);
    pair.network.Inject(TestEndpoint(66), pair.a.endpoint(), datagram);
  }

  std::vector<uint8_t> Random(size_t size) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_());
    return bytes;
  }

  static Course* undisturbed_;
  std::mt19937 random_{1};
};

Course* Attack::undisturbed_ = nullptr;

TEST_F(Attack, BareHeaders) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              for (const uint32_t counter : {0u, 1u, 2u, 3u, 4u, 0x7ffffffeu, 0x7fffffffu}) {
                std::vector<uint8_t> datagram(4);
                dataplane::StoreBe32(datagram.data(), counter | (random_() & 0x80000000u));
                InjectBothWays(pair, datagram);
              }
            }),
            *undisturbed_);
}

TEST_F(Attack, HandshakeMessagesOfRandomBytes) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              for (const size_t size : {20, 36, 52, 132, 140, 300, 1500}) {
                std::vector<uint8_t> datagram = Random(size);
                const uint32_t counters[] = {1, 2, 3, 0x7fffffff};
                dataplane::StoreBe32(datagram.data(),
                                     counters[random_() % 4] | (random_() & 0x80000000u));
                InjectBothWays(pair, datagram);
              }
            }),
            *undisturbed_);
}

// More than would fit the table for a path; each costs the victim an answer, and nothing else.
TEST_F(Attack, InitsFromThePeersAddress) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              std::vector<uint8_t> init = Random(36);
              dataplane::StoreBe32(init.data(), 0);
              pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), init);
            }),
            *undisturbed_);
}

TEST_F(Attack, ReplaysOfAllThatWasSent) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              for (int i = 0; i < 3 && !pair.sent.empty(); ++i) {
                const auto datagram = pair.sent[random_() % pair.sent.size()];
                pair.network.Inject(datagram.from, datagram.to, datagram.bytes);
                pair.network.Inject(datagram.to, datagram.from, datagram.bytes);
                pair.network.Inject(TestEndpoint(66), datagram.to, datagram.bytes);
              }
            }),
            *undisturbed_);
}

TEST_F(Attack, MangledCopiesOfAllThatWasSent) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              for (int i = 0; i < 5 && !pair.sent.empty(); ++i) {
                auto datagram = pair.sent[random_() % pair.sent.size()];
                if (random_() % 2 == 0) {
                  datagram.bytes.resize(random_() % (datagram.bytes.size() + 1));
                } else {
                  datagram.bytes[random_() % datagram.bytes.size()] ^=
                      static_cast<uint8_t>(1 + random_() % 255);
                }
                pair.network.Inject(datagram.from, datagram.to, datagram.bytes);
              }
            }),
            *undisturbed_);
}

TEST_F(Attack, RandomBytesOfAnySize) {
  EXPECT_EQ(CourseUnder([&](MachinePair& pair) {
              for (int i = 0; i < 10; ++i) InjectBothWays(pair, Random(random_() % 200));
            }),
            *undisturbed_);
}

// Each kind under its own reason.
TEST_F(Attack, IsCounted) {
  MachinePair pair;
  pair.BringUp();
  pair.TellBothWays(milliseconds(100));
  const auto count = [&](const std::vector<uint8_t>& datagram, DropReason reason) {
    const uint64_t before =
        pair.b.machine().counters().rejected[static_cast<size_t>(reason)];
    pair.network.Inject(pair.a.endpoint(), pair.b.endpoint(), datagram);
    pair.network.RunFor(milliseconds(1));
    return pair.b.machine().counters().rejected[static_cast<size_t>(reason)] - before;
  };
  const auto with_header = [&](uint32_t header, size_t size) {
    std::vector<uint8_t> datagram = Random(size);
    dataplane::StoreBe32(datagram.data(), header);
    return datagram;
  };
  EXPECT_EQ(count({0, 0}, DropReason::kTruncated), 1u);
  EXPECT_EQ(count(with_header(0, 20), DropReason::kBadHandshake), 1u);
  EXPECT_EQ(count(with_header(0x00000002, 140), DropReason::kUnexpectedHandshake), 1u);
  EXPECT_EQ(count(with_header(0x80000001, 52), DropReason::kUnexpectedHandshake), 1u);
  EXPECT_EQ(count(with_header(0x80000003, 140), DropReason::kUnexpectedHandshake), 1u);
  EXPECT_EQ(count(with_header(0x7fffffff, 4), DropReason::kBareClose), 1u);
  EXPECT_EQ(count(with_header(0x7fffffff, 20), DropReason::kBadClose), 1u);
  EXPECT_EQ(count(std::vector<uint8_t>(36), DropReason::kBadKey), 1u);  // e = 0
  EXPECT_EQ(count(with_header(0, 36), DropReason::kBadHandshake), 0u);  // as good as any
  EXPECT_EQ(count(with_header(0x00000002, 140), DropReason::kBadHandshake), 1u);
}

// A peer that proves who it is, from ever new ports: it gets no more than its share, and another peer keeps
// its session.
TEST_F(Attack, OnePeerThatDialsFromManyPorts) {
  sim::GatewayNode::Options options;
  options.machine.max_sessions = 20;
  options.machine.max_sessions_per_peer = 4;
  MachinePair pair(options);
  pair.BringUp();
  pair.TellBothWays(milliseconds(100));
  std::vector<std::unique_ptr<sim::GatewayNode>> ports;
  for (uint32_t i = 10; i < 50; ++i) {
    ports.push_back(std::make_unique<sim::GatewayNode>(&pair.network, 3, i, i,
                                                       sim::GatewayNode::Options{}));
    ports.back()->Dial(pair.b);
    pair.network.RunFor(milliseconds(100));
    size_t of_the_peer = 0;
    for (const auto& [id, session] : pair.b.sessions()) {
      of_the_peer += session.up.peer == ports[0]->id();
    }
    ASSERT_LE(of_the_peer, 4u);
    ASSERT_EQ(pair.b.sessions_with(ports.back()->endpoint()), 1u) << "its oldest goes, not its newest";
  }
  EXPECT_EQ(pair.a.downs().size(), 0u);
  EXPECT_TRUE(pair.BothUp());
  pair.StopTelling();
  EXPECT_EQ(pair.Lost(), 0u);
}

// Whoever forges answers of one peer, each of which costs a key agreement, spends that peer's share of our time.
TEST_F(Attack, AnswersForgedInOnePeersNameLeaveTimeForTheOthers) {
  MachinePair pair;
  sim::GatewayNode c(&pair.network, 3, 3, 13, {});
  pair.Lose(0x80000001, pair.b.endpoint());
  pair.a.Dial(pair.b);
  pair.network.RunFor(milliseconds(100));
  std::vector<uint8_t> forged = Random(52);
  dataplane::StoreBe32(forged.data(), 0x80000001);
  for (int i = 0; i < 3000; ++i) {
    pair.a.machine().HandleDatagram(pair.network.now(), {0, pair.b.endpoint()}, forged);
  }
  const auto& rejected = pair.a.machine().counters().rejected;
  EXPECT_EQ(rejected[static_cast<size_t>(DropReason::kBadHandshake)], 2000u);
  EXPECT_EQ(rejected[static_cast<size_t>(DropReason::kPuntLimited)], 1000u);
  pair.a.Dial(c);
  pair.network.RunFor(milliseconds(100));
  EXPECT_EQ(pair.a.sessions_with(c.endpoint()), 1u);
  pair.on_send = nullptr;
  EXPECT_TRUE(pair.network.RunUntilTrue(seconds(3), [&] { return pair.BothUp(); }));
}

// While we wait for an answer, nothing but the answer counts.
TEST_F(Attack, AnswersToAnInitThatIsStillOut) {
  MachinePair pair;
  pair.Lose(0x00000000);
  pair.a.Dial(pair.b);
  for (int i = 0; i < 200; ++i) {
    for (const uint32_t header : {0x80000001u, 0x80000003u, 0xffffffffu, 0x80000000u}) {
      std::vector<uint8_t> datagram = Random(header == 0x80000001u ? 52 : 140);
      dataplane::StoreBe32(datagram.data(), header);
      pair.network.Inject(pair.b.endpoint(), pair.a.endpoint(), datagram);
    }
    pair.network.RunFor(milliseconds(20));
  }
  EXPECT_TRUE(pair.a.sessions().empty());
  const auto inits = pair.sent.size();
  EXPECT_LE(inits, 5u);
  pair.on_send = nullptr;
  ASSERT_TRUE(pair.network.RunUntilTrue(seconds(3), [&] { return pair.BothUp(); }));
}

}  // namespace
}  // namespace noisegate::controlplane
