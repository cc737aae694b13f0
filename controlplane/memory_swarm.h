// MemorySwarm: datagrams between swarms of one process, for tests and simulations.
//
//   MemorySwitch network({.loss = 0.1, .seed = 7});
//   auto a = network.Attach(endpoint_a), b = network.Attach(endpoint_b);
//   a->Tell(0, endpoint_b, bytes);   // b->Receive() finds it, nine times in ten
//
// Delivers in order and at once. The same seed loses the same datagrams. One thread.
#ifndef NOISEGATE_CONTROLPLANE_MEMORY_SWARM_H_
#define NOISEGATE_CONTROLPLANE_MEMORY_SWARM_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/swarm.h"
#include "dataplane/address.h"

namespace noisegate::controlplane {

class MemorySwitch {
 public:
  struct Options {
    double loss = 0;                // 0 … 1, of each datagram on its own
    uint64_t seed = 1;              // of the losses
    size_t mtu = 1472;              // bytes of datagram
    size_t queue_datagrams = 1024;  // at each swarm; more are lost
  };
  // Sees every datagram before it can be lost; false loses it.
  using Filter =
      std::function<bool(const dataplane::Endpoint& source, const dataplane::Endpoint& destination,
                         std::span<const uint8_t> datagram)>;

  MemorySwitch();
  explicit MemorySwitch(Options options);
  MemorySwitch(const MemorySwitch&) = delete;
  MemorySwitch& operator=(const MemorySwitch&) = delete;

  // A swarm at `local`, which must be free. It must not outlive the switch.
  std::unique_ptr<DatagramSwarm> Attach(const dataplane::Endpoint& local);

  // Sends as anyone: nothing proves that a datagram comes from its source. Lost silently where
  // nobody is attached at `destination`, as on a real network.
  void Send(const dataplane::Endpoint& source, const dataplane::Endpoint& destination,
            std::span<const uint8_t> datagram);

  void SetFilter(Filter filter) { filter_ = std::move(filter); }
  uint64_t lost() const { return lost_; }

 private:
  class Port;

  Options options_;
  Filter filter_;
  std::mt19937_64 random_;
  absl::flat_hash_map<dataplane::Endpoint, Port*> ports_;
  uint64_t lost_ = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_MEMORY_SWARM_H_
