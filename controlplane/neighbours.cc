#include "controlplane/neighbours.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/log.h"
#include "dataplane/packet.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::IpAddress;
using dataplane::MacAddress;
using dataplane::PortIndex;

// On each port. A little longer than the cache goes on asking.
constexpr WaitingLimits kPacketLimits = {
    .packets_per_key = 128, .packets = 2048, .bytes = 4 << 20, .life = std::chrono::seconds(4)};
constexpr WaitingLimits kFrameLimits = {
    .packets_per_key = 32, .packets = 1024, .bytes = 1 << 20, .life = std::chrono::seconds(4)};

size_t ShareOf(size_t all, const LocalAddresses& addresses, dataplane::Side side) {
  size_t ports[2] = {};
  for (const auto& port : addresses.ports()) ++ports[static_cast<size_t>(port.side)];
  const bool underlay = side == dataplane::Side::kUnderlay;
  if (ports[underlay ? 1 : 0] == 0) return all / ports[underlay ? 0 : 1];
  return (underlay ? all / 4 : all - all / 4) / ports[static_cast<size_t>(side)];
}

}  // namespace

Neighbours::Neighbours(dataplane::Dataplane& dataplane, const LocalAddresses& addresses,
                       size_t max_neighbours, Unreachable unreachable)
    : dataplane_(dataplane), addresses_(addresses), unreachable_(std::move(unreachable)) {
  for (const auto& port : addresses.ports()) {
    ports_.push_back({NeighbourCache({.max_entries = ShareOf(max_neighbours, addresses, port.side)}),
                      WaitingPackets<IpAddress>(kFrameLimits),
                      WaitingPackets<IpAddress>(kPacketLimits)});
  }
}

void Neighbours::AdvanceTo(TimePoint now) {
  now_ = now;
  for (PortIndex i = 0; i < ports_.size(); ++i) {
    Port& port = ports_[i];
    if (const auto timeout = port.cache.NextTimeout(); timeout && *timeout <= now) {
      port.cache.HandleTimeout(now);
    }
    dataplane_.CountDrop(DropReason::kNoNeighbour, port.frames.Expire(now));
    port.packets.Expire(
        now, [this, i](const IpAddress&, const auto& packet) { GiveUp(i, packet.bytes); });
  }
  Drain();
}

size_t Neighbours::waiting() const {
  size_t waiting = 0;
  for (const Port& port : ports_) waiting += port.frames.size() + port.packets.size();
  return waiting;
}

void Neighbours::ReplaceStatic(PortIndex port, std::span<const config::Neighbour> before,
                               std::span<const config::Neighbour> now_known) {
  const auto stays = [&](const config::Neighbour& neighbour) {
    return std::any_of(now_known.begin(), now_known.end(),
                       [&](const auto& other) { return other.address == neighbour.address; });
  };
  for (const config::Neighbour& neighbour : before) {
    if (!stays(neighbour)) ports_[port].cache.RemoveStatic(now_, {port, neighbour.address});
  }
  for (const config::Neighbour& neighbour : now_known) {
    const absl::Status set =
        ports_[port].cache.SetStatic({port, neighbour.address}, neighbour.mac);
    if (!set.ok()) {
      Log(LogLevel::kWarning,
          absl::StrCat("static neighbour ", neighbour.address.ToString(), ": ", set.message()));
    }
  }
  Drain();
}

absl::StatusOr<dataplane::NeighbourIndex> Neighbours::Hold(PortIndex port,
                                                           const IpAddress& address) {
  const Key key{port, address};
  // First, so that nothing is left of what the cache has no room for.
  if (auto pinned = CacheOf(key).Pin(now_, key); !pinned.ok()) return pinned;
  auto entry = Enter(key);
  if (!entry.ok()) {
    CacheOf(key).Unpin(key);
    Drain();
    return entry.status();
  }
  ++(*entry)->holds;
  const dataplane::NeighbourIndex index = (*entry)->index;
  Drain();
  return index;
}

void Neighbours::Release(PortIndex port, const IpAddress& address) {
  const Key key{port, address};
  const auto entry = in_dataplane_.find(key);
  if (entry == in_dataplane_.end() || entry->second.holds == 0) return;
  if (--entry->second.holds == 0 && !CacheOf(key).Find(key)) {
    dataplane_.RemoveNeighbour(entry->second.index);
    in_dataplane_.erase(entry);
  }
  CacheOf(key).Unpin(key);
  Drain();
}

void Neighbours::Confirm(PortIndex port, const IpAddress& address, TimePoint at) {
  ports_[port].cache.Confirm({port, address}, at);
}

absl::StatusOr<Neighbours::InDataplane*> Neighbours::Enter(const Key& key) {
  if (const auto found = in_dataplane_.find(key); found != in_dataplane_.end()) {
    return &found->second;
  }
  auto index = dataplane_.AddNeighbour(key.port, key.address);
  if (!index.ok()) return index.status();
  InDataplane& entry = in_dataplane_[key];
  entry.index = *index;
  if (const auto mac = CacheOf(key).Find(key)) dataplane_.SetNeighbour(entry.index, mac);
  return &entry;
}

void Neighbours::Send(PortIndex port, const IpAddress& next_hop, std::vector<uint8_t> frame) {
  const Key key{port, next_hop};
  NeighbourCache& cache = CacheOf(key);
  const absl::Status resolving = cache.Resolve(now_, key);
  if (const auto mac = cache.Find(key)) {
    std::memcpy(frame.data(), mac->bytes.data(), mac->bytes.size());
    (void)dataplane_.TransmitFrame(port, frame);
  } else if (!resolving.ok() || cache.FindState(key) == NeighbourCache::State::kFailed ||
             !ports_[port].frames.Add(now_, next_hop, frame)) {
    dataplane_.CountDrop(DropReason::kNoNeighbour);
  }
  Drain();
}

void Neighbours::SendPacket(PortIndex port, const IpAddress& next_hop,
                            std::span<const uint8_t> packet, dataplane::PeerIndex from,
                            TimePoint waits_until) {
  const Key key{port, next_hop};
  NeighbourCache& cache = CacheOf(key);
  const absl::Status resolving = cache.Resolve(now_, key);
  const bool known = cache.Find(key).has_value() && Enter(key).ok();
  if (!resolving.ok() || cache.FindState(key) == NeighbourCache::State::kFailed ||
      !ports_[port].packets.Add(now_, next_hop, packet, from, waits_until)) {
    GiveUp(port, packet);
  } else if (known) {
    ReinjectWaiting(key);  // it crossed with the answer
  }
  Drain();
}

void Neighbours::Learn(PortIndex port, const dataplane::ArpMessage& message) {
  if (message.sender.is_unspecified()) return;
  const Key sender{port, message.sender};
  // A request for one's own address is an announcement (RFC 5227 3).
  if (message.operation == dataplane::ArpMessage::Operation::kReply ||
      message.sender == message.target) {
    HandleReply(sender, message.sender_mac, /*may_replace=*/true);
  } else if (addresses_.OnPort(port, message.target)) {
    HandleRequest(sender, message.sender_mac);
  }
}

void Neighbours::Learn(PortIndex port, const dataplane::NeighbourMessage& message) {
  const MacAddress mac = message.link_address.value_or(message.frame_source);
  if (message.kind == dataplane::NeighbourMessage::Kind::kAdvertisement) {
    HandleReply({port, message.target}, mac, message.override_existing);
  } else if (!message.source.is_unspecified() && addresses_.OnPort(port, message.target)) {
    HandleRequest({port, message.source}, mac);
  }
}

void Neighbours::HandleReply(const Key& key, const MacAddress& mac, bool may_replace) {
  if (!OnLink(key) || !dataplane::IsHostMac(mac)) return;
  CacheOf(key).HandleReply(now_, key, mac, may_replace);
  Drain();
}

void Neighbours::HandleRequest(const Key& asker, const MacAddress& mac) {
  if (!OnLink(asker) || !dataplane::IsHostMac(mac)) return;
  CacheOf(asker).HandleRequest(now_, asker, mac);
  Drain();
}

bool Neighbours::OnLink(const Key& key) const {
  if (addresses_.OnPort(key.port, key.address)) return false;
  if (ports_[key.port].cache.FindState(key).has_value()) return true;
  if (key.address.is_link_local()) return true;
  const auto& own = addresses_.ports()[key.port].addresses;
  return std::any_of(own.begin(), own.end(),
                     [&](const auto& prefix) { return prefix.Contains(key.address); });
}

void Neighbours::Drain() {
  for (Port& port : ports_) {
    for (NeighbourCache::Event event; port.cache.PollEvent(&event);) Apply(event);
    for (NeighbourCache::Request request; port.cache.PollRequest(&request);) Ask(request);
  }
}

void Neighbours::Ask(const NeighbourCache::Request& request) {
  const auto source = addresses_.SourceFor(request.key.port, request.key.address);
  if (!source) return;
  const MacAddress& mac = addresses_.ports()[request.key.port].mac;
  const std::vector<uint8_t> question =
      request.key.address.is_v4()
          ? dataplane::BuildArpRequest(mac, *source, request.key.address, request.known)
          : dataplane::BuildSolicitation(mac, *source, request.key.address, request.known);
  (void)dataplane_.TransmitFrame(request.key.port, question);
}

void Neighbours::Apply(const NeighbourCache::Event& event) {
  switch (event.kind) {
    case NeighbourCache::Event::Kind::kResolved:
    case NeighbourCache::Event::Kind::kChanged: {
      for (auto& frame : ports_[event.key.port].frames.Take(event.key.address)) {
        std::memcpy(frame.bytes.data(), event.mac.bytes.data(), event.mac.bytes.size());
        (void)dataplane_.TransmitFrame(event.key.port, frame.bytes);
      }
      // Where the data plane has no room, packets expire, and the next one tries again.
      if (auto entry = Enter(event.key); entry.ok()) {
        dataplane_.SetNeighbour((*entry)->index, event.mac);
        ReinjectWaiting(event.key);
      }
      break;
    }
    case NeighbourCache::Event::Kind::kFailed:
    case NeighbourCache::Event::Kind::kForgotten: {
      if (const auto entry = in_dataplane_.find(event.key); entry != in_dataplane_.end()) {
        dataplane_.SetNeighbour(entry->second.index, std::nullopt);
        if (entry->second.holds == 0) {
          dataplane_.RemoveNeighbour(entry->second.index);
          in_dataplane_.erase(entry);
        }
      }
      GiveUpAll(event.key);
      break;
    }
  }
}

void Neighbours::ReinjectWaiting(const Key& key) {
  for (const auto& packet : ports_[key.port].packets.Take(key.address)) {
    (void)dataplane_.Reinject(packet.bytes, packet.tag, packet.expires);
  }
}

void Neighbours::GiveUpAll(const Key& key) {
  dataplane_.CountDrop(DropReason::kNoNeighbour, ports_[key.port].frames.Take(key.address).size());
  for (const auto& packet : ports_[key.port].packets.Take(key.address)) {
    GiveUp(key.port, packet.bytes);
  }
}

void Neighbours::GiveUp(PortIndex port, std::span<const uint8_t> packet) {
  dataplane_.CountDrop(DropReason::kNoNeighbour);
  unreachable_(port, packet);
}

}  // namespace noisegate::controlplane
