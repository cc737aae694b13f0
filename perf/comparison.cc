#include "perf/comparison.h"

#include <benchmark/benchmark.h>
#include <x86intrin.h>

#include <algorithm>
#include <map>

#include "perf/samples.h"

namespace noisegate::perf {
namespace {

constexpr char kCycles[] = "cycles";
constexpr double kMostSamples = 2000;  // of a repetition

// Keeps each repetition's median, by the contender's name.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      medians[run.run_name.function_name].Add(run.counters.at(kCycles));
    }
  }
  std::map<std::string, Samples> medians;
};

// Contenders of a comparison run in random order, so that none always follows the same other.
void ConfigureOnce() {
  static const bool configured = [] {
    char program[] = "noisegate-perf";
    char interleave[] = "--benchmark_enable_random_interleaving=true";
    char* argv[] = {program, interleave};
    int argc = 2;
    benchmark::Initialize(&argc, argv);
    return true;
  }();
  (void)configured;
}

}  // namespace

uint64_t ReadCycles() {
  _mm_lfence();
  const uint64_t cycles = __rdtsc();
  _mm_lfence();
  return cycles;
}

void Comparison::Run(const Effort& effort, const std::string& column, const std::string& baseline,
                     Report* report) {
  ConfigureOnce();
  const double tsc_hz = report->machine().tsc_hz;
  for (const Contender& contender : contenders_) {
    const double probe = std::max(1.0, static_cast<double>(contender.sample()));
    const auto measure = [&contender, tsc_hz](benchmark::State& state) {
      Samples samples;
      for ([[maybe_unused]] auto _ : state) {
        const auto cycles = static_cast<double>(contender.sample());
        samples.Add(cycles);
        state.SetIterationTime(cycles / tsc_hz);
      }
      state.counters[kCycles] = samples.Median();
    };
    benchmark::RegisterBenchmark(contender.name.c_str(), measure)
        ->UseManualTime()
        ->Iterations(static_cast<int64_t>(std::clamp(effort.cycles / probe, 1.0, kMostSamples)))
        ->Repetitions(effort.repetitions);
  }
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();

  const auto found = collector.medians.find(baseline);
  const double base = found == collector.medians.end() ? 0 : found->second.Median();
  for (const Contender& contender : contenders_) {
    Samples& medians = collector.medians.at(contender.name);
    Row row = labels_;
    row.Text(column, contender.name);
    row.Measure("cycles_per_" + unit_, medians.Median() / items_);
    row.Measure("p10", medians.Quantile(0.1) / items_);
    row.Measure("p90", medians.Quantile(0.9) / items_);
    row.Measure("min", medians.Quantile(0) / items_);
    if (bytes_ > 0) {
      row.Measure("gbit_s", bytes_ * 8 * items_ * tsc_hz / medians.Median() / 1e9, 2);
    }
    if (base > 0) row.Measure("ratio", base / medians.Median(), 2);
    report->Add(row);
  }
}

}  // namespace noisegate::perf
