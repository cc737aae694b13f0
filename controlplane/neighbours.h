// Next hops and their MACs: the neighbour cache joined to the data plane's table and to the wire.
//
// Frames for a next hop that is not resolved yet wait here, bounded; when it answers they leave,
// and when it does not they are dropped as no_neighbour.
//
// Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_
#define NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_

#include <cstdint>
#include <functional>
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

  // References outlive this.
  Neighbours(dataplane::Dataplane& dataplane, const LocalAddresses& addresses,
             Unreachable unreachable);

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

  // Sends a frame whose destination MAC is still to be filled in, now or once it is known.
  void Send(dataplane::PortIndex port, const dataplane::IpAddress& next_hop,
            std::vector<uint8_t> frame);
  // The same with an IP packet, to a host on the overlay. For the underlay it is dropped: whatever
  // leaves there is sealed, and who sealed it has a frame.
  void SendPacket(dataplane::PortIndex port, const dataplane::IpAddress& next_hop,
                  std::span<const uint8_t> packet);

  // What was read from a frame on the port. Answering is for LocalResponder.
  void Learn(dataplane::PortIndex port, const dataplane::ArpMessage& message);
  void Learn(dataplane::PortIndex port, const dataplane::NeighbourMessage& message);

  size_t waiting() const { return waiting_.size(); }

 private:
  using Key = NeighbourCache::Key;
  struct InDataplane {
    dataplane::NeighbourIndex index = 0;
    uint32_t holds = 0;
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
  void GiveUp(const Key& key, std::span<const uint8_t> frame);

  dataplane::Dataplane& dataplane_;
  const LocalAddresses& addresses_;
  const Unreachable unreachable_;
  TimePoint now_{};
  NeighbourCache cache_;
  absl::flat_hash_map<Key, InDataplane> in_dataplane_;  // those held, and those with a MAC
  WaitingPackets<Key> waiting_;                         // frames
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_NEIGHBOURS_H_
