// handshake: what a session costs the control thread, step by step on either side.

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/handshake.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "perf/benches.h"
#include "perf/quiet.h"

namespace noisegate::perf {
namespace {

using controlplane::AnsweredInit;
using controlplane::InitiatorHandshake;
using controlplane::SecuredHandshake;
using crypto::PrivateKey;

enum Step : size_t { kInit, kReadResp, kWriteSig2, kReadSig3, kResp, kReadSig2, kWriteSig3, kSteps };
struct StepName {
  const char* role;
  const char* step;
};
constexpr StepName kNames[kSteps] = {
    {"initiator", "write init"},  {"initiator", "read resp"}, {"initiator", "write sig"},
    {"initiator", "read sig"},    {"responder", "answer init"}, {"responder", "read sig"},
    {"responder", "write sig"}};

bool Admit(const crypto::PeerId&) { return true; }

using StepCycles = std::array<double, kSteps>;

// One whole handshake between two identities; false where either side refuses the other. Keys are
// known, as those of configured peers are after the first handshake.
bool RunHandshake(const PrivateKey& a, const PrivateKey& b, StepCycles* cycles) {
  using Key = std::shared_ptr<const crypto::PublicKey>;
  const Key key_a = std::make_shared<crypto::PublicKey>(a.public_key());
  const Key key_b = std::make_shared<crypto::PublicKey>(b.public_key());
  const auto clock = [cycles](Step step, auto work) {
    (*cycles)[step] = static_cast<double>(CyclesOf(work));
  };
  std::vector<uint8_t> init, sig2, sig3;
  std::optional<InitiatorHandshake> initiator;
  std::optional<AnsweredInit> answered;
  std::optional<SecuredHandshake> secured;
  std::optional<controlplane::Proof> proof2, proof3;
  clock(kInit, [&] { initiator.emplace(crypto::SystemRandom(), &init); });
  clock(kResp, [&] {
    if (controlplane::ParseInit(init)) {
      answered = controlplane::AnswerInit(init, crypto::SystemRandom());
    }
  });
  if (!answered) return false;
  clock(kReadResp, [&] { secured = initiator->ReadResp(answered->resp); });
  if (!secured) return false;
  clock(kWriteSig2, [&] { sig2 = secured->WriteSig(a, {.version = 1}).value_or(sig2); });
  clock(kReadSig2, [&] { proof2 = answered->secured.ReadSig(sig2, b.id(), key_a, Admit); });
  clock(kWriteSig3, [&] { sig3 = answered->secured.WriteSig(b, {.version = 1}).value_or(sig3); });
  clock(kReadSig3, [&] { proof3 = secured->ReadSig(sig3, a.id(), key_b, Admit); });
  return proof2 && proof3 && std::holds_alternative<controlplane::ProvenPeer>(*proof2) &&
         std::holds_alternative<controlplane::ProvenPeer>(*proof3);
}

void AddRow(const std::string& role, const std::string& step, const QuietSamples& samples,
            Report* report) {
  const double tsc_hz = report->machine().tsc_hz;
  Samples best = samples.Best();
  const double median = best.Median();
  Row row;
  row.Text("bench", "handshake").Text("role", role).Text("step", step);
  row.Measure("cycles", median, 0).Measure("us", median / tsc_hz * 1e6, 1);
  row.Measure("p10", best.Quantile(0.1), 0).Measure("p90", best.Quantile(0.9), 0);
  row.Measure("quiet", samples.percent_quiet(), 0).Measure("per_second", tsc_hz / median, 0);
  report->Add(row);
}

}  // namespace

absl::Status BenchHandshake(const Effort& effort, Report* report) {
  auto a = PrivateKey::Generate(crypto::KeyType::kEd25519);
  auto b = PrivateKey::Generate(crypto::KeyType::kEd25519);
  if (!a.ok() || !b.ok()) return a.ok() ? b.status() : a.status();
  std::array<QuietSamples, kSteps> steps;
  std::array<QuietSamples, 2> roles;
  const int rounds = effort.smoke() ? 1 : 200;
  for (int i = 0; i < rounds * effort.patience; ++i) {
    if (i >= rounds && roles[0].enough()) break;
    const bool quiet = IsQuiet();
    StepCycles cycles = {};
    if (!RunHandshake(*a, *b, &cycles)) return absl::InternalError("a handshake failed");
    const bool still_quiet = quiet && IsQuiet();
    for (size_t s = 0; s < kSteps; ++s) steps[s].Add(cycles[s], still_quiet);
    roles[0].Add(cycles[kInit] + cycles[kReadResp] + cycles[kWriteSig2] + cycles[kReadSig3],
                 still_quiet);
    roles[1].Add(cycles[kResp] + cycles[kReadSig2] + cycles[kWriteSig3], still_quiet);
  }
  for (size_t s = 0; s < kSteps; ++s) AddRow(kNames[s].role, kNames[s].step, steps[s], report);
  AddRow("initiator", "all", roles[0], report);
  AddRow("responder", "all", roles[1], report);
  return absl::OkStatus();
}

}  // namespace noisegate::perf
