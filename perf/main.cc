// The noisegate-perf program: runs the benchmarks that its arguments name.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "perf/benches.h"
#include "perf/svg.h"

namespace {

using namespace noisegate::perf;  // NOLINT(google-build-using-namespace)

struct Bench {
  const char* name;
  absl::Status (*run)(const Effort&, Report*);
  const char* what;
};
constexpr Bench kBenches[] = {
    {"aead", BenchAead, "sealing and opening bursts, by engine"},
    {"lookup", BenchLookup, "finding the sessions of a burst"},
    {"replay", BenchReplay, "taking each counter once"},
    {"route", BenchRoute, "finding the owners of a burst's addresses"},
    {"path", BenchPath, "the packet's walk through a worker, and its stages"},
    {"handshake", BenchHandshake, "making a session, step by step"},
    {"ndr", BenchNdr, "two gateways back to back: rate without loss, latency, rollover, reload"},
};

std::string BenchList() {
  std::string text = "Benches:\n";
  for (const Bench& bench : kBenches) {
    text += "  " + std::string(bench.name) + std::string(12 - std::string_view(bench.name).size(), ' ') +
            bench.what + "\n";
  }
  return text + "  all         all of them";
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "noisegate-perf: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Run(const std::vector<std::string>& names, const Effort& effort, const std::string& json,
        const std::string& svg) {
  Report report(ThisMachine());
  const Machine& machine = report.machine();
  char clock[32];
  std::snprintf(clock, sizeof(clock), "%.3f GHz", machine.tsc_hz / 1e9);
  report.Say(machine.cpu + ", " + std::to_string(machine.cpus) + " CPUs, time-stamp counter at " +
             clock + "\n" + machine.flags + ", commit " + machine.commit);
  for (const Bench& bench : kBenches) {
    const auto wanted = [&](const std::string& name) { return name == bench.name || name == "all"; };
    if (std::none_of(names.begin(), names.end(), wanted)) continue;
    report.Say("\n" + std::string(bench.name) + ": " + bench.what);
    if (absl::Status status = bench.run(effort, &report); !status.ok()) return Fail(status);
    if (json.empty()) continue;
    // As it grows, so that what was measured is there if a later bench is cut short.
    if (absl::Status status = report.WriteJson(json); !status.ok()) return Fail(status);
  }
  if (!svg.empty()) {
    if (absl::Status status = WriteFile(svg, DrawSvg(report)); !status.ok()) return Fail(status);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures noisegate: cycles of the time-stamp counter, alternatives side by side.\n" +
               BenchList());
  std::vector<std::string> names;
  std::string json, svg;
  bool smoke = false;
  std::vector<std::string> only;
  std::vector<std::string> known = {"all"};
  for (const Bench& bench : kBenches) known.emplace_back(bench.name);
  app.add_option("bench", names, "which to run")->required()->check(CLI::IsMember(known));
  app.add_option("--json", json, "write the results to this file")->type_name("FILE");
  app.add_option("--only", only, "only rows with this value, as in bytes=64; several are alternatives")
      ->type_name("FIELD=VALUE");
  app.add_option("--svg", svg, "draw the results into this file")->type_name("FILE");
  app.add_flag("--smoke", smoke, "only see that everything runs: the figures mean nothing");
  CLI11_PARSE(app, argc, argv);
  Effort effort = smoke ? Effort::Smoke() : Effort();
  for (const std::string& condition : only) {
    const size_t equals = condition.find('=');
    if (equals == std::string::npos) return Fail(absl::InvalidArgumentError("--only FIELD=VALUE"));
    effort.only.emplace_back(condition.substr(0, equals), condition.substr(equals + 1));
  }
  return Run(names, effort, json, svg);
}
