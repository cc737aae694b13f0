// The load for two gateways back to back: sends packets at a rate on one wire, takes them from
// another, and knows how many were lost and how long the others took.
#ifndef NOISEGATE_PERF_NDR_TRAFFIC_H_
#define NOISEGATE_PERF_NDR_TRAFFIC_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/ring_wire.h"
#include "perf/samples.h"

namespace noisegate::perf {

class NdrTraffic {
 public:
  struct Options {
    std::string from_wire, to_wire;
    dataplane::MacAddress gateway_mac;  // of the port on from_wire
    dataplane::IpAddress source, destination;
    double tsc_hz = 0;
    bool busy_poll = false;  // false: sleeps between bursts, for want of a CPU of its own
  };
  struct Load {
    double rate = 0;  // packets per second
    double seconds = 0;
    uint32_t bytes = 64;  // of IP packet, ≥ kMinSize
  };
  struct Result {
    uint64_t sent = 0, lost = 0;
    Samples latency;  // microseconds, of up to kMostSamples packets evenly spread
    double loss_ratio() const {
      return sent == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(sent);
    }
  };
  static constexpr uint32_t kMinSize = 44;  // bytes: IPv4, UDP, number and time
  static constexpr uint64_t kMostSamples = 100'000;

  explicit NdrTraffic(const Options& options);
  bool ok() const { return from_.ok() && to_.ok(); }

  // One trial, on a thread of its own: sends, then waits a moment for what is on its way. What the
  // first wire does not take counts as sent and lost.
  Result Run(const Load& load);

 private:
  uint32_t Send(uint32_t count, const Load& load);
  uint64_t Receive(uint64_t sample_every, Samples* latency);
  void Rest() const;

  const Options options_;
  dataplane::RingEnd from_, to_;
  uint64_t next_ = 0;   // number of the next packet
  uint64_t first_ = 0;  // of this trial's
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_NDR_TRAFFIC_H_
