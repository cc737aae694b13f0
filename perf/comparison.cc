#include "perf/comparison.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "perf/quiet.h"

namespace noisegate::perf {
namespace {

constexpr double kMostSamples = 2000;  // of a repetition

// Samples are kept by the contenders; Google benchmark has nothing to print.
class Silent final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
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

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "noisegate-perf: %s\n", what);
  std::abort();
}

void Comparison::Run(const Effort& effort, const std::string& column, const std::string& baseline,
                     Report* report) {
  ConfigureOnce();
  const double tsc_hz = report->machine().tsc_hz;
  std::vector<QuietSamples> samples(contenders_.size());
  for (size_t i = 0; i < contenders_.size(); ++i) {
    const auto& sample = contenders_[i].sample;
    const double once = std::max(1.0, static_cast<double>(sample()));
    const auto measure = [&samples = samples[i], &sample, tsc_hz](benchmark::State& state) {
      for ([[maybe_unused]] auto _ : state) {
        samples.Take([&] {
          const auto cycles = static_cast<double>(sample());
          state.SetIterationTime(cycles / tsc_hz);
          return cycles;
        });
      }
    };
    benchmark::RegisterBenchmark(contenders_[i].name.c_str(), measure)
        ->UseManualTime()
        ->Iterations(static_cast<int64_t>(std::clamp(effort.cycles / once, 1.0, kMostSamples)))
        ->Repetitions(effort.repetitions);
  }
  const auto enough = [](const QuietSamples& s) { return s.enough(); };
  Silent silent;
  int patience = effort.patience;
  do {
    benchmark::RunSpecifiedBenchmarks(&silent);
  } while (--patience > 0 && !std::all_of(samples.begin(), samples.end(), enough));
  benchmark::ClearRegisteredBenchmarks();

  double base = 0;
  for (size_t i = 0; i < contenders_.size(); ++i) {
    if (contenders_[i].name == baseline) base = samples[i].Best().Median();
  }
  for (size_t i = 0; i < contenders_.size(); ++i) {
    Samples best = samples[i].Best();
    Row row = labels_;
    row.Text(column, contenders_[i].name);
    row.Measure("cycles_per_" + unit_, best.Median() / items_);
    row.Measure("p10", best.Quantile(0.1) / items_);
    row.Measure("p90", best.Quantile(0.9) / items_);
    row.Measure("min", best.Quantile(0) / items_);
    if (bytes_ > 0) {
      row.Measure("gbit_s", bytes_ * 8 * items_ * tsc_hz / best.Median() / 1e9, 2);
    }
    row.Measure("quiet", samples[i].percent_quiet(), 0);
    if (base > 0) row.Measure("ratio", base / best.Median(), 2);
    report->Add(row);
  }
}

}  // namespace noisegate::perf
