// How many handshake inits a worker lets through to the control thread.
//
// An init costs its sender 36 bytes and us a key exchange, and its source may be forged. So:
//   - a configured endpoint has a budget of its own, which strangers cannot touch;
//   - a stranger is held against its prefix's budget (IPv4 /24, IPv6 /48), because whoever has one
//     address of a prefix has them all;
//   - and all strangers together against one more, because forged sources come from any prefix, as all
//     endpoints together against another, because those can be forged as well.
#ifndef NOISEGATE_DATAPLANE_INIT_LIMITER_H_
#define NOISEGATE_DATAPLANE_INIT_LIMITER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "dataplane/address.h"

namespace noisegate::dataplane {

// Whose inits have a budget of their own. Immutable, so that the control thread can publish a new
// one while workers read the old.
class KnownEndpoints {
 public:
  explicit KnownEndpoints(std::span<const IpAddress> addresses)
      : addresses_(addresses.begin(), addresses.end()) {}
  bool Contains(const IpAddress& address) const { return addresses_.contains(address); }

 private:
  const absl::flat_hash_set<IpAddress> addresses_;
};

// A rate and one second's worth of burst, as the time at which the bucket will be full again (the
// generic cell rate algorithm, ITU-T I.371). All zeros is a full bucket.
class TokenBucket {
 public:
  // Takes a token if there is one. `interval`: ticks per token; `burst`: ticks from empty to full.
  bool Take(uint64_t now, uint64_t interval, uint64_t burst);
  uint64_t full_at() const { return full_at_; }

 private:
  uint64_t full_at_ = 0;  // ticks
};

// Owned by one worker. Takes its memory when made; Admit() allocates nothing.
class InitLimiter {
 public:
  struct Options {
    uint64_t ticks_per_second = 0;   // of the clock that `now` is read from (the TSC)
    uint32_t inits_per_prefix = 20;  // per second, as the next ones; 0 admits none
    uint32_t inits_per_endpoint = 200;
    uint32_t inits_of_strangers = 2000;
    uint32_t inits_of_endpoints = 5000;
    // Random. Without it nobody can aim at the table's collisions.
    std::array<uint8_t, 16> seed = {};
  };
  explicit InitLimiter(const Options& options);

  // Whether to pass on an init that came from `source` at `now` (ticks). `known` may be null.
  bool Admit(uint64_t now, const IpAddress& source, const KnownEndpoints* known);

 private:
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 1024;  // 4,096 prefixes are told apart at a time

  struct alignas(64) Set {
    std::array<uint64_t, kWays> tags = {};
    std::array<TokenBucket, kWays> buckets = {};
  };
  struct Rate {
    uint64_t interval = 0;  // ticks
    bool Take(TokenBucket* bucket, uint64_t now, uint64_t ticks_per_second) const;
  };

  // The bucket that stands for `key`, taken from the one that loses least where it has none.
  static TokenBucket* Find(std::vector<Set>* sets, uint64_t tag);
  uint64_t Tag(const IpAddress& source, uint32_t kept_bytes) const;

  const uint64_t ticks_per_second_;
  const std::array<uint8_t, 16> seed_;
  const Rate per_prefix_, per_endpoint_, of_strangers_, of_endpoints_;
  TokenBucket strangers_, all_endpoints_;
  // Apart, so that no stranger can push an endpoint's bucket out.
  std::vector<Set> prefixes_;
  std::vector<Set> endpoints_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_INIT_LIMITER_H_
