// What a config means for the parts of the gateway: plain options, routes, limits. Pure.
#ifndef NOISEGATE_CONTROLPLANE_GATEWAY_PLAN_H_
#define NOISEGATE_CONTROLPLANE_GATEWAY_PLAN_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/peer_registry.h"
#include "controlplane/session_machine.h"
#include "controlplane/waiting_packets.h"
#include "dataplane/dataplane.h"
#include "dataplane/forwarding.h"

namespace noisegate::controlplane {

// One worker on each of `worker_lcores`. A port's index is its position in the config.
dataplane::DataplaneOptions DataplaneOptionsFor(const config::Config& config,
                                                std::vector<unsigned> worker_lcores);

SessionMachine::Options MachineOptionsFor(const config::Config& config);

// Packets that wait for a session.
WaitingLimits WaitingLimitsFor(const config::Limits& limits);

// Routes of the peers, of the overlay's links, its static routes, and the gateway's own addresses
// there. InvalidArgument names a prefix that two owners claim.
absl::StatusOr<std::unique_ptr<const dataplane::Forwarding>> BuildForwarding(
    const config::Config& config, const PeerRegistry& registry);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_GATEWAY_PLAN_H_
