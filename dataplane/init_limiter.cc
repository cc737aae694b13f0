#include "dataplane/init_limiter.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "dataplane/bytes.h"

namespace noisegate::dataplane {
namespace {

// Ticks per token; 0 where there are none to give.
uint64_t Interval(uint64_t ticks_per_second, uint32_t per_second) {
  if (per_second == 0) return 0;
  return std::max<uint64_t>(1, ticks_per_second / per_second);
}

}  // namespace

bool TokenBucket::Take(uint64_t now, uint64_t interval, uint64_t burst) {
  const uint64_t start = std::max(full_at_, now);
  if (start - now + interval > burst) return false;
  full_at_ = start + interval;
  return true;
}

bool InitLimiter::Rate::Take(TokenBucket* bucket, uint64_t now, uint64_t ticks_per_second) const {
  return interval != 0 && bucket->Take(now, interval, ticks_per_second);
}

InitLimiter::InitLimiter(const Options& options)
    : ticks_per_second_(options.ticks_per_second),
      seed_(options.seed),
      per_prefix_{Interval(options.ticks_per_second, options.inits_per_prefix)},
      per_endpoint_{Interval(options.ticks_per_second, options.inits_per_endpoint)},
      of_strangers_{Interval(options.ticks_per_second, options.inits_of_strangers)},
      of_endpoints_{Interval(options.ticks_per_second, options.inits_of_endpoints)},
      prefixes_(kSets),
      endpoints_(kSets) {
  assert(options.ticks_per_second > 0);
}

bool InitLimiter::Admit(uint64_t now, const IpAddress& source, const KnownEndpoints* known) {
  if (known != nullptr && known->Contains(source)) {
    return per_endpoint_.Take(Find(&endpoints_, Tag(source, 16)), now, ticks_per_second_) &&
           of_endpoints_.Take(&all_endpoints_, now, ticks_per_second_);
  }
  const uint32_t kept_bytes = source.is_v4() ? 12 + 3 : 6;  // /24 and /48
  // The prefix is asked first: what it refuses must not cost the other strangers a token.
  return per_prefix_.Take(Find(&prefixes_, Tag(source, kept_bytes)), now, ticks_per_second_) &&
         of_strangers_.Take(&strangers_, now, ticks_per_second_);
}

uint64_t InitLimiter::Tag(const IpAddress& source, uint32_t kept_bytes) const {
  std::array<uint8_t, 16> key = {};
  std::copy_n(source.bytes.begin(), kept_bytes, key.begin());
  std::array<uint8_t, crypto_shorthash_siphash24_BYTES> tag;
  crypto_shorthash_siphash24(tag.data(), key.data(), key.size(), seed_.data());
  return LoadRaw<uint64_t>(tag.data());
}

TokenBucket* InitLimiter::Find(std::vector<Set>* sets, uint64_t tag) {
  Set& set = (*sets)[tag % kSets];
  size_t victim = 0;
  for (size_t way = 0; way < kWays; ++way) {
    if (set.tags[way] == tag) return &set.buckets[way];
    // The bucket that is full soonest has the least to remember.
    if (set.buckets[way].full_at() < set.buckets[victim].full_at()) victim = way;
  }
  set.tags[victim] = tag;
  set.buckets[victim] = TokenBucket();
  return &set.buckets[victim];
}

}  // namespace noisegate::dataplane
