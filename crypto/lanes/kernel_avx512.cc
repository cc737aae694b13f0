#include "crypto/lanes/burst.h"
#include "crypto/lanes/isa_avx512.h"
#include "crypto/lanes/poly1305_radix44.h"

namespace noisegate::crypto::lanes {
namespace {

using Avx512Burst = Burst<IsaAvx512, Poly1305Radix44<IsaAvx512, 2>, Poly1305Radix44<IsaAvx512, 1>>;

}  // namespace

const Kernel kAvx512Kernel = {"avx512_ifma", Avx512Burst::Seal, Avx512Burst::Open};

}  // namespace noisegate::crypto::lanes
