// Numbers that look random and are the same in every run.
#ifndef NOISEGATE_PERF_RANDOM_H_
#define NOISEGATE_PERF_RANDOM_H_

#include <cstdint>

namespace noisegate::perf {

// xorshift64 (Marsaglia, 2003).
class Xorshift {
 public:
  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 32);
  }
  uint32_t Below(uint32_t bound) { return bound == 1 ? 0 : Next() % bound; }

 private:
  uint64_t state_ = 88172645463325252;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_RANDOM_H_
