// Every AEAD engine there is, for parametrised tests: those of the factory, and every kernel of
// `lanes` that this CPU can run, so that each is tested whatever the factory prefers.
#ifndef NOISEGATE_TESTS_CRYPTO_ENGINES_H_
#define NOISEGATE_TESTS_CRYPTO_ENGINES_H_

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/aead_lanes.h"
#include "tests/crypto/lanes/kernel_emulated.h"

namespace noisegate::crypto {

struct EngineUnderTest {
  const char* name;
  // InvalidArgument where this CPU cannot.
  absl::StatusOr<std::unique_ptr<AeadEngine>> (*make)();

  friend void PrintTo(const EngineUnderTest& engine, std::ostream* out) { *out << engine.name; }
};

inline std::vector<EngineUnderTest> EnginesUnderTest() {
  return {
      {"Auto", [] { return MakeAeadEngine(AeadEngineKind::kAuto); }},
      {"Lanes", [] { return MakeAeadEngine(AeadEngineKind::kLanes); }},
      {"LanesAvx2",
       []() -> absl::StatusOr<std::unique_ptr<AeadEngine>> {
         if (!__builtin_cpu_supports("avx2")) return absl::InvalidArgumentError("no AVX2");
         return MakeLanesEngine(lanes::kAvx2Kernel);
       }},
      {"LanesAvx512Emulated",
       []() -> absl::StatusOr<std::unique_ptr<AeadEngine>> {
         return MakeLanesEngine(lanes::kEmulatedAvx512Kernel);
       }},
      {"IpsecMb", [] { return MakeAeadEngine(AeadEngineKind::kIpsecMb); }},
      {"Sodium", [] { return MakeAeadEngine(AeadEngineKind::kSodium); }},
      {"Openssl", [] { return MakeAeadEngine(AeadEngineKind::kOpenssl); }},
  };
}

}  // namespace noisegate::crypto

#endif  // NOISEGATE_TESTS_CRYPTO_ENGINES_H_
