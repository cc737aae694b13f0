#include "controlplane/stripes.h"

#include <algorithm>

namespace noisegate::controlplane {
namespace {

uint64_t FirstEightBytes(const crypto::PeerId& id) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8; ++i) word = word << 8 | id.bytes[i];
  return word;
}

}  // namespace

uint64_t StripeHash(const crypto::PeerId& a, const crypto::PeerId& b) {
  return FirstEightBytes(a) ^ FirstEightBytes(b);
}

std::vector<StripePair> StripePairs(uint64_t hash, uint32_t local_stripes,
                                    uint32_t remote_stripes) {
  const uint32_t n = std::clamp(local_stripes, 1u, kMaxStripes);
  const uint32_t m = std::clamp(remote_stripes, 1u, kMaxStripes);
  std::vector<StripePair> pairs;
  pairs.reserve(std::min(n, m));
  for (uint32_t i = 0; i < std::min(n, m); ++i) {
    // Reduced before adding: a sum that wraps at 2^64 would give one port twice.
    pairs.push_back(
        {static_cast<uint16_t>((hash % n + i) % n), static_cast<uint16_t>((hash % m + i) % m)});
  }
  return pairs;
}

}  // namespace noisegate::controlplane
