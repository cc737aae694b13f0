// Bounded work: takes from a source in small portions until it is empty, or enough was taken, or time is
// up, whichever comes first. A number alone is no bound, because what the items cost is up to who sent
// them: a handshake's first message costs a thousand times what a stray one does.
#ifndef NOISEGATE_CONTROLPLANE_PORTIONS_H_
#define NOISEGATE_CONTROLPLANE_PORTIONS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace noisegate::controlplane {

struct PortionLimits {
  size_t portion = 16;  // items
  size_t items = 1024;
  std::chrono::steady_clock::duration time = std::chrono::milliseconds(2);
};

// `take(n)` takes up to n items and returns how many there were; `clock()` is the time. Returns the number
// of items taken; time may be exceeded by one portion.
template <typename Clock, typename Take>
size_t TakeInPortions(const PortionLimits& limits, Clock&& clock, Take&& take) {
  const auto end = clock() + limits.time;
  for (size_t taken = 0;;) {
    const size_t portion = std::min(limits.portion, limits.items - taken);
    const size_t n = take(portion);
    taken += n;
    if (n < portion || taken == limits.items || clock() >= end) return taken;
  }
}

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_PORTIONS_H_
