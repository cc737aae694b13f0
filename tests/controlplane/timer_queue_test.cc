#include "controlplane/timer_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace noisegate::controlplane {
namespace {

using std::chrono::seconds;

TimerQueue::TimePoint At(int second) { return TimerQueue::TimePoint(seconds(second)); }

TEST(TimerQueue, GivesOutWhatIsDueInOrder) {
  TimerQueue timers;
  timers.Set(3, At(30));
  timers.Set(1, At(10));
  timers.Set(2, At(20));
  EXPECT_EQ(timers.Next(), At(10));
  EXPECT_EQ(timers.PopDue(At(9)), std::nullopt);
  EXPECT_EQ(timers.PopDue(At(20)), 1u);
  EXPECT_EQ(timers.PopDue(At(20)), 2u);
  EXPECT_EQ(timers.PopDue(At(20)), std::nullopt);
  EXPECT_EQ(timers.Next(), At(30));
}

TEST(TimerQueue, MovesAndCancels) {
  TimerQueue timers;
  timers.Set(1, At(10));
  timers.Set(2, At(20));
  timers.Set(1, At(30));
  EXPECT_EQ(timers.Next(), At(20));
  timers.Cancel(2);
  timers.Cancel(2);
  timers.Cancel(77);
  EXPECT_EQ(timers.size(), 1u);
  EXPECT_EQ(timers.PopDue(At(99)), 1u);
  EXPECT_EQ(timers.Next(), std::nullopt);
}

TEST(TimerQueue, AgreesWithASortedMap) {
  std::mt19937 random(7);
  TimerQueue timers;
  std::map<TimerQueue::Id, TimerQueue::TimePoint> oracle;
  for (int step = 0; step < 20000; ++step) {
    const TimerQueue::Id id = random() % 200;
    const auto action = random() % 8;
    if (action < 5) {
      const auto at = At(static_cast<int>(random() % 1000));
      timers.Set(id, at);
      oracle[id] = at;
    } else if (action == 5) {
      timers.Cancel(id);
      oracle.erase(id);
    } else {
      const auto now = At(static_cast<int>(random() % 400));
      const auto popped = timers.PopDue(now);
      auto first = oracle.begin();
      for (auto i = oracle.begin(); i != oracle.end(); ++i) {
        if (i->second < first->second) first = i;
      }
      const bool due = first != oracle.end() && first->second <= now;
      ASSERT_EQ(popped.has_value(), due);
      if (!due) continue;
      ASSERT_EQ(oracle.at(*popped), first->second);  // equal times come in any order
      oracle.erase(*popped);
    }
    ASSERT_EQ(timers.size(), oracle.size());
  }
}

}  // namespace
}  // namespace noisegate::controlplane
