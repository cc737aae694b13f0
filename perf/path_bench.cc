// path: the packet's walk as a worker runs it, mbuf burst in to mbuf burst out, and its stages.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crypto/aead_null.h"
#include "dataplane/stages.h"
#include "perf/benches.h"
#include "perf/eal.h"
#include "perf/engines.h"
#include "perf/path_rig.h"
#include "perf/quiet.h"

namespace noisegate::perf {
namespace {

using crypto::AeadEngine;
using crypto::AeadMessage;
using dataplane::kBurst;

constexpr uint32_t kSessions[] = {1, 1'000, 10'000, 100'000};
constexpr uint32_t kSizes[] = {64, 256, 512, 1420};  // bytes of inner packet
constexpr uint32_t kBursts = PathRig::kFrames / kBurst;  // of a round
constexpr PathOp kOps[] = {PathOp::kEncapsulate, PathOp::kDecapsulate, PathOp::kRelay};

// The parts of the walk in which its cycles are counted.
enum Stage : size_t { kParse, kLookUp, kReplay, kCipher, kAccept, kRoute, kSession, kRewrite, kStages };
constexpr const char* kStageNames[kStages] = {"parse",  "lookup",  "replay",  "cipher",
                                              "accept", "route", "session", "rewrite"};

// Notes when the engine inside is entered and left.
class Clocked final : public AeadEngine {
 public:
  explicit Clocked(AeadEngine* engine) : engine_(engine) {}
  std::string_view name() const override { return engine_->name(); }
  std::string_view isa() const override { return engine_->isa(); }
  void Seal(std::span<AeadMessage> burst) override {
    entered = ReadCycles();
    engine_->Seal(burst);
    left = ReadCycles();
  }
  void Open(std::span<AeadMessage> burst) override {
    entered = ReadCycles();
    engine_->Open(burst);
    left = ReadCycles();
  }
  uint64_t entered = 0, left = 0;

 private:
  AeadEngine* const engine_;
};

struct Contender {
  explicit Contender(std::unique_ptr<AeadEngine> e) : engine(std::move(e)), clocked(engine.get()) {}
  std::unique_ptr<AeadEngine> engine;
  Clocked clocked;
  QuietSamples whole;
  std::array<QuietSamples, kStages> stages;
};

using StageCycles = std::array<double, kStages>;

// The stages of Worker::RunOnce() one by one, with a look at the clock between them.
StageCycles WalkByStages(PathRig& rig, PathOp op, rte_mbuf** frames, const Clocked& clocked) {
  dataplane::WorkerState& w = rig.worker().state();
  const dataplane::Port& port = rig.PortOf(op);
  StageCycles cycles = {};
  uint64_t last = ReadCycles();
  const auto lap = [&](Stage stage, uint64_t now) {
    cycles[stage] += static_cast<double>(now - last);
    last = now;
  };
  const auto around_engine = [&](Stage before, Stage after) {
    lap(before, clocked.entered);
    lap(kCipher, clocked.left);
    lap(after, ReadCycles());
  };
  dataplane::Take(w, kBurst);
  if (op == PathOp::kEncapsulate) {
    ClassifyOverlay(w, port, frames, kBurst);
    lap(kParse, ReadCycles());
  } else {
    ClassifyUnderlay(w, port, frames, kBurst);
    lap(kParse, ReadCycles());
    FindSessions(w);
    lap(kLookUp, ReadCycles());
    Decapsulate(w);
    around_engine(kReplay, kAccept);
  }
  RoutePackets(w);
  lap(kRoute, ReadCycles());
  if (op == PathOp::kDecapsulate) {
    Deliver(w);
    lap(kRewrite, ReadCycles());
  } else {
    Encapsulate(w);
    around_engine(kSession, kRewrite);
  }
  FlushTransmit(w);
  lap(kRewrite, ReadCycles());
  w.burst.packets.Clear();
  return cycles;
}

// One round: as many frames as a port has descriptors come in, and are walked burst by burst.
absl::Status RunRound(PathRig& rig, PathOp op, uint32_t bytes, bool by_stages,
                      Contender* contender) {
  std::array<rte_mbuf*, PathRig::kFrames> frames;
  rig.SetEngine(contender->engine.get());
  if (!rig.Receive(op, bytes, frames)) return absl::ResourceExhaustedError("no packet buffers");
  if (by_stages) rig.SetEngine(&contender->clocked);
  for (uint32_t b = 0; b < kBursts; ++b) {
    rte_mbuf** burst = &frames[b * kBurst];
    // A driver has just written the descriptors of what it hands over; the bytes it has not seen.
    for (uint32_t i = 0; i < kBurst; ++i) burst[i]->port = rig.PortOf(op).device_id();
    if (by_stages) {
      const bool quiet = IsQuiet();
      const StageCycles cycles = WalkByStages(rig, op, burst, contender->clocked);
      const bool still_quiet = quiet && IsQuiet();
      for (size_t s = 0; s < kStages; ++s) {
        contender->stages[s].Add(cycles[s] / kBurst, still_quiet);
      }
    } else {
      contender->whole.Take([&] {
        const uint64_t cycles =
            CyclesOf([&] { rig.worker().RunOnce(rig.PortOf(op), burst, kBurst); });
        return static_cast<double>(cycles) / kBurst;
      });
    }
  }
  return rig.TakeSent(op, PathRig::kFrames);
}

Row RowOf(PathOp op, uint32_t bytes, uint32_t sessions, Contender& contender,
          const Machine& machine) {
  Row row;
  row.Text("bench", "path").Text("op", ToText(op)).Count("bytes", bytes);
  row.Count("sessions", sessions).Text("aead", contender.engine->name());
  Samples whole = contender.whole.Best();
  const double median = whole.Median();
  row.Measure("cycles_per_packet", median);
  row.Measure("p10", whole.Quantile(0.1)).Measure("p90", whole.Quantile(0.9));
  row.Measure("min", whole.Quantile(0));
  row.Measure("quiet", contender.whole.percent_quiet(), 0);
  row.Measure("mpps", machine.tsc_hz / median / 1e6, 2);
  for (size_t s = 0; s < kStages; ++s) {
    row.Measure(kStageNames[s], contender.stages[s].Best().Median());
  }
  return row;
}

absl::Status Compare(PathRig& rig, PathOp op, uint32_t bytes, uint32_t sessions,
                     const Effort& effort, Report* report) {
  std::vector<std::unique_ptr<Contender>> contenders;
  auto engines = AllEngines();
  engines.insert(engines.begin(), crypto::MakeUnsafeNullAeadEngine());
  for (auto& engine : engines) {
    if (!effort.Wants("aead", engine->name())) continue;
    contenders.push_back(std::make_unique<Contender>(std::move(engine)));
  }
  // The first rounds warm up and are forgotten.
  const int warm_up = effort.smoke() ? 0 : 3;
  const auto enough = [](const auto& c) { return c->whole.enough() && c->stages[0].enough(); };
  for (int round = -warm_up; round < effort.repetitions * effort.patience; ++round) {
    if (round >= effort.repetitions &&
        std::all_of(contenders.begin(), contenders.end(), enough)) {
      break;
    }
    for (const auto& contender : contenders) {
      for (const bool by_stages : {false, true}) {
        const absl::Status status = RunRound(rig, op, bytes, by_stages, contender.get());
        if (!status.ok()) return status;
      }
      if (round < 0) {
        contender->whole = {};
        contender->stages = {};
      }
    }
  }
  for (const auto& contender : contenders) {
    report->Add(RowOf(op, bytes, sessions, *contender, report->machine()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchPath(const Effort& effort, Report* report) {
  const auto eal = PerfEal();
  if (!eal.ok()) return eal.status();
  for (const uint32_t sessions : kSessions) {
    if (effort.smoke() && sessions > 1'000) break;
    if (!effort.Wants("sessions", sessions)) continue;
    auto rig = PathRig::Create(sessions, (*eal)->worker_lcores.front());
    if (!rig.ok()) return rig.status();
    for (const PathOp op : kOps) {
      for (const uint32_t bytes : kSizes) {
        if (!effort.Wants("op", ToText(op)) || !effort.Wants("bytes", bytes)) continue;
        const absl::Status status = Compare(**rig, op, bytes, sessions, effort, report);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
