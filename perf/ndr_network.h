// Two gateways back to back, each with a worker of its own, and the load at their overlay ports:
//
//   load 10.1.0.2 ══ a ════ wire ════ b ══ 10.2.0.2 load
//
// Sessions live for seconds, so that rollovers can be measured.
#ifndef NOISEGATE_PERF_NDR_NETWORK_H_
#define NOISEGATE_PERF_NDR_NETWORK_H_

#include <array>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/control_loop.h"
#include "controlplane/gateway.h"
#include "perf/machine.h"
#include "perf/ndr_traffic.h"

namespace noisegate::perf {

class NdrNetwork {
 public:
  // Starts both gateways and waits for their session. `lcores`: two workers and the load.
  static absl::StatusOr<std::unique_ptr<NdrNetwork>> Create(const std::vector<unsigned>& lcores,
                                                            const Machine& machine);
  ~NdrNetwork();

  // Runs the load, and the control threads' loop while it lasts; `meanwhile` is called once, half
  // way through.
  NdrTraffic::Result Run(const NdrTraffic::Load& load,
                         const std::function<void()>& meanwhile = nullptr);
  // Rollovers of both gateways together.
  uint64_t Rollovers();
  // Gives both gateways a config with one more peer than they have now.
  absl::Status Reload();
  std::string engine();

 private:
  NdrNetwork() = default;
  absl::Status Start(const std::vector<unsigned>& lcores, const Machine& machine);
  bool Up();

  std::array<config::Config, 2> configs_;
  std::array<std::unique_ptr<controlplane::Gateway>, 2> gateways_;
  std::unique_ptr<controlplane::ControlLoop> loop_;
  std::unique_ptr<NdrTraffic> traffic_;
  unsigned load_lcore_ = 0;
  uint32_t reloads_ = 0;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_NDR_NETWORK_H_
