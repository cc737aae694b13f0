// Protocol negotiation with hostile bytes, both roles. The first byte says how the rest is cut: the
// result must not depend on it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <tuple>
#include <vector>

#include "controlplane/libp2p/multistream.h"

namespace {

using namespace noisegate::libp2p;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Everything that can be seen of a negotiation.
template <typename Side>
auto Feed(Side side, std::span<const uint8_t> bytes, size_t piece) {
  std::vector<uint8_t> output;
  size_t used = 0;
  while (used < bytes.size() && side.state() == MultistreamState::kRunning) {
    const std::span<const uint8_t> some = bytes.subspan(used, std::min(piece, bytes.size() - used));
    const size_t n = side.Receive(some);
    Require(n <= some.size());
    Require(n == some.size() || side.state() != MultistreamState::kRunning);
    used += n;
    const std::vector<uint8_t> more = side.TakeOutput();
    output.insert(output.end(), more.begin(), more.end());
  }
  Require((side.error() != MultistreamError::kNone) == (side.state() == MultistreamState::kFailed));
  Require(output.size() <= 64 + kMaxProposals * 64 + bytes.size());
  return std::tuple(side.state(), side.error(), used, output);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  const size_t piece = 1 + data[0];
  const MultistreamListener listener({"/noise", "/yamux/1.0.0"});
  Require(Feed(listener, bytes, piece) == Feed(listener, bytes, bytes.size() + 1));
  MultistreamDialler dialler({"/noise", "/yamux/1.0.0"});
  dialler.TakeOutput();
  Require(Feed(dialler, bytes, piece) == Feed(dialler, bytes, bytes.size() + 1));
  return 0;
}
