// The demo's network: two sites that know only the relay between them, in one process.
//
//   host a ══ site-a ────IPv4──── relay ────IPv6──── site-b ══ host b
//
// All links are rings. Sessions live for seconds instead of a minute, so that rollovers can be
// watched.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_NETWORK_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_NETWORK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/commands/demo_traffic.h"
#include "controlplane/gateway.h"

namespace noisegate::commands {

class DemoNetwork {
 public:
  static constexpr size_t kGateways = 3;  // site-a, relay, site-b
  using Gateways = std::array<std::unique_ptr<controlplane::Gateway>, kGateways>;

  // `worker_lcores` holds as many lcores for each gateway.
  static absl::StatusOr<std::unique_ptr<DemoNetwork>> Create(
      const std::vector<unsigned>& worker_lcores);
  // Gateways stop before any of them goes, because they share wires.
  ~DemoNetwork();

  absl::Status Start(controlplane::TimePoint now);
  void RunOnce(controlplane::TimePoint now);
  void SayGoodbye(controlplane::TimePoint now);
  void Stop();

  // True once each site can send to the relay, and the relay to each site.
  bool Up(controlplane::TimePoint now);
  const Gateways& gateways() const { return gateways_; }
  // The two hosts, for the traffic; pace and sizes are left to the caller.
  DemoTraffic::Options HostOptions() const;

 private:
  DemoNetwork() = default;
  Gateways gateways_;
  DemoTraffic::Options hosts_;
};

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_NETWORK_H_
