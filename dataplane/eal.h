// DPDK's environment abstraction layer: one for each process, taken up once.
//
//   EalOptions options;
//   options.workers = 2;
//   absl::StatusOr<const EalInfo*> eal = StartEal(options);
//   dataplane_options.worker_lcores = (*eal)->worker_lcores;
//
// Devices are not named here: ports plug their own in when they are opened, so that a process may
// hold several data planes.
#ifndef NOISEGATE_DATAPLANE_EAL_H_
#define NOISEGATE_DATAPLANE_EAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace noisegate::dataplane {

struct EalOptions {
  std::string file_prefix = "noisegate";  // the process id is appended
  bool hugepages = true;                  // where enough of them are free; false: never
  uint32_t memory_mib = 512;              // taken at start without hugepages, grown to with them
  uint32_t workers = 1;                   // polling lcores, over all data planes of the process
  std::vector<unsigned> worker_cpus;      // one for each worker; empty: any CPU of the process
  std::optional<unsigned> control_cpu;    // the calling thread's; none: any CPU of the process
  bool pci = false;                       // a port needs the PCI bus
  bool verbose = false;                   // DPDK's own messages below warnings, too
};

struct EalInfo {
  bool hugepages = false;
  std::string notice;                  // what was asked for and is not so; empty where all is well
  std::vector<unsigned> worker_lcores; // as many as workers were asked for
};

// Starts the EAL with the calling thread as DPDK's main lcore. The first call decides: later ones
// return its result, or FailedPrecondition where they ask for more workers than it did. After an error
// DPDK cannot be started again in this process. Not thread-safe.
absl::StatusOr<const EalInfo*> StartEal(const EalOptions& options);

// The arguments that StartEal gives to DPDK, argv[0] included; `use_hugepages` is what was found.
std::vector<std::string> EalArguments(const EalOptions& options, bool use_hugepages,
                                      const std::vector<unsigned>& process_cpus);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_EAL_H_
