// A network on virtual time, with faults drawn from one seed. Nothing sleeps: RunUntil() goes from event to
// event, and two runs with the same seed are the same run.
#ifndef NOISEGATE_TESTS_SIM_VIRTUAL_NETWORK_H_
#define NOISEGATE_TESTS_SIM_VIRTUAL_NETWORK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <span>
#include <vector>

#include "crypto/random.h"
#include "dataplane/address.h"

namespace noisegate::sim {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using dataplane::Endpoint;

// crypto::Random from a seed. Not for keys that matter.
class SeededRandom final : public crypto::Random {
 public:
  explicit SeededRandom(uint64_t seed) : generator_(seed) {}
  void Fill(std::span<uint8_t> out) override;
  double Unit();  // [0, 1)
  bool Chance(double probability) { return Unit() < probability; }
  Duration Between(Duration low, Duration high);  // both included

 private:
  std::mt19937_64 generator_;
};

// All that can go wrong with a datagram.
struct Faults {
  double loss = 0;                                  // of each copy
  double duplicate = 0;                             // sent twice, with delays of their own
  double reorder = 0;                               // held back by reorder_by, so that others overtake it
  Duration min_delay = std::chrono::milliseconds(5);  // one way, evenly spread
  Duration max_delay = std::chrono::milliseconds(5);
  Duration reorder_by = std::chrono::milliseconds(5);
};

// Somebody at an endpoint.
class Node {
 public:
  virtual ~Node() = default;
  virtual void Receive(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) = 0;
  virtual std::optional<TimePoint> NextTimeout() const = 0;
  virtual void HandleTimeout(TimePoint now) = 0;
};

class VirtualNetwork {
 public:
  // Sees every datagram as it is sent, before any fault: where attackers and tests listen. True loses it.
  using Tap = std::function<bool(const Endpoint& from, const Endpoint& to,
                                 std::span<const uint8_t> datagram)>;

  VirtualNetwork(uint64_t seed, Faults faults) : faults_(faults), random_(seed) {}

  void Attach(const Endpoint& at, Node* node) { nodes_[at] = node; }
  void Detach(const Endpoint& at) { nodes_.erase(at); }
  void set_tap(Tap tap) { tap_ = std::move(tap); }
  void set_faults(Faults faults) { faults_ = faults; }

  // True where at least one copy will arrive, if somebody is there by then.
  bool Send(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram);
  // Without loss or delay, from whatever source address: what an attacker does.
  void Inject(const Endpoint& from, const Endpoint& to, std::span<const uint8_t> datagram);

  TimePoint now() const { return now_; }
  void RunUntil(TimePoint until);
  void RunFor(Duration duration) { RunUntil(now_ + duration); }
  // Stops early once `done`; false where it never was.
  bool RunUntilTrue(Duration limit, const std::function<bool()>& done);
  // What has been sent and has not arrived yet.
  size_t in_flight() const { return deliveries_.size(); }

 private:
  struct Delivery {
    TimePoint at;
    uint64_t order;  // of sending, for equal times
    Endpoint from, to;
    std::vector<uint8_t> datagram;
    bool operator>(const Delivery& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  // Does what comes next, if that is not after `until`.
  bool Step(TimePoint until);

  Faults faults_;
  SeededRandom random_;
  TimePoint now_{std::chrono::hours(1)};
  uint64_t sent_ = 0;
  std::map<Endpoint, Node*> nodes_;
  std::priority_queue<Delivery, std::vector<Delivery>, std::greater<>> deliveries_;
  Tap tap_;
};

}  // namespace noisegate::sim

#endif  // NOISEGATE_TESTS_SIM_VIRTUAL_NETWORK_H_
