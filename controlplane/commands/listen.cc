#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "controlplane/commands/commands.h"
#include "controlplane/commands/stop_signals.h"
#include "controlplane/commands/text.h"
#include "controlplane/peer_policy.h"
#include "controlplane/secure_swarm.h"
#include "controlplane/udp_swarm.h"

namespace noisegate::commands {

using controlplane::SecureSwarm;

int Listen(const ListenOptions& options) {
  const auto& stop = CatchStopSignals();
  const auto identity = crypto::PrivateKey::Load(options.key);
  if (!identity.ok()) return Fail(identity.status());
  auto udp = controlplane::UdpSwarm::Bind(options.local);
  if (!udp.ok()) return Fail(udp.status());

  controlplane::AdmitAnyone anyone;
  controlplane::AdmitListed listed(options.allow);
  controlplane::PeerPolicy& policy =
      options.allow.empty() ? static_cast<controlplane::PeerPolicy&>(anyone) : listed;
  SecureSwarm swarm(**udp, *identity, policy, {});

  uint64_t left = options.count.value_or(UINT64_MAX);
  swarm.OnReceive([&](const SecureSwarm::Message& message) {
    if (left == 0) return;
    --left;
    std::printf("%s: %s\n", message.source.ToString().c_str(), MessageText(message.bytes).c_str());
    // An error means a reply that does not fit the way back, and the sender will miss its echo.
    if (options.echo) swarm.Tell(message.source, message.bytes).IgnoreError();
  });

  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // scripts wait for these lines
  for (const auto& address : swarm.LocalAddresses()) {
    std::printf("LISTEN %s\n", address.ToString().c_str());
  }
  while (!stop && left > 0) {
    swarm.Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
  }
  swarm.Close();
  return kExitOk;
}

}  // namespace noisegate::commands
