// aead: every engine that this CPU runs, over bursts of one size and of the Internet's mix.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/aead.h"
#include "crypto/random.h"
#include "perf/benches.h"
#include "perf/engines.h"

namespace noisegate::perf {
namespace {

using crypto::AeadEngine;
using crypto::AeadMessage;

constexpr uint32_t kBursts[] = {1, 4, 8, 16, 32, 64};
constexpr uint32_t kSizes[] = {64, 128, 256, 512, 1024, 1420, 9000};  // bytes of plaintext
// Simple IMIX (7 : 4 : 1 packets of 40, 576 and 1,500 bytes of IP), as sizes that fit a tunnel.
constexpr uint32_t kImix[] = {64, 64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 576};
constexpr uint32_t kMostBytes = 9000;
constexpr uint32_t kMostMessages = 64;

// Messages under a key each, one behind the other in packet buffers of their own.
class Burst {
 public:
  explicit Burst(std::vector<uint32_t> sizes) : sizes_(std::move(sizes)), messages_(sizes_.size()) {
    keys_.resize(sizes_.size());
    text_.resize(sizes_.size() * kStride);
    crypto::SystemRandom().Fill(text_);
    for (size_t i = 0; i < sizes_.size(); ++i) {
      crypto::SystemRandom().Fill(keys_[i]);
      messages_[i] = {.key = keys_[i].data(),
                      .counter = 4 + i,
                      .text = &text_[i * kStride + kHeadroom],
                      .text_size = sizes_[i],
                      .aad_size = 4,
                      .ok = false,
                      .aad = {}};
    }
  }
  std::span<AeadMessage> messages() { return messages_; }
  bool AllOk() const {
    return std::all_of(messages_.begin(), messages_.end(), [](const auto& m) { return m.ok; });
  }
  double bytes() const {
    double sum = 0;
    for (const uint32_t size : sizes_) sum += size;
    return sum / static_cast<double>(sizes_.size());
  }

 private:
  static constexpr size_t kHeadroom = 128 + 46;  // bytes: where a NIC leaves an inner packet
  static constexpr size_t kStride = kHeadroom + kMostBytes + crypto::kAeadTagSize + 98;
  const std::vector<uint32_t> sizes_;
  std::vector<AeadMessage> messages_;
  std::vector<std::array<uint8_t, crypto::kAeadKeySize>> keys_;
  std::vector<uint8_t> text_;
};

void Compare(const std::vector<std::unique_ptr<AeadEngine>>& engines, const std::string& size,
             std::vector<uint32_t> sizes, const Effort& effort, Report* report) {
  Burst burst(std::move(sizes));
  const auto n = static_cast<uint32_t>(burst.messages().size());
  for (const bool seal : {true, false}) {
    const std::string op = seal ? "seal" : "open";
    if (!effort.Wants("op", op)) continue;
    Row labels;
    labels.Text("bench", "aead").Text("op", op);
    if (size.empty()) {
      labels.Count("bytes", burst.bytes());
    } else {
      labels.Text("bytes", size);
    }
    labels.Count("burst", n);
    Comparison comparison(labels, "packet", n);
    comparison.SetBytes(burst.bytes());
    for (const auto& engine : engines) {
      AeadEngine* e = engine.get();
      // What is opened has to be sealed before, and the other way round costs nothing to do.
      comparison.Add(std::string(e->name()), [e, seal, &burst] {
        const auto sealing = [&] { e->Seal(burst.messages()); };
        const auto opening = [&] { e->Open(burst.messages()); };
        if (seal) return CyclesOf(sealing);
        sealing();
        const uint64_t cycles = CyclesOf(opening);
        Require(burst.AllOk(), "a tag that was right is refused");
        return cycles;
      });
    }
    comparison.Run(effort, "engine", "ipsec_mb", report);
  }
}

}  // namespace

absl::Status BenchAead(const Effort& effort, Report* report) {
  const auto engines = AllEngines();
  for (const uint32_t n : kBursts) {
    if (!effort.Wants("burst", n)) continue;
    for (const uint32_t size : kSizes) {
      if (!effort.Wants("bytes", size)) continue;
      Compare(engines, "", std::vector<uint32_t>(n, size), effort, report);
    }
    if (!effort.Wants("bytes", "imix")) continue;
    std::vector<uint32_t> mix(n);
    for (uint32_t i = 0; i < n; ++i) mix[i] = kImix[i % std::size(kImix)];
    Compare(engines, "imix", mix, effort, report);
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
