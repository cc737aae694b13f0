// Translates between the control thread's clock and the time-stamp counter that workers read.
#ifndef NOISEGATE_DATAPLANE_TSC_CLOCK_H_
#define NOISEGATE_DATAPLANE_TSC_CLOCK_H_

#include <rte_cycles.h>

#include <chrono>
#include <cstdint>

#include "dataplane/dataplane.h"

namespace noisegate::dataplane {

// Both directions go from now, so that an error of the frequency does not add up: 0.2 % (DPDK rounds
// what it measures) is a tenth of a second in a session's life. Needs the EAL. Thread-safe.
class TscClock {
 public:
  TscClock() : hz_(rte_get_tsc_hz()) {}

  uint64_t hz() const { return hz_; }

  uint64_t Ticks(std::chrono::nanoseconds duration) const {
    return static_cast<uint64_t>(static_cast<double>(duration.count()) * 1e-9 *
                                 static_cast<double>(hz_));
  }
  // 0 for what is longer ago than the counter has run.
  uint64_t ToTsc(TimePoint time) const {
    const uint64_t now = rte_rdtsc();
    const auto ahead = std::chrono::nanoseconds(time - std::chrono::steady_clock::now());
    if (ahead.count() >= 0) return now + Ticks(ahead);
    const uint64_t behind = Ticks(-ahead);
    return behind < now ? now - behind : 0;
  }
  // The epoch for 0, which stands for never.
  TimePoint ToTime(uint64_t tsc) const {
    if (tsc == 0) return {};
    const double ago = static_cast<double>(static_cast<int64_t>(rte_rdtsc() - tsc)) * 1e9 /
                       static_cast<double>(hz_);
    return std::chrono::steady_clock::now() - std::chrono::nanoseconds(static_cast<int64_t>(ago));
  }

 private:
  const uint64_t hz_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_TSC_CLOCK_H_
