// Next hops and their MACs: neighbour caches joined to the data plane's table and to the wire.
//
// What is for a next hop that is not resolved yet waits here, bounded; when it answers it leaves, and
// when it does not it is dropped as no_neighbour. The control thread's own frames leave as they are;
// packets go back to the workers, which seal, fragment and count hops as they would have at first.
//
// Ports share nothing, neither entries nor questions nor room to wait: who scans a link for hosts that
// are not there must not keep the gateway from finding the way to its peers.
//
// Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_
#define NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "config/config.h"
#include "controlplane/local_addresses.h"
#include "controlplane/neighbour_cache.h"
#include "controlplane/session_machine.h"
#include "controlplane/waiting_packets.h"
#include "dataplane/control_packet.h"
#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

class Neighbours {
 public:
  // Called with a packet (IP from its first byte) that waited in vain for a neighbour on the port.
  using Unreachable =
      std::function<void(dataplane::PortIndex port, std::span<const uint8_t> packet)>;

  // References outlive this. At most `max_neighbours` are known at a time: the ports of a side share alike,
  // those of the underlay a quarter, for routers and the peers on the link.
  Neighbours(dataplane::Dataplane& dataplane, const LocalAddresses& addresses,
             size_t max_neighbours, Unreachable unreachable);

  // Time moves on: questions go out again, answers grow old, what waited in vain is dropped.
  void AdvanceTo(TimePoint now);

  // The neighbours that the config names for a port: `now_known` instead of `before`. Those for
  // which there is no room are logged.
  void ReplaceStatic(dataplane::PortIndex port, std::span<const config::Neighbour> before,
                     std::span<const config::Neighbour> now_known);

  // The data plane's index of a next hop, and its resolution begins. It stays known, and its MAC
  // kept fresh, until as many Release() as Hold().
  absl::StatusOr<dataplane::NeighbourIndex> Hold(dataplane::PortIndex port,
                                                 const dataplane::IpAddress& address);
  void Release(dataplane::PortIndex port, const dataplane::IpAddress& address);
  // Something authentic came at `at` from a peer whose sessions hold the next hop.
  void Confirm(dataplane::PortIndex port, const dataplane::IpAddress& address, TimePoint at);

  // Sends a frame whose destination MAC is still to be filled in, now or once it is known.
  void Send(dataplane::PortIndex port, const dataplane::IpAddress& next_hop,
            std::vector<uint8_t> frame);
  // Gives an inner packet (not sealed, IP from its first byte) that a worker could not send for want of
  // the next hop's MAC back to the workers, now or once it is known. `from` sent it; `waits_until` is
  // Punt's.
  void SendPacket(dataplane::PortIndex port, const dataplane::IpAddress& next_hop,
                  std::span<const uint8_t> packet, dataplane::PeerIndex from,
                  TimePoint waits_until);

  // What was read from a frame on the port. Answering is for LocalResponder.
  void Learn(dataplane::PortIndex port, const dataplane::ArpMessage& message);
  void Learn(dataplane::PortIndex port, const dataplane::NeighbourMessage& message);

  size_t waiting() const;

 private:
  using Key = NeighbourCache::Key;
  struct InDataplane {
    dataplane::NeighbourIndex index = 0;
    uint32_t holds = 0;
  };
  struct Port {
    NeighbourCache cache;
    WaitingPackets<dataplane::IpAddress> frames;   // our own: handshakes, closes
    WaitingPackets<dataplane::IpAddress> packets;  // tagged with who sent them
  };

  // Whether an address can be a neighbour on the port at all: of a subnet of ours there,
  // link-local, or a next hop that the config names.
  bool OnLink(const Key& key) const;
  absl::StatusOr<InDataplane*> Enter(const Key& key);
  void HandleReply(const Key& key, const dataplane::MacAddress& mac, bool may_replace);
  void HandleRequest(const Key& asker, const dataplane::MacAddress& mac);
  // Carries out what the cache has decided.
  void Drain();
  void Ask(const NeighbourCache::Request& request);
  void Apply(const NeighbourCache::Event& event);
  // Packets whose next hop the data plane knows now.
  void ReinjectWaiting(const Key& key);
  void GiveUpAll(const Key& key);
  void GiveUp(dataplane::PortIndex port, std::span<const uint8_t> packet);
  NeighbourCache& CacheOf(const Key& key) { return ports_[key.port].cache; }

  dataplane::Dataplane& dataplane_;
  const LocalAddresses& addresses_;
  const Unreachable unreachable_;
  TimePoint now_{};
  std::vector<Port> ports_;                             // [PortIndex]
  absl::flat_hash_map<Key, InDataplane> in_dataplane_;  // those held, and those with a MAC
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_
