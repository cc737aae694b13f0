#include "controlplane/commands/echo_tracker.h"

#include <algorithm>
#include <cstdio>

namespace noisegate::commands {
namespace {

double Milliseconds(EchoTracker::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

void EchoTracker::Sent(TimePoint now, uint64_t sequence, std::span<const uint8_t> message) {
  out_[std::string(message.begin(), message.end())].push_back({sequence, now});
  ++outstanding_;
}

std::optional<EchoTracker::Echo> EchoTracker::Received(TimePoint now,
                                                       std::span<const uint8_t> message) {
  const auto found = out_.find(std::string(message.begin(), message.end()));
  if (found == out_.end()) {
    ++foreign_;
    return std::nullopt;
  }
  const Out first = found->second.front();
  found->second.pop_front();
  if (found->second.empty()) out_.erase(found);
  --outstanding_;
  ++echoed_;
  const Duration rtt = now - first.sent;
  min_ = std::min(min_, rtt);
  max_ = std::max(max_, rtt);
  total_ += rtt;
  return Echo{first.sequence, rtt};
}

std::string EchoTracker::RttSummary() const {
  if (echoed_ == 0) return "";
  char text[96];
  std::snprintf(text, sizeof(text), "rtt min/avg/max = %.3f/%.3f/%.3f ms", Milliseconds(min_),
                Milliseconds(total_) / static_cast<double>(echoed_), Milliseconds(max_));
  return text;
}

}  // namespace noisegate::commands
