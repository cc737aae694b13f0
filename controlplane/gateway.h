// A gateway: a data plane, the session machine that feeds it, and what a host on two networks
// needs.
//
//   auto gateway = Gateway::Create(config, std::move(key), *Dataplane::Create(options),
//   SystemRandom());
//   (*gateway)->Start(now);                       // workers poll, peers are dialled
//   loop.EveryTurn([&](TimePoint now) { (*gateway)->RunOnce(now); });   // once a millisecond
//   (*gateway)->Reload(now, new_config);          // all or nothing
//   (*gateway)->SayGoodbye(now); … (*gateway)->Stop();
//
// Control thread only. Several may live in one process and one control loop.
#ifndef NOISEGATE_CONTROLPLANE_GATEWAY_H_
#define NOISEGATE_CONTROLPLANE_GATEWAY_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/datapath_swarm.h"
#include "controlplane/dialler.h"
#include "controlplane/host_interface.h"
#include "controlplane/icmp_errors.h"
#include "controlplane/known_addresses.h"
#include "controlplane/local_addresses.h"
#include "controlplane/local_responder.h"
#include "controlplane/log.h"
#include "controlplane/neighbours.h"
#include "controlplane/peer_registry.h"
#include "controlplane/session_machine.h"
#include "controlplane/session_publisher.h"
#include "controlplane/telemetry.h"
#include "controlplane/underlay_routes.h"
#include "controlplane/waiting_packets.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class Gateway {
 public:
  // `dataplane` was made from DataplaneOptionsFor(config) and is not started. `random` outlives the
  // gateway. An error names the peer, prefix or port at fault.
  static absl::StatusOr<std::unique_ptr<Gateway>> Create(
      const config::Config& config, crypto::PrivateKey identity,
      std::unique_ptr<dataplane::Dataplane> dataplane, crypto::Random& random);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Starts the workers, brings tap interfaces up, announces our addresses and dials.
  absl::Status Start(TimePoint now);
  // One turn: punts, events, timers, and what they lead to. Never blocks.
  void RunOnce(TimePoint now);
  // Applies what may change while running: peers, their prefixes, endpoints and permissions,
  // overlay routes, static neighbours, queue limits. Sessions of peers that stay are not touched.
  // After an error nothing has changed; FailedPrecondition names the keys that need a restart.
  absl::Status Reload(TimePoint now, const config::Config& config);
  // Ends every session with an authenticated close, and makes no more. A few more turns let the closes
  // leave.
  void SayGoodbye(TimePoint now);
  // Workers have left when it returns. Idempotent.
  void Stop();

  Snapshot TakeSnapshot(TimePoint now);
  const config::Config& config() const { return config_; }
  // The data path as a swarm, for what else wants to use it.
  DatagramSwarm& swarm() { return swarm_; }

 private:
  Gateway(const config::Config& config, crypto::PrivateKey identity,
          std::unique_ptr<dataplane::Dataplane> dataplane, crypto::Random& random);

  absl::Status InstallPeers();
  void HandlePunt(const dataplane::Punt& punt);
  void NeedSession(const dataplane::Punt& punt);
  void HandleDatagram(const Path& path, std::span<const uint8_t> datagram);
  void DrainMachine();
  void HandleSessionUp(const SessionUp& up);
  void HandleSessionDown(const SessionDown& down);
  void Flush(dataplane::PeerIndex peer);
  void FlushLatecomers();
  void ExpireWaiting();
  void UpdateKnownEndpoints();
  void Announce();
  void UpdateHostRoutes();

  OverviewSnapshot TakeOverview(const std::vector<dataplane::WorkerCounters>& workers) const;
  std::vector<PeerSnapshot> TakePeers() const;
  std::vector<SessionSnapshot> TakeSessions() const;
  std::vector<PortSnapshot> TakePorts() const;
  std::vector<DropSnapshot> TakeDrops(const std::vector<dataplane::WorkerCounters>& workers) const;

  config::Config config_;
  const crypto::PrivateKey identity_;
  TimePoint now_{};  // of the present turn
  TimePoint started_{};

  // In the order in which they need each other; torn down the other way round.
  std::unique_ptr<dataplane::Dataplane> dataplane_;
  PeerRegistry registry_;
  UnderlayRoutes routes_;
  LocalAddresses addresses_;
  IcmpErrors icmp_errors_;
  Neighbours neighbours_;
  LocalResponder responder_;
  SessionMachine machine_;
  DataPathSwarm swarm_;
  SessionPublisher publisher_;
  Dialler dialler_;
  std::vector<std::unique_ptr<HostInterface>> host_interfaces_;

  WaitingPackets<dataplane::PeerIndex> waiting_;  // for a session
  // Peers that have a session now, and when to look for packets that were on their way here, for
  // want of one, while it came up.
  absl::flat_hash_map<dataplane::PeerIndex, TimePoint> latecomers_;
  KnownAddresses known_;
  TimePoint next_known_{};  // when the data plane may be told again
  RateMeter rates_;
  LogBudget session_log_;
  bool leaving_ = false;  // after SayGoodbye
  int announcements_left_ = 0;
  TimePoint next_announcement_{};
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_GATEWAY_H_
