// The AEAD engines that are compared.
#ifndef NOISEGATE_PERF_ENGINES_H_
#define NOISEGATE_PERF_ENGINES_H_

#include <memory>
#include <vector>

#include "crypto/aead.h"

namespace noisegate::perf {

// One of each that this CPU runs.
inline std::vector<std::unique_ptr<crypto::AeadEngine>> AllEngines() {
  using Kind = crypto::AeadEngineKind;
  std::vector<std::unique_ptr<crypto::AeadEngine>> engines;
  for (const Kind kind : {Kind::kIpsecMb, Kind::kSodium, Kind::kOpenssl, Kind::kLanes, Kind::kAuto}) {
    auto engine = crypto::MakeAeadEngine(kind);
    if (engine.ok()) engines.push_back(*std::move(engine));
  }
  return engines;
}

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_ENGINES_H_
