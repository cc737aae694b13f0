// ndr: the highest rate through two gateways, what it takes a packet, and what a rollover and a
// reload lose.

#include <string>

#include "perf/benches.h"
#include "perf/eal.h"
#include "perf/ndr_network.h"
#include "perf/rate_search.h"

namespace noisegate::perf {
namespace {

constexpr uint32_t kSizes[] = {64, 512, 1420};  // bytes of inner packet
constexpr double kLossRatios[] = {0, 0.005};    // NDR, and PDR as others measure it
constexpr uint32_t kLoads[] = {10, 50, 90};     // per cent of the NDR
// Longer than two lives of a session.
constexpr double kRolloverSeconds = 8;
constexpr double kReloadSeconds = 1;

Row RowOf(const char* what, uint32_t bytes, const std::string& engine) {
  Row row;
  row.Text("bench", "ndr").Text("case", what).Count("bytes", bytes).Text("engine", engine);
  return row;
}

// What a change cost: as packets, and as the time in which so many are sent.
void AddLoss(Row row, double rate, double events, const NdrTraffic::Result& result,
             Report* report) {
  row.Count("load_percent", 50).Count("packets_per_second", rate).Count("events", events);
  row.Count("sent", static_cast<double>(result.sent));
  row.Count("lost", static_cast<double>(result.lost));
  row.Measure("lost_us", static_cast<double>(result.lost) / rate * 1e6, 1);
  report->Add(row);
}

absl::Status Measure(NdrNetwork& network, uint32_t bytes, const Effort& effort, Report* report) {
  const std::string engine = network.engine();
  RateSearchOptions search{
      .min_rate = 2'000,
      .max_rate = 10e6,
      .loss_ratios = {std::begin(kLossRatios), std::end(kLossRatios)},
      .phases = {{.seconds = 0.05, .width = 0.2}, {.seconds = 0.2, .width = 0.1},
                 {.seconds = 1, .width = 0.05}}};
  if (effort.smoke()) search.phases = {{.seconds = 0.005, .width = 1}};
  const auto rates = SearchRates(search, [&](double rate, double seconds) {
    return network.Run({.rate = rate, .seconds = seconds, .bytes = bytes}).loss_ratio();
  });
  for (size_t i = 0; i < rates.size(); ++i) {
    Row row = RowOf(kLossRatios[i] == 0 ? "no loss" : "half a per cent lost", bytes, engine);
    row.Measure("packets_per_second", rates[i], 0);
    row.Measure("gbit_s", rates[i] * bytes * 8 / 1e9, 2);
    report->Add(row);
  }
  const double ndr = std::max(rates[0], search.min_rate);
  for (const uint32_t percent : kLoads) {
    NdrTraffic::Result result = network.Run(
        {.rate = ndr * percent / 100, .seconds = effort.smoke() ? 0.01 : 1, .bytes = bytes});
    if (result.latency.empty()) continue;
    Row row = RowOf("latency", bytes, engine);
    row.Count("load_percent", percent);
    row.Measure("latency_p50_us", result.latency.Quantile(0.5));
    row.Measure("latency_p90_us", result.latency.Quantile(0.9));
    row.Measure("latency_p99_us", result.latency.Quantile(0.99));
    row.Measure("latency_max_us", result.latency.Quantile(1));
    row.Count("lost", static_cast<double>(result.lost));
    report->Add(row);
  }
  const NdrTraffic::Load half{.rate = ndr / 2, .seconds = kRolloverSeconds, .bytes = bytes};
  NdrTraffic::Load load = half;
  if (effort.smoke()) load.seconds = 0.01;
  const uint64_t before = network.Rollovers();
  const NdrTraffic::Result rolled = network.Run(load);
  const auto rollovers = static_cast<double>(network.Rollovers() - before);
  AddLoss(RowOf("rollover", bytes, engine), load.rate, rollovers, rolled, report);

  load.seconds = effort.smoke() ? 0.01 : kReloadSeconds;
  absl::Status reloaded;
  const NdrTraffic::Result result = network.Run(load, [&] { reloaded = network.Reload(); });
  if (!reloaded.ok()) return reloaded;
  AddLoss(RowOf("reload", bytes, engine), load.rate, 1, result, report);
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchNdr(const Effort& effort, Report* report) {
  const auto eal = PerfEal();
  if (!eal.ok()) return eal.status();
  auto network = NdrNetwork::Create((*eal)->worker_lcores, report->machine());
  if (!network.ok()) return network.status();
  for (const uint32_t bytes : kSizes) {
    if (effort.smoke() && bytes != kSizes[0]) break;
    if (!effort.Wants("bytes", bytes)) continue;
    if (absl::Status status = Measure(**network, bytes, effort, report); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
