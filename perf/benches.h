// The benchmarks, one function each. What each figure means is in README.md beside this file.
#ifndef NOISEGATE_PERF_BENCHES_H_
#define NOISEGATE_PERF_BENCHES_H_

#include "absl/status/status.h"
#include "perf/comparison.h"
#include "perf/report.h"

namespace noisegate::perf {

absl::Status BenchAead(const Effort& effort, Report* report);
absl::Status BenchLookup(const Effort& effort, Report* report);
absl::Status BenchReplay(const Effort& effort, Report* report);
absl::Status BenchRoute(const Effort& effort, Report* report);
absl::Status BenchPath(const Effort& effort, Report* report);
absl::Status BenchHandshake(const Effort& effort, Report* report);
absl::Status BenchNdr(const Effort& effort, Report* report);

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_BENCHES_H_
