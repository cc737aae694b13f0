#include "crypto/lanes/burst.h"
#include "crypto/lanes/isa_avx2.h"
#include "crypto/lanes/poly1305_radix26.h"

namespace noisegate::crypto::lanes {
namespace {

using Avx2Burst = Burst<IsaAvx2, Poly1305Radix26<IsaAvx2>, Poly1305Radix26<IsaAvx2>>;

}  // namespace

const Kernel kAvx2Kernel = {"avx2", Avx2Burst::Seal, Avx2Burst::Open};

}  // namespace noisegate::crypto::lanes
