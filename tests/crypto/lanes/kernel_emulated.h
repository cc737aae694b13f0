// The AVX-512 kernel for every CPU: the same source over emulated instructions.
#ifndef NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_EMULATED_H_
#define NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_EMULATED_H_

#include "crypto/lanes/kernel.h"

namespace noisegate::crypto::lanes {

extern const Kernel kEmulatedAvx512Kernel;

}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_EMULATED_H_
