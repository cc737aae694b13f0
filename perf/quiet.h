// Tells samples that this core took alone from those that it shared.
//
// On a machine with neighbours (a hypervisor's, or the other thread of the core), the same work takes
// up to twice as long for milliseconds at a time. So each sample stands between two probes: a fixed
// piece of arithmetic, which needs all of a core's width and no memory. Where either probe takes
// noticeably longer than it can, the sample counts as disturbed and is used only if too few are not.
#ifndef NOISEGATE_PERF_QUIET_H_
#define NOISEGATE_PERF_QUIET_H_

#include <cstdint>

#include "perf/samples.h"

namespace noisegate::perf {

// Cycles of the time-stamp counter. Nothing moves from before the reading to behind it, or back.
uint64_t ReadCycles();

// True where the core is undisturbed right now. Takes about 700 cycles; the first call 0.2 s.
bool IsQuiet();

class QuietSamples {
 public:
  // Takes one sample: `work` returns what it measured.
  template <typename Work>
  void Take(Work&& work) {
    const bool quiet = IsQuiet();
    const double value = work();
    (quiet && IsQuiet() ? quiet_ : disturbed_).Add(value);
  }
  void Add(double value, bool quiet) { (quiet ? quiet_ : disturbed_).Add(value); }

  // Enough undisturbed ones that they are used alone.
  static constexpr size_t kEnough = 30;
  bool enough() const { return quiet_.size() >= kEnough; }
  size_t size() const { return quiet_.size() + disturbed_.size(); }
  size_t quiet() const { return quiet_.size(); }
  double percent_quiet() const {
    return size() == 0 ? 0 : 100.0 * static_cast<double>(quiet_.size()) / static_cast<double>(size());
  }

  // The undisturbed samples where there are enough, else all. Not where there is none.
  Samples Best() const {
    Samples best = quiet_;
    if (!enough()) best.Add(disturbed_);
    return best;
  }

 private:
  Samples quiet_, disturbed_;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_QUIET_H_
