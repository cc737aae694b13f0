// A service that answers with what it was told, and a client that makes sure of both.
#include <cstdio>
#include <string>

#include "controlplane/peer_policy.h"
#include "controlplane/secure_swarm.h"
#include "controlplane/udp_swarm.h"
#include "crypto/key.h"

using namespace noisegate;
using controlplane::SecureSwarm;

int main() {
  // An application loads its identity: crypto::PrivateKey::Load("key.pem").
  const auto service_key = crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
  const auto client_key = crypto::PrivateKey::Generate(crypto::KeyType::kP256);
  const dataplane::IpAddress here = *dataplane::IpAddress::Parse("127.0.0.1");
  const auto service_udp = controlplane::UdpSwarm::Bind({here, 0});
  const auto client_udp = controlplane::UdpSwarm::Bind({here, 0});
  if (!service_key.ok() || !client_key.ok() || !service_udp.ok() || !client_udp.ok()) return 1;

  // The service talks to whoever proves an identity, and knows it: message.source.peer.
  controlplane::AdmitAnyone anyone;
  SecureSwarm service(**service_udp, *service_key, anyone, {});
  service.OnReceive([&](const SecureSwarm::Message& message) {
    std::printf("told by %s\n", message.source.ToString().c_str());
    service.Tell(message.source, message.bytes).IgnoreError();
  });

  // The client talks to the service and to nobody else.
  const controlplane::PeerAddress address = service.LocalAddresses().front();
  controlplane::AdmitListed only_the_service({&address.peer, 1});
  SecureSwarm client(**client_udp, *client_key, only_the_service, {});
  std::string answer;
  client.OnReceive([&](const SecureSwarm::Message& message) {
    answer.assign(message.bytes.begin(), message.bytes.end());
  });
  bool failed = false;
  client.OnUndelivered([&](const SecureSwarm::Undelivered&) { failed = true; });

  // The first Tell dials; the message waits for the session.
  const std::string question = "who are you?";
  const absl::Status told =
      client.Tell(address, {reinterpret_cast<const uint8_t*>(question.data()), question.size()});
  while (told.ok() && answer.empty() && !failed) {
    // Two swarms share this thread. With one it is Run(stop), or Poll() from an event loop.
    const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
    service.Wait(soon);
    client.Wait(soon);
  }
  std::printf("answer: %s\n", answer.c_str());
  return answer == question ? 0 : 1;
}
