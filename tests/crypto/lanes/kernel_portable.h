// The 16-lane kernel for every CPU: what AVX-512 runs, with its vector operations done lane by
// lane.
#ifndef NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_PORTABLE_H_
#define NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_PORTABLE_H_

#include "crypto/lanes/kernel.h"

namespace noisegate::crypto::lanes {

extern const Kernel kPortableKernel;

}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_TESTS_CRYPTO_LANES_KERNEL_PORTABLE_H_
