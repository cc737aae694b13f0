#include "controlplane/gateway.h"

#include <rte_cycles.h>

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "config/diff.h"
#include "controlplane/gateway_plan.h"
#include "controlplane/portions.h"
#include "dataplane/header.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::PeerIndex;

// What one turn takes from the workers at most, so that timers are served under any load.
constexpr PortionLimits kPuntsPerTurn = {
    .portion = 16, .items = 1024, .time = std::chrono::milliseconds(2)};
constexpr size_t kEventsPerTurn = 1024;

// Datagrams that leave at a time: half of what the ring to the workers holds.
constexpr size_t kTransmitsPerTurn = 1024;

// How long a peer that dials in counts as a stranger after its first session is up, at most.
constexpr Duration kKnownInterval = std::chrono::seconds(1);

// A packet that a worker punted for want of a session may get here after the session did. It is
// sent on its way again, but not at once: should the worker still see none, it comes back.
constexpr Duration kLatecomerDelay = std::chrono::milliseconds(10);

// RFC 5227 1.1: ANNOUNCE_NUM and ANNOUNCE_INTERVAL.
constexpr int kAnnouncements = 2;
constexpr Duration kAnnouncementInterval = std::chrono::seconds(2);

const char* CauseText(DownCause cause) {
  switch (cause) {
    case DownCause::kExpired:
      return "its last session has expired";
    case DownCause::kReplaced:
      return "its session was replaced";
    case DownCause::kClosedByPeer:
      return "it said goodbye";
    case DownCause::kClosedByUs:
      return "we said goodbye";
    case DownCause::kPeerRemoved:
      return "it has left the config";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Create(
    const config::Config& config, crypto::PrivateKey identity,
    std::unique_ptr<dataplane::Dataplane> dataplane, crypto::Random& random) {
  std::unique_ptr<Gateway> gateway(
      new Gateway(config, std::move(identity), std::move(dataplane), random));
  if (auto installed = gateway->InstallPeers(); !installed.ok()) return installed;
  return gateway;
}

Gateway::Gateway(const config::Config& config, crypto::PrivateKey identity,
                 std::unique_ptr<dataplane::Dataplane> dataplane, crypto::Random& random)
    : config_(config),
      identity_(std::move(identity)),
      dataplane_(std::move(dataplane)),
      registry_(config.gateway.max_peers),
      routes_(config.ports),
      addresses_(config, *dataplane_),
      icmp_errors_(*dataplane_, addresses_),
      neighbours_(*dataplane_, addresses_, config.gateway.max_neighbours,
                  [this](dataplane::PortIndex port, std::span<const uint8_t> packet) {
                    if (addresses_.ports()[port].side != dataplane::Side::kOverlay) return;
                    icmp_errors_.Send(now_, dataplane::IcmpError::kHostUnreachable, 0, packet);
                  }),
      responder_(*dataplane_, addresses_, neighbours_),
      machine_(identity_, registry_, random, MachineOptionsFor(config)),
      swarm_(*dataplane_, routes_, addresses_, neighbours_, config.gateway.listen_port,
             static_cast<uint16_t>(config.gateway.workers),
             [this](const dataplane::Punt& punt) { HandlePunt(punt); }),
      publisher_(*dataplane_, machine_, registry_, swarm_, neighbours_,
                 [this](PeerIndex peer) { Flush(peer); }),
      dialler_(machine_, registry_, config.gateway.workers),
      waiting_(WaitingLimitsFor(config.limits)),
      rates_(rte_get_tsc_hz()),
      session_log_(/*lines=*/20, std::chrono::seconds(1)) {}

Gateway::~Gateway() { Stop(); }

absl::Status Gateway::InstallPeers() {
  auto registry = registry_.With(config_.peers);
  if (!registry.ok()) return registry.status();
  auto forwarding = BuildForwarding(config_, *registry);
  if (!forwarding.ok()) return forwarding.status();
  known_.SetConfigured(registry->EndpointAddresses());
  if (auto told = dataplane_->SetKnownEndpoints(known_.Take()); !told.ok()) return told;
  registry_ = *std::move(registry);
  dataplane_->SetForwarding(*std::move(forwarding));
  return absl::OkStatus();
}

absl::Status Gateway::Start(TimePoint now) {
  now_ = started_ = now;
  neighbours_.AdvanceTo(now);
  for (size_t i = 0; i < config_.ports.size(); ++i) {
    neighbours_.ReplaceStatic(static_cast<dataplane::PortIndex>(i), {},
                              config_.ports[i].neighbours);
  }
  if (auto started = dataplane_->Start(); !started.ok()) return started;
  for (const config::Port& port : config_.ports) {
    if (port.device != config::Device::kTap) continue;
    auto interface = HostInterface::Open(port, std::min(port.mtu, OverlayMtu(config_)));
    if (!interface.ok()) return interface.status();
    host_interfaces_.push_back(*std::move(interface));
  }
  UpdateHostRoutes();
  announcements_left_ = kAnnouncements;
  dialler_.Refresh(now);
  RunOnce(now);
  return absl::OkStatus();
}

void Gateway::RunOnce(TimePoint now) {
  now_ = now;
  neighbours_.AdvanceTo(now);
  const auto receiver = [this](const dataplane::Endpoint& source, uint16_t stripe,
                               std::span<const uint8_t> datagram) {
    HandleDatagram({stripe, source}, datagram);
  };
  TakeInPortions(kPuntsPerTurn, std::chrono::steady_clock::now,
                 [&](size_t portion) { return swarm_.Receive(portion, receiver); });
  publisher_.HandleEvents(now, kEventsPerTurn);
  publisher_.ReportTraffic(now);
  if (const auto timeout = machine_.NextTimeout(); timeout && *timeout <= now) {
    machine_.HandleTimeout(now);
  }
  if (!leaving_) dialler_.HandleTimeout(now);
  DrainMachine();
  FlushLatecomers();
  ExpireWaiting();
  UpdateKnownEndpoints();
  Announce();
  if (rates_.Due(now)) rates_.Sample(now, dataplane_->ReadWorkers());
  dataplane_->Reclaim();
}

void Gateway::HandlePunt(const dataplane::Punt& punt) {
  switch (punt.kind) {
    case dataplane::PuntKind::kControl:
      responder_.HandleFrame(punt.port, punt.bytes);
      break;
    case dataplane::PuntKind::kLocal:
      responder_.HandleInner(punt.bytes);
      break;
    case dataplane::PuntKind::kNeedSession:
      NeedSession(punt);
      break;
    case dataplane::PuntKind::kNeedNeighbour:
      neighbours_.SendPacket(punt.port, punt.next_hop, punt.bytes, punt.from, punt.waits_until);
      break;
    case dataplane::PuntKind::kTooBig:
      icmp_errors_.Send(now_, dataplane::IcmpError::kTooBig, punt.mtu, punt.bytes);
      break;
    case dataplane::PuntKind::kTtlExpired:
      icmp_errors_.Send(now_, dataplane::IcmpError::kTimeExceeded, 0, punt.bytes);
      break;
    case dataplane::PuntKind::kNoRoute:
      icmp_errors_.Send(now_, dataplane::IcmpError::kNoRoute, 0, punt.bytes);
      break;
    case dataplane::PuntKind::kHandshake:
    case dataplane::PuntKind::kNoSession:
      break;  // the swarm's own
  }
}

void Gateway::HandleDatagram(const Path& path, std::span<const uint8_t> datagram) {
  if (datagram.size() < dataplane::kHeaderSize) return;  // the worker has counted it
  if (leaving_) return dataplane_->CountDrop(DropReason::kShutdown);
  if (dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data())).is_message()) {
    machine_.HandleNoSession(now_, path, datagram);
  } else {
    machine_.HandleDatagram(now_, path, datagram);
  }
  // At once, while the swarm still knows which address the datagram came to.
  DrainMachine();
}

void Gateway::DrainMachine() {
  // Events first: a session must be receivable before the other side hears of it.
  for (Event event; machine_.PollEvent(&event);) {
    if (const auto* up = std::get_if<SessionUp>(&event.what)) {
      HandleSessionUp(*up);
    } else if (const auto* empty = std::get_if<SendEmptyMessage>(&event.what)) {
      publisher_.SendEmpty(now_, empty->id);
    } else if (const auto* down = std::get_if<SessionDown>(&event.what)) {
      HandleSessionDown(*down);
    } else if (const auto* hold = std::get_if<HoldSending>(&event.what)) {
      publisher_.Hold(*hold);
    }
  }
  Transmit transmit;
  for (size_t i = 0; i < kTransmitsPerTurn && machine_.PollTransmit(&transmit); ++i) {
    // An unreachable peer shows in `show peers`; it is dialled for as long as it is configured.
    (void)swarm_.Tell(transmit.path.stripe, transmit.path.remote, transmit.datagram);
  }
}

void Gateway::HandleSessionUp(const SessionUp& up) {
  const PeerRegistry::Peer* peer = registry_.Find(up.peer);
  const SessionPublisher::PeerRecord* record = publisher_.RecordOf(up.peer);
  const bool first = record == nullptr || record->sessions.empty();
  const absl::Status published = publisher_.Up(now_, up);
  const std::string name = peer == nullptr ? up.peer.ToString() : peer->config.name;
  if (!published.ok()) {
    dataplane_->CountDrop(DropReason::kTableFull);
    if (session_log_.Allow(now_)) {
      Log(LogLevel::kWarning, absl::StrCat("session with ", name, " cannot be used: ",
                                           published.message(), session_log_.Suppressed()));
    }
    return;
  }
  known_.Add(up.path.remote.address);
  dialler_.SessionUp(now_, up.peer, up.capabilities);
  if (first && session_log_.Allow(now_)) {
    Log(LogLevel::kInfo, absl::StrCat("peer ", name, " is up at ", up.path.remote.ToString(),
                                      session_log_.Suppressed()));
  }
}

void Gateway::HandleSessionDown(const SessionDown& down) {
  if (!publisher_.sessions().contains(down.id)) return;
  publisher_.Down(down);
  known_.Remove(down.path.remote.address);
  dialler_.SessionDown(now_, down.peer);
  const SessionPublisher::PeerRecord* record = publisher_.RecordOf(down.peer);
  if (record == nullptr || !record->sessions.empty() || !session_log_.Allow(now_)) return;
  const PeerRegistry::Peer* peer = registry_.Find(down.peer);
  Log(LogLevel::kInfo,
      absl::StrCat("peer ", peer == nullptr ? down.peer.ToString() : peer->config.name,
                   " is down: ", CauseText(down.cause), session_log_.Suppressed()));
}

void Gateway::NeedSession(const dataplane::Punt& punt) {
  const PeerRegistry::Peer* peer = registry_.Get(punt.peer);
  if (peer == nullptr || !waiting_.Add(now_, punt.peer, punt.bytes, punt.from,
                                       punt.waits_until)) {
    dataplane_->CountDrop(DropReason::kNoSessionYet);
    return;
  }
  if (publisher_.CanSend(now_, peer->config.id)) {
    latecomers_.try_emplace(punt.peer, now_ + kLatecomerDelay);
  }
}

void Gateway::Flush(PeerIndex peer) {
  for (const auto& packet : waiting_.Take(peer)) {
    (void)dataplane_->Reinject(packet.bytes, packet.tag, packet.expires);
  }
}

void Gateway::FlushLatecomers() {
  absl::erase_if(latecomers_, [this](const auto& entry) {
    if (entry.second > now_) return false;
    Flush(entry.first);
    return true;
  });
}

void Gateway::ExpireWaiting() {
  const size_t expired = waiting_.Expire(now_);
  if (expired > 0) dataplane_->CountDrop(DropReason::kNoSessionYet, expired);
}

void Gateway::UpdateKnownEndpoints() {
  if (!known_.changed() || now_ < next_known_) return;
  next_known_ = now_ + kKnownInterval;
  (void)dataplane_->SetKnownEndpoints(known_.Take());  // or they stay strangers
}

void Gateway::Announce() {
  if (announcements_left_ == 0 || now_ < next_announcement_) return;
  --announcements_left_;
  next_announcement_ = now_ + kAnnouncementInterval;
  responder_.Announce();
}

absl::Status Gateway::Reload(TimePoint now, const config::Config& config) {
  now_ = now;
  // Everything that can fail comes first.
  auto reloadable = config::CheckReload(config::Compare(config_, config));
  if (!reloadable.ok()) return reloadable;
  auto registry = registry_.With(config.peers);
  if (!registry.ok()) return registry.status();
  auto forwarding = BuildForwarding(config, *registry);
  if (!forwarding.ok()) return forwarding.status();
  KnownAddresses known = known_;
  known.SetConfigured(registry->EndpointAddresses());
  if (auto told = dataplane_->SetKnownEndpoints(known.Take()); !told.ok()) return told;

  std::vector<PeerRegistry::Peer> removed;
  for (const PeerRegistry::Peer* peer : registry_.All()) {
    if (!registry->Admits(peer->config.id)) removed.push_back(*peer);
  }
  for (size_t i = 0; i < config.ports.size(); ++i) {
    neighbours_.ReplaceStatic(static_cast<dataplane::PortIndex>(i), config_.ports[i].neighbours,
                              config.ports[i].neighbours);
  }
  config_ = config;
  registry_ = *std::move(registry);
  known_ = std::move(known);
  waiting_.set_limits(WaitingLimitsFor(config.limits));
  dialler_.Refresh(now);
  for (const PeerRegistry::Peer& peer : removed) {
    machine_.ClosePeer(now, peer.config.id, DownCause::kPeerRemoved);
  }
  DrainMachine();
  // Not before the sessions of those who left are retired: a newcomer may have the slot of one of them, and
  // what is for the newcomer must not go to the other.
  dataplane_->SetForwarding(*std::move(forwarding));
  for (const PeerRegistry::Peer& peer : removed) {
    publisher_.ForgetPeer(peer.config.id);
    const size_t dropped = waiting_.Take(peer.index).size();
    if (dropped > 0) dataplane_->CountDrop(DropReason::kNoSessionYet, dropped);
  }
  UpdateHostRoutes();
  return absl::OkStatus();
}

void Gateway::UpdateHostRoutes() {
  std::vector<dataplane::Prefix> prefixes;
  for (const dataplane::PrefixRoute& route : registry_.Routes()) prefixes.push_back(route.prefix);
  for (const auto& interface : host_interfaces_) interface->SetRoutes(prefixes);
}

void Gateway::SayGoodbye(TimePoint now) {
  now_ = now;
  leaving_ = true;
  machine_.CloseAll(now);
  DrainMachine();
}

void Gateway::Stop() { dataplane_->Stop(); }

}  // namespace noisegate::controlplane
