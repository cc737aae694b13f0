// The engine `lanes` over a kernel of one's choice, for tests and benchmarks; everybody else asks
// MakeAeadEngine() for AeadEngineKind::kLanes and gets the best kernel of this CPU.
#ifndef NOISEGATE_CRYPTO_AEAD_LANES_H_
#define NOISEGATE_CRYPTO_AEAD_LANES_H_

#include <memory>

#include "crypto/aead.h"
#include "crypto/lanes/kernel.h"

namespace noisegate::crypto {

// The CPU must have the kernel's instruction set.
std::unique_ptr<AeadEngine> MakeLanesEngine(const lanes::Kernel& kernel);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_LANES_H_
