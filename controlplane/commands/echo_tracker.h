// Which messages came back, unchanged, and how long they took: what `noisegate tell` reports.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_ECHO_TRACKER_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_ECHO_TRACKER_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace noisegate::commands {

// Knows a message by its bytes, so whatever comes back changed is not an echo. Of equal messages
// the oldest is taken to have come back. One thread.
class EchoTracker {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Echo {
    uint64_t sequence;  // of the message, as given to Sent()
    Duration rtt;
  };

  void Sent(TimePoint now, uint64_t sequence, std::span<const uint8_t> message);
  // nullopt where no such message is out.
  std::optional<Echo> Received(TimePoint now, std::span<const uint8_t> message);

  uint64_t outstanding() const { return outstanding_; }
  uint64_t echoed() const { return echoed_; }
  uint64_t foreign() const { return foreign_; }  // received, and no echo: damaged, or doubled

  // "rtt min/avg/max = 0.051/0.060/0.072 ms"; empty where nothing came back.
  std::string RttSummary() const;

 private:
  struct Out {
    uint64_t sequence;
    TimePoint sent;
  };

  absl::flat_hash_map<std::string, std::deque<Out>> out_;  // no empty deques
  uint64_t outstanding_ = 0;
  uint64_t echoed_ = 0;
  uint64_t foreign_ = 0;
  Duration min_ = Duration::max(), max_ = Duration::zero(), total_ = Duration::zero();
};

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_ECHO_TRACKER_H_
