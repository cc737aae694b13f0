// Statistics that a noisy machine does not spoil: what lies in the middle, and how far the rest strays.
#ifndef NOISEGATE_PERF_SAMPLES_H_
#define NOISEGATE_PERF_SAMPLES_H_

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <vector>

namespace noisegate::perf {

class Samples {
 public:
  void Add(double value) { values_.push_back(value); }
  void Add(const Samples& other) {
    values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  }
  bool empty() const { return values_.empty(); }
  size_t size() const { return values_.size(); }

  // The value that `fraction` (0 … 1) of the samples lie below; nearest rank. Not of an empty set.
  double Quantile(double fraction) {
    assert(!values_.empty());
    const auto nth = values_.begin() + static_cast<std::ptrdiff_t>(
                                           fraction * static_cast<double>(values_.size() - 1) + 0.5);
    std::nth_element(values_.begin(), nth, values_.end());
    return *nth;
  }
  double Median() { return Quantile(0.5); }

 private:
  std::vector<double> values_;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_SAMPLES_H_
