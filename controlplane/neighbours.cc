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

// Below the data plane's own bound, because a slot there is free again only some time after its
// neighbour is removed.
constexpr size_t kMaxEntries = 3584;

// A little longer than the cache goes on asking.
constexpr WaitingLimits kWaitingLimits = {
    .packets_per_key = 32, .packets = 2048, .bytes = 4 << 20, .life = std::chrono::seconds(4)};

}  // namespace

Neighbours::Neighbours(dataplane::Dataplane& dataplane, const LocalAddresses& addresses,
                       Unreachable unreachable)
    : dataplane_(dataplane),
      addresses_(addresses),
      unreachable_(std::move(unreachable)),
      cache_({.max_entries = kMaxEntries}),
      waiting_(kWaitingLimits) {}

void Neighbours::AdvanceTo(TimePoint now) {
  now_ = now;
  if (const auto timeout = cache_.NextTimeout(); timeout && *timeout <= now) {
    cache_.HandleTimeout(now);
    Drain();
  }
  waiting_.Expire(now, [this](const Key& key, const auto& packet) { GiveUp(key, packet.bytes); });
}

void Neighbours::ReplaceStatic(PortIndex port, std::span<const config::Neighbour> before,
                               std::span<const config::Neighbour> now_known) {
  const auto stays = [&](const config::Neighbour& neighbour) {
    return std::any_of(now_known.begin(), now_known.end(),
                       [&](const auto& other) { return other.address == neighbour.address; });
  };
  for (const config::Neighbour& neighbour : before) {
    if (!stays(neighbour)) cache_.RemoveStatic(now_, {port, neighbour.address});
  }
  for (const config::Neighbour& neighbour : now_known) {
    const absl::Status set = cache_.SetStatic({port, neighbour.address}, neighbour.mac);
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
  auto entry = Enter(key);
  if (!entry.ok()) return entry.status();
  if (auto pinned = cache_.Pin(now_, key); !pinned.ok()) return pinned;
  ++(*entry)->holds;
  const dataplane::NeighbourIndex index = (*entry)->index;
  Drain();
  return index;
}

void Neighbours::Release(PortIndex port, const IpAddress& address) {
  const Key key{port, address};
  const auto entry = in_dataplane_.find(key);
  if (entry == in_dataplane_.end() || entry->second.holds == 0) return;
  if (--entry->second.holds == 0 && !cache_.Find(key)) {
    dataplane_.RemoveNeighbour(entry->second.index);
    in_dataplane_.erase(entry);
  }
  cache_.Unpin(key);
  Drain();
}

absl::StatusOr<Neighbours::InDataplane*> Neighbours::Enter(const Key& key) {
  if (const auto found = in_dataplane_.find(key); found != in_dataplane_.end()) {
    return &found->second;
  }
  auto index = dataplane_.AddNeighbour(key.port, key.address);
  if (!index.ok()) return index.status();
  InDataplane& entry = in_dataplane_[key];
  entry.index = *index;
  if (const auto mac = cache_.Find(key)) dataplane_.SetNeighbour(entry.index, mac);
  return &entry;
}

void Neighbours::Send(PortIndex port, const IpAddress& next_hop, std::vector<uint8_t> frame) {
  const Key key{port, next_hop};
  const absl::Status resolving = cache_.Resolve(now_, key);
  if (const auto mac = cache_.Find(key)) {
    std::memcpy(frame.data(), mac->bytes.data(), mac->bytes.size());
    (void)dataplane_.TransmitFrame(port, frame);
  } else if (!resolving.ok() || cache_.FindState(key) == NeighbourCache::State::kFailed ||
             !waiting_.Add(now_, key, frame)) {
    GiveUp(key, frame);
  }
  Drain();
}

void Neighbours::SendPacket(PortIndex port, const IpAddress& next_hop,
                            std::span<const uint8_t> packet) {
  if (addresses_.ports()[port].side == dataplane::Side::kUnderlay) {
    // It was to leave sealed, and is not sealed yet. The session that it was for holds the next
    // hop, so that one is asked about already.
    dataplane_.CountDrop(DropReason::kNoNeighbour);
    return;
  }
  const uint16_t ether_type =
      next_hop.is_v4() ? dataplane::kEtherTypeIpv4 : dataplane::kEtherTypeIpv6;
  Send(port, next_hop, dataplane::BuildFrame({}, addresses_.ports()[port].mac, ether_type, packet));
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
  cache_.HandleReply(now_, key, mac, may_replace);
  Drain();
}

void Neighbours::HandleRequest(const Key& asker, const MacAddress& mac) {
  if (!OnLink(asker) || !dataplane::IsHostMac(mac)) return;
  cache_.HandleRequest(now_, asker, mac);
  Drain();
}

bool Neighbours::OnLink(const Key& key) const {
  if (addresses_.OnPort(key.port, key.address)) return false;
  if (cache_.FindState(key).has_value()) return true;
  if (key.address.is_link_local()) return true;
  const auto& own = addresses_.ports()[key.port].addresses;
  return std::any_of(own.begin(), own.end(),
                     [&](const auto& prefix) { return prefix.Contains(key.address); });
}

void Neighbours::Drain() {
  for (NeighbourCache::Event event; cache_.PollEvent(&event);) Apply(event);
  for (NeighbourCache::Request request; cache_.PollRequest(&request);) Ask(request);
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
      // Where the data plane has no room the control thread goes on sending for it.
      if (auto entry = Enter(event.key); entry.ok()) {
        dataplane_.SetNeighbour((*entry)->index, event.mac);
      }
      for (auto& frame : waiting_.Take(event.key)) {
        std::memcpy(frame.bytes.data(), event.mac.bytes.data(), event.mac.bytes.size());
        (void)dataplane_.TransmitFrame(event.key.port, frame.bytes);
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
      for (const auto& frame : waiting_.Take(event.key)) GiveUp(event.key, frame.bytes);
      break;
    }
  }
}

void Neighbours::GiveUp(const Key& key, std::span<const uint8_t> frame) {
  dataplane_.CountDrop(DropReason::kNoNeighbour);
  if (frame.size() > dataplane::kEthernetSize) {
    unreachable_(key.port, frame.subspan(dataplane::kEthernetSize));
  }
}

}  // namespace noisegate::controlplane
