// Defers what must wait until no worker can still hold a pointer (quiescent-state based reclamation,
// rte_rcu_qsbr): unpublish, Defer(), and a later Reclaim() runs it.
//
// Whoever holds what: a worker takes pointers to sessions, snapshots and table entries from the
// published tables, uses them within one turn of its loop, and reports quiescent at its end (or is
// offline while it sleeps). So one turn of every worker ends every grace period.
#ifndef NOISEGATE_DATAPLANE_GRACE_PERIODS_H_
#define NOISEGATE_DATAPLANE_GRACE_PERIODS_H_

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace noisegate::dataplane {

// Control thread only, but for readers(), whose thread functions are the workers'.
class GracePeriods {
 public:
  explicit GracePeriods(uint32_t workers)
      : readers_(static_cast<rte_rcu_qsbr*>(
            rte_zmalloc("ng_qsbr", rte_rcu_qsbr_get_memsize(workers), RTE_CACHE_LINE_SIZE))) {
    if (readers_ != nullptr) rte_rcu_qsbr_init(readers_, workers);
  }
  // What still waits is dropped, not run: its tables are gone by now.
  ~GracePeriods() { rte_free(readers_); }
  GracePeriods(const GracePeriods&) = delete;
  GracePeriods& operator=(const GracePeriods&) = delete;

  bool ok() const { return readers_ != nullptr; }
  rte_rcu_qsbr* readers() const { return readers_; }

  // Runs `free` in a Reclaim() after every worker has passed a quiescent state from now on.
  void Defer(std::function<void()> free) {
    waiting_.emplace_back(rte_rcu_qsbr_start(readers_), std::move(free));
  }
  // Does not block.
  void Reclaim() {
    while (!waiting_.empty() && rte_rcu_qsbr_check(readers_, waiting_.front().first, false) == 1) {
      // Out of the queue first: `free` may defer something itself.
      const std::function<void()> free = std::move(waiting_.front().second);
      waiting_.pop_front();
      free();
    }
  }
  size_t waiting() const { return waiting_.size(); }

 private:
  rte_rcu_qsbr* const readers_;
  std::deque<std::pair<uint64_t, std::function<void()>>> waiting_;  // oldest first
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_GRACE_PERIODS_H_
