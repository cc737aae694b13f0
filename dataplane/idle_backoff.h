// What a worker does when there is nothing to do: poll on for a while, then sleep, longer each time.
#ifndef NOISEGATE_DATAPLANE_IDLE_BACKOFF_H_
#define NOISEGATE_DATAPLANE_IDLE_BACKOFF_H_

#include <algorithm>
#include <cstdint>

namespace noisegate::dataplane {

class IdleBackoff {
 public:
  struct Options {
    bool busy_poll = false;          // never sleep
    uint64_t poll_ticks = 0;         // how long to poll on after the last packet
    uint64_t max_sleep_ns = 0;       // 0: never sleep
  };
  explicit IdleBackoff(const Options& options) : options_(options) {}

  // After a turn that began at `now` (ticks) and found `packets`: how many nanoseconds to sleep; 0 for
  // not at all.
  uint64_t AfterTurn(uint64_t now, uint32_t packets) {
    if (packets != 0) {
      last_busy_ = now;
      sleep_ns_ = 0;
      return 0;
    }
    if (options_.busy_poll || options_.max_sleep_ns == 0) return 0;
    if (now - last_busy_ < options_.poll_ticks) return 0;
    sleep_ns_ = std::min(std::max(2 * sleep_ns_, kFirstSleepNs), options_.max_sleep_ns);
    return sleep_ns_;
  }

 private:
  static constexpr uint64_t kFirstSleepNs = 5'000;

  const Options options_;
  uint64_t last_busy_ = 0;
  uint64_t sleep_ns_ = 0;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_IDLE_BACKOFF_H_
