// Contenders that do the same work in one run, in turns, because machines are noisy and ratios are not.
// Google benchmark shuffles and repeats them; what counts is the median of many short undisturbed
// samples (quiet.h).
#ifndef NOISEGATE_PERF_COMPARISON_H_
#define NOISEGATE_PERF_COMPARISON_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "perf/quiet.h"
#include "perf/report.h"

namespace noisegate::perf {

// How long a run takes: 15 repetitions of 1 ms for a figure, or one sample to see that it runs.
struct Effort {
  int repetitions = 15;
  double cycles = 2.5e6;  // for a repetition of one contender
  // So many times as long, at most, to get enough undisturbed samples.
  int patience = 20;

  static Effort Smoke() { return {.repetitions = 1, .cycles = 1, .patience = 1}; }
  bool smoke() const { return repetitions == 1; }

  // Fields of a row with the values that are asked for; a field that is not named may have any.
  std::vector<std::pair<std::string, std::string>> only = {};
  bool Wants(std::string_view field, std::string_view value) const {
    bool named = false;
    for (const auto& [name, wanted] : only) {
      if (name != field) continue;
      if (wanted == value) return true;
      named = true;
    }
    return !named;
  }
  bool Wants(std::string_view field, uint32_t value) const {
    return Wants(field, std::to_string(value));
  }
};

// Cycles of the time-stamp counter that `work` takes.
template <typename Work>
uint64_t CyclesOf(Work&& work) {
  const uint64_t from = ReadCycles();
  work();
  return ReadCycles() - from;
}

// Ends the program where `holds` is false: work that comes out wrong has no figure.
void Require(bool holds, const char* what);

class Comparison {
 public:
  // `labels` say what is done, `unit` of what there are `items` in a sample ("packet", "lookup").
  Comparison(Row labels, std::string unit, uint32_t items)
      : labels_(std::move(labels)), unit_(std::move(unit)), items_(items) {}

  // `sample` does the work once and returns the cycles that it took, without those of getting ready.
  void Add(std::string contender, std::function<uint64_t()> sample) {
    contenders_.push_back({std::move(contender), std::move(sample)});
  }
  // Bytes in one item: adds Gbit/s.
  void SetBytes(double bytes) { bytes_ = bytes; }

  // Runs all and reports a row each: under `column` the contender's name, cycles_per_<unit> as the
  // samples' median, the tenth and ninetieth per cent and the least of them, how many of them were
  // undisturbed, and `ratio`: how many times faster than the contender called `baseline`.
  void Run(const Effort& effort, const std::string& column, const std::string& baseline,
           Report* report);

 private:
  struct Contender {
    std::string name;
    std::function<uint64_t()> sample;
  };
  const Row labels_;
  const std::string unit_;
  const uint32_t items_;
  double bytes_ = 0;
  std::vector<Contender> contenders_;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_COMPARISON_H_
