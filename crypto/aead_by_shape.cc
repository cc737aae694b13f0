// lanes for most bursts, ipsec-mb for those too small to fill the lanes, OpenSSL for a few long
// messages.
#include <algorithm>

#include "crypto/aead_engines.h"
#include "crypto/lanes/kernel.h"

namespace noisegate::crypto {
namespace {

// What work costs, in cycles. Only ratios count, and only where the engines come near each other: at
// one to four messages, or where one is far longer than the rest. A guess that is wrong
// there costs little, so constants do, and nothing is measured at start.
struct Costs {
  // lanes
  uint64_t lanes;      // ChaCha20 blocks that are worked together, in
  uint64_t pass;       // so many cycles; and a pass of
  uint64_t half_pass;  // half the lanes or fewer in so many
  uint64_t macs;       // messages that Poly1305 takes together,
  uint64_t step;       // with so many cycles for a 16-byte block of each
  uint64_t message;    // and so many for each message or idle lane, whatever its length
  // Engines that take one message after the other.
  struct Single {
    uint64_t job;           // a message of any length,
    uint64_t byte_percent;  // and a hundredth of what each byte costs
    uint64_t Of(uint64_t messages, uint64_t bytes) const {
      return messages * job + bytes * byte_percent / 100;
    }
  };
  Single ipsec_mb;
  Single openssl;
};

// Measured on Zen 3.
constexpr Costs kAvx2 = {.lanes = 16,
                         .pass = 830,
                         .half_pass = 490,
                         .macs = 4,
                         .step = 22,
                         .message = 150,
                         .ipsec_mb = {.job = 560, .byte_percent = 140},
                         .openssl = {.job = 1900, .byte_percent = 103}};
// ipsec-mb's measured on Sapphire Rapids; ours estimated, on the high side, from instructions.
// OpenSSL's not known, so that it is not chosen.
constexpr Costs kAvx512 = {.lanes = 16,
                           .pass = 600,
                           .half_pass = 600,
                           .macs = 8,
                           .step = 32,
                           .message = 75,
                           .ipsec_mb = {.job = 350, .byte_percent = 85},
                           .openssl = {.job = 1900, .byte_percent = 85}};

class ByShapeEngine final : public AeadEngine {
 public:
  ByShapeEngine(std::unique_ptr<AeadEngine> lanes, std::unique_ptr<AeadEngine> ipsec_mb,
                std::unique_ptr<AeadEngine> openssl)
      : lanes_(std::move(lanes)),
        ipsec_mb_(std::move(ipsec_mb)),
        openssl_(std::move(openssl)),
        costs_(lanes_->isa() == "avx2" ? kAvx2 : kAvx512) {}

  std::string_view name() const override { return "lanes+ipsec_mb+openssl"; }
  std::string_view isa() const override { return lanes_->isa(); }

  void Seal(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) {
      const Shape shape(chunk);
      // One-time keys and texts fill the lanes together.
      Best(shape, Passes(shape.messages + shape.text_blocks)).Seal(chunk);
    });
  }
  void Open(std::span<AeadMessage> burst) override {
    ForEachChunk(burst, [this](std::span<AeadMessage> chunk) {
      const Shape shape(chunk);
      // First the one-time keys, then the texts.
      Best(shape, Passes(shape.messages) + Passes(shape.text_blocks)).Open(chunk);
    });
  }

 private:
  // What a chunk's cost depends on.
  struct Shape {
    explicit Shape(std::span<const AeadMessage> chunk) : messages(chunk.size()) {
      for (const AeadMessage& message : chunk) {
        const uint64_t steps = message.text_size / 16 + 2;  // associated data and lengths
        bytes += message.text_size;
        text_blocks += (message.text_size + 63) / 64;
        mac_steps += steps;
        most_mac_steps = std::max(most_mac_steps, steps);
      }
    }
    uint64_t messages;
    uint64_t bytes = 0;
    uint64_t text_blocks = 0;
    uint64_t mac_steps = 0;
    uint64_t most_mac_steps = 0;  // of one message
  };

  template <typename F>
  static void ForEachChunk(std::span<AeadMessage> burst, F&& f) {
    while (!burst.empty()) {
      const size_t n = std::min<size_t>(burst.size(), lanes::kMaxBurst);
      f(burst.first(n));
      burst = burst.subspan(n);
    }
  }

  // Cycles of ChaCha20 in lanes.
  uint64_t Passes(uint64_t blocks) const {
    const uint64_t rest = blocks % costs_.lanes;
    const uint64_t last = rest == 0 ? 0 : rest > costs_.lanes / 2 ? costs_.pass : costs_.half_pass;
    return blocks / costs_.lanes * costs_.pass + last;
  }

  AeadEngine& Best(const Shape& shape, uint64_t passes) const {
    const uint64_t steps = std::max(shape.mac_steps / costs_.macs, shape.most_mac_steps);
    const uint64_t groups = (shape.messages + costs_.macs - 1) / costs_.macs;
    const uint64_t lanes = passes + steps * costs_.step + groups * costs_.macs * costs_.message;
    const uint64_t ipsec_mb = costs_.ipsec_mb.Of(shape.messages, shape.bytes);
    const uint64_t openssl = costs_.openssl.Of(shape.messages, shape.bytes);
    if (lanes <= std::min(ipsec_mb, openssl)) return *lanes_;
    return ipsec_mb <= openssl ? *ipsec_mb_ : *openssl_;
  }

  const std::unique_ptr<AeadEngine> lanes_;
  const std::unique_ptr<AeadEngine> ipsec_mb_;
  const std::unique_ptr<AeadEngine> openssl_;
  const Costs& costs_;
};

}  // namespace

std::unique_ptr<AeadEngine> MakeByShapeEngine(std::unique_ptr<AeadEngine> lanes,
                                              std::unique_ptr<AeadEngine> ipsec_mb,
                                              std::unique_ptr<AeadEngine> openssl) {
  return std::make_unique<ByShapeEngine>(std::move(lanes), std::move(ipsec_mb),
                                         std::move(openssl));
}

}  // namespace noisegate::crypto
