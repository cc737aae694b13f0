// Which counters of a session have already been accepted.
#ifndef NOISEGATE_DATAPLANE_REPLAY_WINDOW_H_
#define NOISEGATE_DATAPLANE_REPLAY_WINDOW_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/header.h"

namespace noisegate::dataplane {

// Remembers which of the last kWindowSize counters were accepted (RFC 6479).
//
// Check() is a cheap filter before opening: a forged packet may carry any counter. Accept() follows
// a verified tag and is final: of two copies in one burst both pass Check(), and only the first
// Accept(). Counters from kCounterClose on are never accepted.
//
// The ring holds one block more than the window needs, so that moving the window on clears whole
// blocks and shifts nothing: at most kBlocks words, and only for a packet that was authentic.
//
// All zeros is a fresh window. Owned by one worker; not thread-safe.
class ReplayWindow {
 public:
  static constexpr uint64_t kRingSize = 8192;                      // bits
  static constexpr uint64_t kBlockSize = 64;                       // bits
  static constexpr uint64_t kWindowSize = kRingSize - kBlockSize;  // 8,128 counters behind the last

  // False where Accept() is certain to refuse.
  bool Check(uint64_t counter) const {
    if (counter >= kCounterClose) return false;
    if (counter > last_) return true;
    return last_ - counter <= kWindowSize && (Block(counter) & Bit(counter)) == 0;
  }

  // True, and remembered, where the counter is in or ahead of the window and new.
  bool Accept(uint64_t counter) {
    if (counter >= kCounterClose) return false;
    if (counter > last_) {
      MoveTo(counter);
    } else if (last_ - counter > kWindowSize) {
      return false;
    }
    uint64_t& block = ring_[(counter / kBlockSize) % kBlocks];
    const bool fresh = (block & Bit(counter)) == 0;
    block |= Bit(counter);
    return fresh;
  }

  // Asks the cache for what Check() and Accept() of this counter will touch, beside last().
  void Prefetch(uint64_t counter) const {
    __builtin_prefetch(&ring_[(counter / kBlockSize) % kBlocks], 1);
  }

  uint64_t last() const { return last_; }  // the highest accepted; 0 where none

 private:
  static constexpr uint64_t kBlocks = kRingSize / kBlockSize;
  static_assert((kBlocks & (kBlocks - 1)) == 0, "the ring is indexed by masking");

  static constexpr uint64_t Bit(uint64_t counter) { return uint64_t{1} << (counter % kBlockSize); }
  uint64_t Block(uint64_t counter) const { return ring_[(counter / kBlockSize) % kBlocks]; }

  void MoveTo(uint64_t counter) {
    const uint64_t from = last_ / kBlockSize;
    const uint64_t steps = std::min(counter / kBlockSize - from, kBlocks);
    for (uint64_t i = 1; i <= steps; ++i) ring_[(from + i) % kBlocks] = 0;
    last_ = counter;
  }

  uint64_t last_ = 0;
  std::array<uint64_t, kBlocks> ring_ = {};
};

static_assert(std::is_trivially_copyable_v<ReplayWindow>);
static_assert(sizeof(ReplayWindow) == 1024 + 8, "part of the memory budget of a session");

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_REPLAY_WINDOW_H_
