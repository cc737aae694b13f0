#include "tests/crypto/lanes/kernel_portable.h"

#include "crypto/lanes/burst.h"
#include "crypto/lanes/poly1305_radix44.h"
#include "tests/crypto/lanes/isa_portable.h"

namespace noisegate::crypto::lanes {
namespace {

using PortableBurst =
    Burst<IsaPortable, Poly1305Radix44<IsaPortable, 2>, Poly1305Radix44<IsaPortable, 1>>;

}  // namespace

const Kernel kPortableKernel = {"portable", PortableBurst::Seal, PortableBurst::Open};

}  // namespace noisegate::crypto::lanes
