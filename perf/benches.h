// The benchmarks, one function each. What each figure means is in README.md beside this file.
#ifndef NOISEGATE_PERF_BENCHES_H_
#define NOISEGATE_PERF_BENCHES_H_

#include "absl/status/status.h"
#include "perf/comparison.h"
#include "perf/report.h"

namespace noisegate::perf {

absl::Status BenchAead(const Effort& effort, Report* report);
absl::Status BenchPath(const Effort& effort, Report* report);

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_BENCHES_H_
