// Compiled with emulated/ before the compiler's own headers, so that isa_avx512.h gets that
// <immintrin.h>.
#include "tests/crypto/lanes/kernel_emulated.h"

#include "crypto/lanes/burst.h"
#include "crypto/lanes/isa_avx512.h"
#include "crypto/lanes/poly1305_radix44.h"

namespace noisegate::crypto::lanes {
namespace {

using EmulatedBurst =
    Burst<IsaAvx512, Poly1305Radix44<IsaAvx512, 2>, Poly1305Radix44<IsaAvx512, 1>>;

}  // namespace

const Kernel kEmulatedAvx512Kernel = {"emulated", EmulatedBurst::Seal, EmulatedBurst::Open};

}  // namespace noisegate::crypto::lanes
