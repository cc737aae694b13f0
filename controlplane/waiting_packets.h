// Packets that wait for something to come up: a session with a peer, a neighbour's MAC.
//
//   WaitingPackets<PeerIndex> waiting(limits);
//   if (!waiting.Add(now, peer, bytes, from)) CountDrop(kNoSessionYet);
//   for (auto& packet : waiting.Take(peer)) {                                     // it is up
//     Reinject(packet.bytes, packet.tag, packet.expires);
//   }
//   CountDrop(kNoSessionYet, waiting.Expire(now));              // every turn
//
// Bounded thrice: packets for one key, packets in all and bytes in all, so that a host that sends
// to many dead peers cannot eat the gateway's memory. A packet that comes back keeps the expiry that it
// got when it first came, or one that never finds a way would go round for ever. Time comes in as an
// argument. One thread.
#ifndef NOISEGATE_CONTROLPLANE_WAITING_PACKETS_H_
#define NOISEGATE_CONTROLPLANE_WAITING_PACKETS_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace noisegate::controlplane {

struct WaitingLimits {
  size_t packets_per_key = 64;
  size_t packets = 4096;
  size_t bytes = 8 << 20;
  std::chrono::steady_clock::duration life = std::chrono::seconds(1);
};

template <typename Key>
class WaitingPackets {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Packet {
    std::vector<uint8_t> bytes;
    uint32_t tag = 0;  // as given to Add
    TimePoint expires;
  };

  explicit WaitingPackets(const WaitingLimits& limits) : limits_(limits) {}

  // Copies `bytes`. False where a limit is reached: the newest is refused, as what came first is
  // what a handshake of the sender's hangs on. And where the time of a packet that has waited before,
  // `expires`, is over; the epoch stands for one that has not.
  bool Add(TimePoint now, const Key& key, std::span<const uint8_t> bytes, uint32_t tag = 0,
           TimePoint expires = {}) {
    if (queue_.size() >= limits_.packets || bytes_ + bytes.size() > limits_.bytes) return false;
    expires = expires == TimePoint{} ? now + limits_.life : std::min(expires, now + limits_.life);
    if (expires <= now) return false;
    const auto found = by_key_.find(key);
    const size_t waiting = found == by_key_.end() ? 0 : found->second.size();
    if (waiting >= limits_.packets_per_key) return false;
    by_key_[key].push_back(
        queue_.emplace(expires, Waiting{key, {{bytes.begin(), bytes.end()}, tag, expires}}));
    bytes_ += bytes.size();
    return true;
  }

  // Removes and returns what waits for `key`, in order of arrival.
  std::vector<Packet> Take(const Key& key) {
    std::vector<Packet> packets;
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return packets;
    packets.reserve(found->second.size());
    for (Position position : found->second) {
      bytes_ -= position->second.packet.bytes.size();
      packets.push_back(std::move(position->second.packet));
      queue_.erase(position);
    }
    by_key_.erase(found);
    return packets;
  }

  // Drops what has waited its life. Returns how many.
  size_t Expire(TimePoint now) {
    return Expire(now, [](const Key&, Packet&) {});
  }

  // The same, and calls `dropped(key, packet)` for each; it must not call back into this object.
  template <typename Dropped>
  size_t Expire(TimePoint now, Dropped&& dropped) {
    size_t expired = 0;
    for (; !queue_.empty() && queue_.begin()->first <= now; ++expired) {
      const Position first = queue_.begin();
      const auto found = by_key_.find(first->second.key);
      std::erase(found->second, first);
      if (found->second.empty()) by_key_.erase(found);
      Waiting waiting = std::move(first->second);
      bytes_ -= waiting.packet.bytes.size();
      queue_.erase(first);
      dropped(waiting.key, waiting.packet);
    }
    return expired;
  }

  // When the next packet will have waited its life; nothing where none waits.
  std::optional<TimePoint> next_expiry() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.begin()->first;
  }

  size_t size() const { return queue_.size(); }
  size_t bytes() const { return bytes_; }
  void set_limits(const WaitingLimits& limits) { limits_ = limits; }

 private:
  struct Waiting {
    Key key;
    Packet packet;
  };
  using Queue = std::multimap<TimePoint, Waiting>;  // by expiry
  using Position = typename Queue::iterator;

  WaitingLimits limits_;
  Queue queue_;
  absl::flat_hash_map<Key, std::vector<Position>> by_key_;  // by arrival; no empty vectors
  size_t bytes_ = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_WAITING_PACKETS_H_
