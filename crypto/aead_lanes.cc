// Our own engine: a different message in every vector lane (crypto/lanes/kernel.h).
#include "crypto/aead_lanes.h"

#include <sodium.h>

#include <algorithm>

#include "absl/status/status.h"
#include "crypto/aead_engines.h"

namespace noisegate::crypto {
namespace {

class LanesEngine final : public AeadEngine {
 public:
  explicit LanesEngine(const lanes::Kernel& kernel) : kernel_(kernel) {}
  ~LanesEngine() override { sodium_memzero(&scratch_, sizeof scratch_); }

  std::string_view name() const override { return "lanes"; }
  std::string_view isa() const override { return kernel_.isa; }

  void Seal(std::span<AeadMessage> burst) override { ForEachChunk(kernel_.seal, burst); }
  void Open(std::span<AeadMessage> burst) override { ForEachChunk(kernel_.open, burst); }

 private:
  template <typename F>
  void ForEachChunk(F* run, std::span<AeadMessage> burst) {
    while (!burst.empty()) {
      const size_t n = std::min<size_t>(burst.size(), lanes::kMaxBurst);
      run(burst.data(), static_cast<int>(n), scratch_);
      burst = burst.subspan(n);
    }
  }

  const lanes::Kernel& kernel_;
  lanes::Scratch scratch_{};
};

const lanes::Kernel* KernelForThisCpu() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma")) {
    return &lanes::kAvx512Kernel;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return &lanes::kAvx2Kernel;
  return nullptr;
}

}  // namespace

std::unique_ptr<AeadEngine> MakeLanesEngine(const lanes::Kernel& kernel) {
  return std::make_unique<LanesEngine>(kernel);
}

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeLanesEngine() {
  const lanes::Kernel* const kernel = KernelForThisCpu();
  if (kernel == nullptr) {
    return absl::InvalidArgumentError(
        "lanes needs AVX2, which this CPU lacks; use the engine \"auto\"");
  }
  return MakeLanesEngine(*kernel);
}

}  // namespace noisegate::crypto
