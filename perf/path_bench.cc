// path: the packet's walk as a worker runs it, mbuf burst in to mbuf burst out, and its stages.

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
#include "perf/samples.h"

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
enum Stage : size_t { kParse, kLookUp, kReplay, kAead, kAccept, kRoute, kSession, kRewrite, kStages };
constexpr const char* kStageNames[kStages] = {"parse",  "lookup",  "replay",  "aead",
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
  Samples whole;
  std::array<Samples, kStages> stages;
};

// The stages of Worker::RunOnce() one by one, with a look at the clock between them.
void WalkByStages(PathRig& rig, PathOp op, rte_mbuf** frames, Contender* contender) {
  dataplane::WorkerState& w = rig.worker().state();
  const dataplane::Port& port = rig.PortOf(op);
  std::array<double, kStages> cycles = {};
  uint64_t last = ReadCycles();
  const auto lap = [&](Stage stage, uint64_t now) {
    cycles[stage] += static_cast<double>(now - last);
    last = now;
  };
  const auto around_engine = [&](Stage before, Stage after) {
    lap(before, contender->clocked.entered);
    lap(kAead, contender->clocked.left);
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
  for (size_t s = 0; s < kStages; ++s) contender->stages[s].Add(cycles[s] / kBurst);
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
    if (by_stages) {
      WalkByStages(rig, op, burst, contender);
    } else {
      const uint64_t cycles = CyclesOf([&] { rig.worker().RunOnce(rig.PortOf(op), burst, kBurst); });
      contender->whole.Add(static_cast<double>(cycles) / kBurst);
    }
  }
  return rig.TakeSent(op, PathRig::kFrames);
}

Row RowOf(PathOp op, uint32_t bytes, uint32_t sessions, Contender& contender,
          const Machine& machine) {
  Row row;
  row.Text("bench", "path").Text("op", ToText(op)).Count("bytes", bytes);
  row.Count("sessions", sessions).Text("aead", contender.engine->name());
  const double median = contender.whole.Median();
  row.Measure("cycles_per_packet", median);
  row.Measure("p10", contender.whole.Quantile(0.1)).Measure("p90", contender.whole.Quantile(0.9));
  row.Measure("min", contender.whole.Quantile(0));
  row.Measure("mpps", machine.tsc_hz / median / 1e6, 2);
  for (size_t s = 0; s < kStages; ++s) {
    row.Measure(kStageNames[s], contender.stages[s].Median());
  }
  return row;
}

absl::Status Compare(PathRig& rig, PathOp op, uint32_t bytes, uint32_t sessions,
                     const Effort& effort, Report* report) {
  std::vector<std::unique_ptr<Contender>> contenders;
  contenders.push_back(std::make_unique<Contender>(crypto::MakeUnsafeNullAeadEngine()));
  for (auto& engine : AllEngines()) {
    contenders.push_back(std::make_unique<Contender>(std::move(engine)));
  }
  // The first rounds warm up and are forgotten.
  const int warm_up = effort.smoke() ? 0 : 3;
  for (int round = -warm_up; round < effort.repetitions; ++round) {
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
    auto rig = PathRig::Create(sessions, (*eal)->worker_lcores.front());
    if (!rig.ok()) return rig.status();
    for (const PathOp op : kOps) {
      for (const uint32_t bytes : kSizes) {
        const absl::Status status = Compare(**rig, op, bytes, sessions, effort, report);
        if (!status.ok()) return status;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
