#include "controlplane/neighbour_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace noisegate::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::MacAddress;
using Cache = NeighbourCache;
using Kind = Cache::Event::Kind;
using State = Cache::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MacAddress kA = {{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kB = {{0x02, 0, 0, 0, 0, 0x0b}};

Cache::Key On(uint16_t port, const char* address) {
  return {port, IpAddress::Parse(address).value()};
}
Cache::Key Host(uint32_t n) { return {0, IpAddress::V4(0x0a000000 + n)}; }

// A cache on a clock of its own, with a link that the test plays.
class NeighbourCacheTest : public testing::Test {
 protected:
  explicit NeighbourCacheTest(const Cache::Options& options = {}) : cache_(options) {}

  // Lets time pass, each timeout at its moment.
  void Pass(Cache::Duration duration) {
    const Cache::TimePoint until = now_ + duration;
    while (cache_.NextTimeout().has_value() && *cache_.NextTimeout() <= until) {
      now_ = std::max(now_, *cache_.NextTimeout());
      cache_.HandleTimeout(now_);
    }
    now_ = until;
  }
  std::vector<Cache::Request> Requests() {
    std::vector<Cache::Request> requests;
    for (Cache::Request r; cache_.PollRequest(&r);) requests.push_back(r);
    return requests;
  }
  std::vector<Kind> Events() {
    std::vector<Kind> kinds;
    for (Cache::Event e; cache_.PollEvent(&e);) kinds.push_back(e.kind);
    return kinds;
  }
  // `key` in kReachable, and nothing left to poll.
  void MakeReachable(const Cache::Key& key, const MacAddress& mac) {
    ASSERT_TRUE(cache_.Resolve(now_, key).ok());
    cache_.HandleReply(now_, key, mac, true);
    ASSERT_EQ(cache_.FindState(key), State::kReachable);
    Requests();
    Events();
  }

  Cache cache_;
  Cache::TimePoint now_{seconds(1000)};
  const Cache::Key key_ = On(1, "192.0.2.9");
};

TEST_F(NeighbourCacheTest, AsksOnceForManyPacketsAndResolves) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].key, key_);
  EXPECT_EQ(requests[0].known, std::nullopt);
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
  cache_.HandleReply(now_, key_, kA, true);
  Cache::Event event;
  ASSERT_TRUE(cache_.PollEvent(&event));
  EXPECT_EQ(event.kind, Kind::kResolved);
  EXPECT_EQ(event.key, key_);
  EXPECT_EQ(event.mac, kA);
  EXPECT_EQ(cache_.Find(key_), kA);
}

TEST_F(NeighbourCacheTest, GivesUpAfterThreeTriesASecondApart) {
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  EXPECT_EQ(Requests().size(), 1u);
  Pass(milliseconds(999));
  EXPECT_EQ(Requests().size(), 0u);
  Pass(milliseconds(1));
  EXPECT_EQ(Requests().size(), 1u);
  Pass(seconds(1));
  EXPECT_EQ(Requests().size(), 1u);
  EXPECT_TRUE(Events().empty());
  Pass(seconds(1));
  EXPECT_EQ(Requests().size(), 0u);
  EXPECT_EQ(Events(), std::vector{Kind::kFailed});
}

TEST_F(NeighbourCacheTest, RemembersFailureForAWhileAndThenAsksAnew) {
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  Pass(seconds(3));
  Requests();
  EXPECT_EQ(Events(), std::vector{Kind::kFailed});
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  EXPECT_TRUE(Requests().empty());
  EXPECT_EQ(cache_.FindState(key_), State::kFailed);
  Pass(seconds(3));
  EXPECT_EQ(Events(), std::vector{Kind::kForgotten});
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(NeighbourCacheTest, GoesStaleIsStillUsedAndThenProbed) {
  MakeReachable(key_, kA);
  Pass(seconds(30));
  EXPECT_EQ(cache_.FindState(key_), State::kStale);
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_TRUE(Requests().empty());
  Pass(seconds(30));
  EXPECT_EQ(cache_.FindState(key_), State::kProbe);
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].known, kA);
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.FindState(key_), State::kReachable);
  EXPECT_TRUE(Events().empty());
}

TEST_F(NeighbourCacheTest, APacketForAStaleNeighbourProbesAtOnce) {
  MakeReachable(key_, kA);
  Pass(seconds(31));
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  EXPECT_EQ(cache_.FindState(key_), State::kProbe);
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(NeighbourCacheTest, ProbesEveryoneWhenTheOldMacIsSilent) {
  MakeReachable(key_, kA);
  Pass(seconds(61));
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].known, kA);
  EXPECT_EQ(requests[1].known, std::nullopt);
  cache_.HandleReply(now_, key_, kB, true);
  EXPECT_EQ(Events(), std::vector{Kind::kChanged});
  EXPECT_EQ(cache_.Find(key_), kB);
}

TEST_F(NeighbourCacheTest, ForgetsTheMacOfANeighbourThatLeft) {
  MakeReachable(key_, kA);
  Pass(seconds(63));
  EXPECT_EQ(Events(), std::vector{Kind::kFailed});
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
}

TEST_F(NeighbourCacheTest, KeepsPinnedNeighboursFresh) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  Requests();
  Events();
  for (int i = 0; i < 20; ++i) {
    Pass(seconds(30));
    ASSERT_EQ(Requests().size(), 1u);
    ASSERT_EQ(cache_.FindState(key_), State::kProbe);
    cache_.HandleReply(now_, key_, kA, true);
    ASSERT_EQ(cache_.FindState(key_), State::kReachable);
  }
  EXPECT_TRUE(Events().empty());
}

TEST_F(NeighbourCacheTest, AsksForPinnedNeighboursUntilTheyAnswer) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  Pass(seconds(60));
  EXPECT_EQ(Requests().size(), 31u);  // three, then three seconds' rest, and so on
  EXPECT_EQ(Events().size(), 10u);
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.Find(key_), kA);
}

TEST_F(NeighbourCacheTest, StaysPinnedUntilTheLastUnpin) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.Unpin(key_);
  Pass(seconds(7));
  EXPECT_TRUE(cache_.FindState(key_).has_value());
  cache_.Unpin(key_);
  Pass(seconds(7));
  EXPECT_FALSE(cache_.FindState(key_).has_value());
}

TEST_F(NeighbourCacheTest, LearnsNothingUnaskedOfUnknownNeighbours) {
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.size(), 0u);
  EXPECT_TRUE(Events().empty());
}

TEST_F(NeighbourCacheTest, TakesUnaskedNewsAsAReasonToAsk) {
  MakeReachable(key_, kA);
  Pass(seconds(2));
  cache_.HandleReply(now_, key_, kB, true);
  EXPECT_EQ(cache_.Find(key_), kA);  // until someone answers
  const auto requests = Requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].known, std::nullopt);
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_TRUE(Events().empty());
}

TEST_F(NeighbourCacheTest, AsksOnNewsNoMoreThanOnceInASecond) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  Requests();
  Pass(seconds(1));
  size_t asked = 0;
  for (int i = 0; i < 1000; ++i) {  // a liar, and the owner who answers each question
    cache_.HandleReply(now_, key_, kB, true);
    const size_t n = Requests().size();
    asked += n;
    if (n > 0) cache_.HandleReply(now_, key_, kA, true);
    Pass(milliseconds(1));
  }
  EXPECT_LE(asked, 2u);
  EXPECT_EQ(cache_.Find(key_), kA);
}

TEST_F(NeighbourCacheTest, FollowsAFailoverThatAnnouncesItself) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  Pass(seconds(5));
  Events();
  Requests();
  cache_.HandleReply(now_, key_, kB, true);  // the gratuitous reply of the one that took over
  ASSERT_EQ(Requests().size(), 1u);
  cache_.HandleReply(now_, key_, kB, true);  // its answer
  EXPECT_EQ(Events(), std::vector{Kind::kChanged});
  EXPECT_EQ(cache_.Find(key_), kB);
}

TEST_F(NeighbourCacheTest, ANeighbourThatFailedAndComesBackIsAskedAtOnce) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  Pass(milliseconds(3500));
  Requests();
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(Requests().size(), 1u);
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.Find(key_), kA);
}

TEST_F(NeighbourCacheTest, DoesNotReplaceWithoutTheOverrideFlag) {
  MakeReachable(key_, kA);
  Pass(seconds(60));
  Requests();
  cache_.HandleReply(now_, key_, kB, false);
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_EQ(cache_.FindState(key_), State::kProbe);
}

TEST_F(NeighbourCacheTest, LearnsWhoAsksForUs) {
  cache_.HandleRequest(now_, key_, kA);
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_EQ(cache_.FindState(key_), State::kStale);
  EXPECT_EQ(Events(), std::vector{Kind::kResolved});
  EXPECT_TRUE(Requests().empty());
  Pass(seconds(30));  // and forgets it where nothing of ours went there
  EXPECT_EQ(Events(), std::vector{Kind::kForgotten});
  EXPECT_TRUE(Requests().empty());
}

TEST_F(NeighbourCacheTest, ARequestCompletesWhatWeAsk) {
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  cache_.HandleRequest(now_, key_, kA);
  EXPECT_EQ(Events(), std::vector{Kind::kResolved});
  EXPECT_EQ(cache_.FindState(key_), State::kProbe);
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.FindState(key_), State::kReachable);
}

TEST_F(NeighbourCacheTest, ARequestDoesNotChangeWhatIsKnown) {
  MakeReachable(key_, kA);
  Pass(seconds(2));
  cache_.HandleRequest(now_, key_, kB);
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(NeighbourCacheTest, KeepsStaticNeighboursAsTheyAre) {
  ASSERT_TRUE(cache_.SetStatic(key_, kA).ok());
  EXPECT_EQ(Events(), std::vector{Kind::kResolved});
  cache_.HandleReply(now_, key_, kB, true);
  cache_.HandleRequest(now_, key_, kB);
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  Pass(seconds(1000));
  EXPECT_EQ(cache_.Find(key_), kA);
  EXPECT_TRUE(Requests().empty());
  ASSERT_TRUE(cache_.SetStatic(key_, kB).ok());
  EXPECT_EQ(Events(), std::vector{Kind::kChanged});
  cache_.RemoveStatic(now_, key_);  // pinned: goes on as a common one
  EXPECT_EQ(cache_.FindState(key_), State::kProbe);
  EXPECT_EQ(Requests().size(), 1u);
}

TEST_F(NeighbourCacheTest, ForgetsAStaticNeighbourThatIsRemoved) {
  ASSERT_TRUE(cache_.SetStatic(key_, kA).ok());
  Events();
  cache_.RemoveStatic(now_, key_);
  EXPECT_EQ(Events(), std::vector{Kind::kForgotten});
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(NeighbourCacheTest, RefusesAddressesAndMacsThatNoHostHas) {
  for (const char* address : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"}) {
    EXPECT_FALSE(cache_.Resolve(now_, On(0, address)).ok()) << address;
    EXPECT_FALSE(cache_.SetStatic(On(0, address), kA).ok()) << address;
    cache_.HandleRequest(now_, On(0, address), kA);
  }
  const MacAddress group = {{0x01, 0, 0x5e, 0, 0, 1}};
  EXPECT_FALSE(cache_.SetStatic(key_, group).ok());
  cache_.HandleRequest(now_, key_, group);
  EXPECT_EQ(cache_.size(), 0u);
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  cache_.HandleReply(now_, key_, group, true);
  cache_.HandleReply(now_, key_, MacAddress{}, true);
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
}

TEST_F(NeighbourCacheTest, TellsPortsApart) {
  MakeReachable(On(1, "fe80::1"), kA);
  EXPECT_EQ(cache_.Find(On(2, "fe80::1")), std::nullopt);
  ASSERT_TRUE(cache_.Resolve(now_, On(2, "fe80::1")).ok());
  cache_.HandleReply(now_, On(2, "fe80::1"), kB, true);
  const auto entries = cache_.Entries();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].mac, kA);
  EXPECT_EQ(entries[1].mac, kB);
}

TEST_F(NeighbourCacheTest, KeepsASilentNeighbourThroughWhichPeersAreHeard) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  Requests();
  Events();
  for (int second = 0; second < 100; ++second) {
    Pass(seconds(1));
    cache_.Confirm(key_, now_ - milliseconds(250));
    EXPECT_EQ(cache_.Find(key_), kA);
  }
  const size_t asked = Requests().size();
  EXPECT_GE(asked, 6u) << "it is asked all the same: it may have moved";
  EXPECT_LE(asked, 12u);
  EXPECT_TRUE(Events().empty());
  // The traffic ends, and with it the trust.
  Pass(seconds(40));
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
}

TEST_F(NeighbourCacheTest, TakesNoConfirmationForAnAnswer) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.Confirm(key_, now_);
  cache_.Confirm(Host(1), now_);
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
  Pass(seconds(3));
  EXPECT_EQ(cache_.FindState(key_), State::kFailed) << "there is no MAC to keep";
  EXPECT_EQ(cache_.FindState(Host(1)), std::nullopt);
}

class SmallNeighbourCacheTest : public NeighbourCacheTest {
 protected:
  SmallNeighbourCacheTest() : NeighbourCacheTest({.max_entries = 8, .requests_per_second = 10}) {}
};

TEST_F(SmallNeighbourCacheTest, EvictsTheLeastWorthAndNeverPinnedOnes) {
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  for (uint32_t n = 1; n <= 3; ++n) MakeReachable(Host(n), kB);
  for (uint32_t n = 10; n < 500; ++n) {
    EXPECT_TRUE(cache_.Resolve(now_, Host(n)).ok());
    ASSERT_LE(cache_.size(), 8u);
  }
  EXPECT_EQ(cache_.Find(key_), kA);
  for (uint32_t n = 1; n <= 3; ++n) EXPECT_EQ(cache_.Find(Host(n)), kB) << n;
}

TEST_F(SmallNeighbourCacheTest, StrangersWhoAskEvictOnlyEachOther) {
  for (uint32_t n = 1; n <= 4; ++n) ASSERT_TRUE(cache_.Resolve(now_, Host(n)).ok());
  for (uint32_t n = 10; n < 500; ++n) cache_.HandleRequest(now_, Host(n), kB);
  for (uint32_t n = 1; n <= 4; ++n) EXPECT_TRUE(cache_.FindState(Host(n)).has_value()) << n;
  EXPECT_LE(cache_.size(), 8u);
}

// However many next hops of sessions are due before it.
TEST_F(NeighbourCacheTest, FindsTheOneThatMayGoAmongManyPinnedOnes) {
  Cache cache({.max_entries = 1000});
  for (uint32_t n = 1; n < 1000; ++n) ASSERT_TRUE(cache.Pin(now_, Host(n)).ok());
  ASSERT_TRUE(cache.Resolve(now_, Host(1000)).ok());
  cache.HandleReply(now_, Host(1000), kA, true);
  EXPECT_TRUE(cache.Pin(now_, Host(1001)).ok());
  EXPECT_EQ(cache.FindState(Host(1000)), std::nullopt);
  EXPECT_EQ(cache.Resolve(now_, Host(1002)).code(), absl::StatusCode::kResourceExhausted);
  cache.Unpin(Host(7));
  EXPECT_TRUE(cache.Resolve(now_, Host(1002)).ok());
  EXPECT_EQ(cache.FindState(Host(7)), std::nullopt);
}

TEST_F(SmallNeighbourCacheTest, SaysWhenItIsFullOfPinnedOnes) {
  for (uint32_t n = 1; n <= 8; ++n) ASSERT_TRUE(cache_.Pin(now_, Host(n)).ok());
  EXPECT_EQ(cache_.Resolve(now_, key_).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(cache_.Pin(now_, key_).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(cache_.SetStatic(key_, kA).code(), absl::StatusCode::kResourceExhausted);
  cache_.HandleRequest(now_, key_, kA);
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
}

TEST_F(SmallNeighbourCacheTest, BoundsItsQuestionsButNotThoseAboutPinnedOnes) {
  size_t asked = 0;
  for (uint32_t n = 0; n < 1000; ++n) {
    EXPECT_TRUE(cache_.Resolve(now_, Host(n)).ok());
    asked += Requests().size();
  }
  EXPECT_EQ(asked, 10u);
  ASSERT_TRUE(cache_.Pin(now_, key_).ok());
  EXPECT_EQ(Requests().size(), 1u);
  Pass(seconds(2));  // those that were held back are asked about when there is budget again
  asked = Requests().size();
  EXPECT_GE(asked, 9u);
  EXPECT_LE(asked, 22u);
}

TEST_F(SmallNeighbourCacheTest, TakesNoAnswerToAQuestionThatWasHeldBack) {
  for (uint32_t n = 0; n < 10; ++n) ASSERT_TRUE(cache_.Resolve(now_, Host(n)).ok());
  ASSERT_TRUE(cache_.Resolve(now_, key_).ok());
  cache_.HandleReply(now_, key_, kA, true);
  EXPECT_EQ(cache_.Find(key_), std::nullopt);
}

// What a user of the events would believe must be what the cache says, whatever happens.
TEST_F(SmallNeighbourCacheTest, EventsAddUpToTheState) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    Cache cache({.max_entries = 8, .requests_per_second = 10});
    std::map<Cache::Key, MacAddress> believed;
    std::map<Cache::Key, int> pins;
    for (int step = 0; step < 3000; ++step) {
      const Cache::Key key = Host(random() % 12);
      const MacAddress mac = random() % 2 == 0 ? kA : kB;
      switch (random() % 9) {
        case 0:
          (void)cache.Resolve(now_, key);
          break;
        case 1:
          pins[key] += cache.Pin(now_, key).ok();
          break;
        case 2:
          if (pins[key] > 0) {
            --pins[key];
            cache.Unpin(key);
          }
          break;
        case 3:
          (void)cache.SetStatic(key, mac);
          break;
        case 4:
          cache.RemoveStatic(now_, key);
          break;
        case 5:
          cache.HandleRequest(now_, key, mac);
          break;
        case 6:
          cache.HandleTimeout(now_ += milliseconds(random() % 4000));
          break;
        default:
          cache.HandleReply(now_, key, mac, random() % 2 == 0);
          break;
      }
      for (Cache::Event e; cache.PollEvent(&e);) {
        const bool known = believed.contains(e.key);
        if (e.kind == Kind::kResolved || e.kind == Kind::kChanged) {
          ASSERT_EQ(known, e.kind == Kind::kChanged) << "seed " << seed << ", step " << step;
          ASSERT_TRUE(!known || believed[e.key] != e.mac) << "seed " << seed;
          believed[e.key] = e.mac;
        } else {
          believed.erase(e.key);
        }
      }
      for (Cache::Request r; cache.PollRequest(&r);) ASSERT_LT(r.key.address, Host(12).address);
      ASSERT_LE(cache.size(), 8u);
      size_t with_mac = 0;
      for (const Cache::Entry& entry : cache.Entries()) {
        if (!entry.mac.has_value()) continue;
        ++with_mac;
        ASSERT_EQ(believed.at(entry.key), *entry.mac) << "seed " << seed << ", step " << step;
      }
      ASSERT_EQ(with_mac, believed.size()) << "seed " << seed << ", step " << step;
      for (const auto& [pinned, count] : pins) {
        ASSERT_TRUE(count == 0 || cache.FindState(pinned).has_value());
      }
    }
  }
}

}  // namespace
}  // namespace noisegate::controlplane
