// An engine without any cryptography, so that benchmarks can tell what everything else costs.
#ifndef NOISEGATE_CRYPTO_AEAD_NULL_H_
#define NOISEGATE_CRYPTO_AEAD_NULL_H_

#include <memory>

#include "crypto/aead.h"

namespace noisegate::crypto {

// UNSAFE: leaves the text in the clear, writes zeros for a tag and accepts every message. For perf/
// only; neither MakeAeadEngine() nor the config can name it.
std::unique_ptr<AeadEngine> MakeUnsafeNullAeadEngine();

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_NULL_H_
