// One deadline for each of many ids, and the next of them at once.
#ifndef NOISEGATE_CONTROLPLANE_TIMER_QUEUE_H_
#define NOISEGATE_CONTROLPLANE_TIMER_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace noisegate::controlplane {

// A binary heap that knows where each id stands in it, so that a deadline can be moved: O(log n), and
// no memory taken once the ids are known. Ids are small and dense. One thread.
class TimerQueue {
 public:
  using Id = uint32_t;
  using TimePoint = std::chrono::steady_clock::time_point;

  void Set(Id id, TimePoint at);  // adds or moves
  void Cancel(Id id);             // nothing where it is not set
  std::optional<TimePoint> Next() const;
  // Takes out one id whose deadline has come. Equal deadlines come in no particular order.
  std::optional<Id> PopDue(TimePoint now);
  size_t size() const { return heap_.size(); }

 private:
  static constexpr uint32_t kAbsent = UINT32_MAX;
  struct Entry {
    TimePoint at;
    Id id;
  };

  void Put(uint32_t position, Entry entry);
  void SiftUp(uint32_t position);
  void SiftDown(uint32_t position);

  std::vector<Entry> heap_;         // children of i at 2i + 1 and 2i + 2, none earlier than i
  std::vector<uint32_t> position_;  // by id: where in heap_, or kAbsent
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_TIMER_QUEUE_H_
