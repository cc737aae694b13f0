// A noisegate in the simulator: the real session machine over a data plane that is as plain as can be:
// libsodium, a set for the replay window, no clever tables. It tells messages to a peer at a steady pace
// and writes down which ones the network let through and which ones came.
#ifndef NOISEGATE_TESTS_SIM_GATEWAY_NODE_H_
#define NOISEGATE_TESTS_SIM_GATEWAY_NODE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/session_machine.h"
#include "crypto/key.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::sim {

using controlplane::Path;
using controlplane::SessionId;
using controlplane::SessionMachine;

// An identity made from a number.
crypto::PrivateKey TestKey(uint64_t number);
Endpoint TestEndpoint(uint32_t number);  // 10.0.0.number:4242
uint64_t NextMessageNumber();            // unique in the process

class AdmitSet final : public controlplane::PeerPolicy {
 public:
  bool Admits(const crypto::PeerId& peer) override { return everyone || peers.contains(peer); }
  bool everyone = true;
  std::set<crypto::PeerId> peers;
};

class GatewayNode final : public Node {
 public:
  struct Options {
    SessionMachine::Options machine;
    Duration report_every = std::chrono::milliseconds(100);  // ReportTraffic
    size_t queue_messages = 64;                              // that wait for a session
    Duration queue_time = std::chrono::seconds(1);
  };
  struct Session {
    controlplane::SessionUp up;
    bool confirmed = false;
    uint64_t activated = 0;  // order in which sessions became the one to send on
    uint32_t next_counter = dataplane::kCounterFirstMessage;
    std::set<uint32_t> received;
    controlplane::SessionTraffic traffic;
    bool touched = false;
  };

  GatewayNode(VirtualNetwork* network, uint64_t identity, uint32_t address, uint64_t seed,
              Options options);
  ~GatewayNode() override;

  // Loses all state but the identity and the address, as a process killed and started again does. What
  // was dialled has to be dialled again.
  void Restart();
  void Dial(const GatewayNode& peer) { Dial(peer.endpoint(), peer.id()); }
  void Dial(const Endpoint& to, const crypto::PeerId& peer);
  // From now on tells the endpoint a message every `period`; zero stops it.
  void TellEvery(const Endpoint& to, Duration period);
  void Tell(const Endpoint& to, const std::vector<uint8_t>& message);
  // After something was done to the machine directly.
  void Drain() { DrainMachine(network_->now()); }

  void Receive(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) override;
  std::optional<TimePoint> NextTimeout() const override;
  void HandleTimeout(TimePoint now) override;

  SessionMachine& machine() { return *machine_; }
  const Endpoint& endpoint() const { return endpoint_; }
  const crypto::PeerId& id() const { return key_.id(); }
  AdmitSet& policy() { return policy_; }
  const std::map<SessionId, Session>& sessions() const { return sessions_; }
  size_t sessions_with(const Endpoint& remote) const;
  // The one to send on; null where there is none.
  Session* Sending(TimePoint now, const Endpoint& to);
  bool IsUp(const Endpoint& to) { return Sending(network_->now(), to) != nullptr; }

  // Numbers of messages.
  const std::set<uint64_t>& survived() const { return survived_; }  // the network let them through
  const std::multiset<uint64_t>& received() const { return received_; }
  const std::set<uint64_t>& told() const { return told_; }
  uint64_t undelivered() const { return undelivered_; }  // waited in vain for a session
  const std::vector<controlplane::DownCause>& downs() const { return downs_; }
  uint64_t unopened() const { return unopened_; }  // messages that no session opened
  uint64_t ups() const { return ups_; }
  TimePoint last_received() const { return last_received_; }

 private:
  struct Waiting {
    TimePoint since;
    Endpoint to;
    std::vector<uint8_t> message;
  };

  void SendOn(TimePoint now, Session& session, const std::vector<uint8_t>& message);
  void SendWaiting(TimePoint now, const Endpoint& to);
  void ReceiveMessage(TimePoint now, const Path& path, std::span<const uint8_t> datagram);
  bool Open(TimePoint now, Session& session, std::span<const uint8_t> datagram);
  void DrainMachine(TimePoint now);
  void Handle(TimePoint now, controlplane::Event& event);
  void Report(TimePoint now);

  VirtualNetwork* const network_;
  const crypto::PrivateKey key_;
  const Endpoint endpoint_;
  const Options options_;
  SeededRandom random_;
  AdmitSet policy_;
  std::unique_ptr<SessionMachine> machine_;

  std::map<SessionId, Session> sessions_;
  std::set<Endpoint> held_;
  std::deque<Waiting> waiting_;
  uint64_t activations_ = 0;
  std::optional<TimePoint> next_report_;

  std::optional<Endpoint> tell_to_;
  Duration tell_every_{};
  TimePoint next_tell_;

  std::set<uint64_t> told_, survived_;
  std::multiset<uint64_t> received_;
  uint64_t undelivered_ = 0, unopened_ = 0, ups_ = 0;
  TimePoint last_received_;
  std::vector<controlplane::DownCause> downs_;
};

}  // namespace noisegate::sim

#endif  // NOISEGATE_TESTS_SIM_GATEWAY_NODE_H_
