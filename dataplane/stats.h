// Counters that a worker writes and anyone may read, without any of them waiting.
#ifndef NOISEGATE_DATAPLANE_STATS_H_
#define NOISEGATE_DATAPLANE_STATS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/drop_reason.h"

namespace noisegate::dataplane {

inline constexpr size_t kCacheLine = 64;  // bytes

// A value with one writer: a plain add, never a locked one.
template <typename T>
class Tally {
 public:
  void Add(T n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void Set(T n) { value_.store(n, std::memory_order_relaxed); }
  T Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{0};
};

// One worker's, on cache lines that nobody else writes.
struct alignas(kCacheLine) WorkerStats {
  Tally<uint64_t> sealed, opened, relayed, delivered, handed_over, punted;
  Tally<uint64_t> loops, busy_loops, sleeps;
  Tally<uint64_t> busy_cycles;  // TSC
  Tally<uint64_t> drops[kNumDropReasons];

  void Drop(DropReason reason, uint64_t packets) {
    drops[static_cast<size_t>(reason)].Add(packets);
  }
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_STATS_H_
