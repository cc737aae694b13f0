#include "controlplane/telemetry.h"

#include <algorithm>

namespace noisegate::controlplane {

void RateMeter::Sample(TimePoint now, const std::vector<dataplane::WorkerCounters>& workers) {
  uint64_t opened = 0, sealed = 0;
  for (const dataplane::WorkerCounters& worker : workers) {
    opened += worker.opened;
    sealed += worker.sealed;
  }
  const bool first = busy_cycles_.size() != workers.size();
  busy_cycles_.resize(workers.size());
  busy_.resize(workers.size());
  const double seconds = std::chrono::duration<double>(now - sampled_).count();
  if (!first && seconds > 0) {
    opened_rate_ = static_cast<double>(opened - opened_) / seconds;
    sealed_rate_ = static_cast<double>(sealed - sealed_) / seconds;
  }
  for (size_t i = 0; i < workers.size(); ++i) {
    const double cycles = seconds * static_cast<double>(cycles_per_second_);
    if (!first && cycles > 0) {
      const double busy = static_cast<double>(workers[i].busy_cycles - busy_cycles_[i]);
      busy_[i] = std::clamp(busy / cycles, 0.0, 1.0);
    }
    busy_cycles_[i] = workers[i].busy_cycles;
  }
  opened_ = opened;
  sealed_ = sealed;
  sampled_ = now;
}

}  // namespace noisegate::controlplane
