// DPDK for the benches that need it: started once, at the first use.
#ifndef NOISEGATE_PERF_EAL_H_
#define NOISEGATE_PERF_EAL_H_

#include "absl/status/statusor.h"
#include "dataplane/eal.h"

namespace noisegate::perf {

// Hugepages where enough are free. Workers for two gateways and their traffic.
inline absl::StatusOr<const dataplane::EalInfo*> PerfEal() {
  dataplane::EalOptions options;
  options.file_prefix = "noisegate-perf";
  options.memory_mib = 768;
  options.workers = 3;
  return dataplane::StartEal(options);
}

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_EAL_H_
