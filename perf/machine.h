// What a figure depends on beside the code: the processor, its clock, and how this was built.
#ifndef NOISEGATE_PERF_MACHINE_H_
#define NOISEGATE_PERF_MACHINE_H_

#include <string>

namespace noisegate::perf {

struct Machine {
  std::string cpu;     // as the processor names itself
  unsigned cpus = 0;   // that this process may use
  double tsc_hz = 0;   // all cycles here are cycles of the time-stamp counter
  std::string flags;   // compiler and its options
  std::string commit;  // of the source, "-dirty" where it has changes
};

// Measures the time-stamp counter's frequency, which takes 50 ms.
Machine ThisMachine();

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_MACHINE_H_
