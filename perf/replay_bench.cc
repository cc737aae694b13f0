// replay: has this counter been seen? Check() and Accept() of 64 counters, each of another session.

#include <array>
#include <bitset>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/burst.h"
#include "dataplane/replay_window.h"
#include "perf/benches.h"
#include "perf/random.h"

namespace noisegate::perf {
namespace {

using dataplane::kBurst;
using dataplane::ReplayWindow;

constexpr uint32_t kSessions[] = {1, 1'000, 10'000, 100'000};

// The same window as plainly as it can be written: a bit for each counter, cleared one by one.
class PlainWindow {
 public:
  bool Check(uint64_t counter) const {
    return counter > last_ || (last_ - counter < kSize && !seen_[counter % kSize]);
  }
  bool Accept(uint64_t counter) {
    if (!Check(counter)) return false;
    for (; last_ < counter; ++last_) seen_[(last_ + 1) % kSize] = false;
    seen_[counter % kSize] = true;
    return true;
  }

 private:
  static constexpr uint64_t kSize = ReplayWindow::kWindowSize;
  uint64_t last_ = 0;
  std::bitset<kSize> seen_;
};

// The window of RFC 4303, appendix A: 64 counters that are shifted along. Cheap, and too narrow for
// a path that reorders, or for several cores behind one session.
class NarrowWindow {
 public:
  bool Check(uint64_t counter) const {
    return counter > last_ || (last_ - counter < 64 && (seen_ >> (last_ - counter) & 1) == 0);
  }
  bool Accept(uint64_t counter) {
    if (!Check(counter)) return false;
    if (counter > last_) {
      const uint64_t shift = counter - last_;
      seen_ = (shift < 64 ? seen_ << shift : 0) | 1;
      last_ = counter;
    } else {
      seen_ |= uint64_t{1} << (last_ - counter);
    }
    return true;
  }

 private:
  uint64_t last_ = 0;
  uint64_t seen_ = 0;
};

// Counters of many sessions, each session's in order or, `reordered`, each pair of them swapped.
class Stream {
 public:
  Stream(uint32_t sessions, bool reordered) : next_(sessions, 0), reordered_(reordered) {}
  void Draw() {
    for (uint32_t i = 0; i < kBurst; ++i) {
      session[i] = random_.Below(static_cast<uint32_t>(next_.size()));
      const uint32_t n = next_[session[i]]++;
      counter[i] = 4 + (reordered_ ? n ^ 1 : n);
    }
  }
  std::array<uint32_t, kBurst> session;
  std::array<uint64_t, kBurst> counter;

 private:
  std::vector<uint32_t> next_;
  const bool reordered_;
  Xorshift random_;
};

template <typename Window>
void AddContender(const char* name, uint32_t sessions, bool reordered, Comparison* comparison) {
  struct State {
    State(uint32_t n, bool reordered) : stream(n, reordered), windows(n) {}
    Stream stream;
    std::vector<Window> windows;
  };
  auto state = std::make_shared<State>(sessions, reordered);
  comparison->Add(name, [state] {
    state->stream.Draw();
    const Stream& stream = state->stream;
    uint32_t accepted = 0;
    const uint64_t cycles = CyclesOf([&] {
      for (uint32_t i = 0; i < kBurst; ++i) {
        Window& window = state->windows[stream.session[i]];
        accepted += window.Check(stream.counter[i]) && window.Accept(stream.counter[i]);
      }
    });
    Require(accepted == kBurst, "a new counter is refused");
    return cycles;
  });
}

}  // namespace

absl::Status BenchReplay(const Effort& effort, Report* report) {
  for (const uint32_t n : kSessions) {
    for (const bool reordered : {false, true}) {
      const std::string order = reordered ? "swapped" : "in_order";
      if (!effort.Wants("sessions", n) || !effort.Wants("order", order)) continue;
      Row labels;
      labels.Text("bench", "replay").Count("sessions", n).Text("order", order);
      Comparison comparison(labels, "counter", kBurst);
      AddContender<ReplayWindow>("ring", n, reordered, &comparison);
      AddContender<PlainWindow>("plain", n, reordered, &comparison);
      AddContender<NarrowWindow>("narrow_64", n, reordered, &comparison);
      comparison.Run(effort, "contender", "plain", report);
    }
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
