// The log: what happens to the gateway, one line each, never per packet and never a secret.
//
// What a peer or a stranger can cause at will is counted (DropReason), and logged only under a
// LogBudget. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_LOG_H_
#define NOISEGATE_CONTROLPLANE_LOG_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace noisegate::controlplane {

enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };

// Lines go to `file`, or to standard error where it is empty. Before it is called, warnings and
// errors go to standard error. InvalidArgument for an unknown level ("error", "warning", "info",
// "debug") or a file that cannot be written.
absl::Status OpenLog(std::string_view level, const std::string& file);
// What is worth a line from now on; the file stays.
absl::Status SetLogLevel(std::string_view level);

void Log(LogLevel level, std::string_view line);

// Allows so many lines in an interval, and says how many it held back.
//
//   if (budget.Allow(now)) Log(kInfo, absl::StrCat("…", budget.Suppressed()));
class LogBudget {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  LogBudget(uint32_t lines, std::chrono::steady_clock::duration interval)
      : lines_(lines), interval_(interval) {}

  bool Allow(TimePoint now);
  // " (and 12 more like it)" for what was held back before the line just allowed; empty for none.
  std::string Suppressed();

 private:
  const uint32_t lines_;
  const std::chrono::steady_clock::duration interval_;
  TimePoint interval_start_{};
  uint32_t used_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_LOG_H_
