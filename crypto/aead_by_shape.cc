// lanes for most bursts, ipsec-mb for those too small to fill the lanes.
#include <algorithm>

#include "crypto/aead_engines.h"
#include "crypto/lanes/kernel.h"

namespace noisegate::crypto {
namespace {

class ByShapeEngine final : public AeadEngine {
 public:
  ByShapeEngine(std::unique_ptr<AeadEngine> lanes, std::unique_ptr<AeadEngine> ipsec_mb)
      : lanes_(std::move(lanes)), ipsec_mb_(std::move(ipsec_mb)) {}

  std::string_view name() const override { return "lanes+ipsec_mb"; }
  std::string_view isa() const override { return lanes_->isa(); }

  void Seal(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) { Best(chunk).Seal(chunk); });
  }
  void Open(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) { Best(chunk).Open(chunk); });
  }

 private:
  template <typename F>
  static void ForEachChunk(std::span<AeadMessage> burst, F&& f) {
    while (!burst.empty()) {
      const size_t n = std::min<size_t>(burst.size(), lanes::kMaxBurst);
      f(burst.first(n));
      burst = burst.subspan(n);
    }
  }

  // Estimates in cycles, fitted to measurements on Zen 3. Only their ratio counts, and only where
  // the two are near each other, which is at one or two messages, or one far longer than the rest.
  AeadEngine& Best(std::span<const AeadMessage> chunk) const {
    constexpr uint64_t kUnit = 72;  // lanes: one 64-byte block of ChaCha20
    constexpr uint64_t kStep = 28;  // lanes: one 16-byte block of Poly1305 in each of four lanes
    constexpr uint64_t kMessage = 430;  // ipsec-mb: what a message costs whatever its length,
    constexpr uint64_t kByteX10 = 19;   // and a tenth of what each byte costs
    if (chunk.size() < 3) return *ipsec_mb_;
    uint64_t units = 0, blocks = 0, most_blocks = 0, bytes = 0;
    for (const AeadMessage& message : chunk) {
      units += 1 + (message.text_size + 63) / 64;
      const uint64_t own = 2 + message.text_size / 16;
      blocks += own;
      most_blocks = std::max(most_blocks, own);
      bytes += message.text_size;
    }
    const uint64_t lanes = units * kUnit + kStep * std::max(blocks / 4, most_blocks);
    const uint64_t ipsec_mb = chunk.size() * kMessage + bytes * kByteX10 / 10;
    return lanes <= ipsec_mb ? *lanes_ : *ipsec_mb_;
  }

  const std::unique_ptr<AeadEngine> lanes_;
  const std::unique_ptr<AeadEngine> ipsec_mb_;
};

}  // namespace

std::unique_ptr<AeadEngine> MakeByShapeEngine(std::unique_ptr<AeadEngine> lanes,
                                              std::unique_ptr<AeadEngine> ipsec_mb) {
  return std::make_unique<ByShapeEngine>(std::move(lanes), std::move(ipsec_mb));
}

}  // namespace noisegate::crypto
