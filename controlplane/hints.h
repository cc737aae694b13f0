// Hints: what a datagram without authentication may at most do, namely suggest a new handshake beside
// the running session (docs/protocol.md).
//
// No-session hint: counter 1, against the direction of the datagram that found no session; body = type 2 ‖
// the 4-byte header of that datagram. An original peer takes it for a resp that is cut short, which
// clears its slot for that direction so that its next dial starts afresh. Under the closing counter
// the same bytes would block it for a minute.
#ifndef NOISEGATE_CONTROLPLANE_HINTS_H_
#define NOISEGATE_CONTROLPLANE_HINTS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/path.h"
#include "dataplane/header.h"

namespace noisegate::controlplane {

std::vector<uint8_t> BuildNoSessionHint(dataplane::Header refused);

// The header that found no session at the other side; nullopt for what is no hint.
std::optional<dataplane::Header> ParseNoSessionHint(std::span<const uint8_t> datagram);

// Says when a hint may be sent or obeyed: once an interval for each path, and so many a second in all,
// whoever asks. Fixed size: paths share cells by their hash, and a shared cell only means fewer hints.
// One thread.
class HintLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  static constexpr uint32_t kPerSecond = 200;

  explicit HintLimiter(Duration interval) : interval_(interval) { last_.fill(TimePoint::min()); }

  // True, and counted, where it is allowed now.
  bool Allow(TimePoint now, const Path& path);

 private:
  static constexpr size_t kCells = 4096;

  const Duration interval_;
  std::array<TimePoint, kCells> last_;
  TimePoint second_ = TimePoint::min();  // the second that used_ counts in
  uint32_t used_ = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_HINTS_H_
