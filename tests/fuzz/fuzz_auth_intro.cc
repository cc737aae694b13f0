// AuthIntro from hostile bytes: what parses is within its bounds, and builds back to what parses
// the same.
#include <cstdint>
#include <cstdlib>

#include "controlplane/auth_intro.h"

namespace {

using noisegate::controlplane::AuthIntro;
using noisegate::controlplane::ParseAuthIntro;

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto intro = ParseAuthIntro({data, size});
  if (!intro) return 0;
  Require(size <= noisegate::controlplane::kMaxAuthIntroSize);
  Require(!intro->public_key.empty() && !intro->signature.empty());
  Require(intro->public_key.size() <= noisegate::controlplane::kMaxPublicKeySize);
  Require(intro->signature.size() <= noisegate::controlplane::kMaxSignatureSize);
  Require(intro->capabilities.stripes >= 1);
  Require(intro->capabilities.stripes <= noisegate::controlplane::kMaxStripes);
  const auto again = ParseAuthIntro(noisegate::controlplane::SerializeAuthIntro(*intro));
  Require(again.has_value() && *again == *intro);
  return 0;
}
