// ChaCha20 (RFC 8439, 2.3) with a different block in every lane.
//
// A *unit* is one 64-byte block of some message: any key, any nonce, any block count. A burst is
// written down as one run of units, so that lanes stay full whatever the lengths are: a 64-byte
// packet contributes two units, a 1,420-byte packet 24.
#ifndef NOISEGATE_CRYPTO_LANES_CHACHA20_H_
#define NOISEGATE_CRYPTO_LANES_CHACHA20_H_

#include <cstdint>

#include "crypto/lanes/chunk.h"

namespace noisegate::crypto::lanes {
namespace {

// As many units as are worked in one pass, as arrays over units.
template <typename Isa>
struct Units {
  static constexpr int kMax = Isa::kLanes * Isa::kGroups;
  const uint8_t* key[kMax];             // 32 bytes
  alignas(64) uint32_t block[kMax];     // RFC 8439's block count
  alignas(64) uint32_t nonce[3][kMax];  // by word
  uint8_t* text[kMax];                  // `size` bytes, XORed in place
  uint32_t size[kMax];                  // 1 … 64; where less than 64, 16 more may be read
};

template <typename Isa>
[[gnu::always_inline]] inline void QuarterRound(typename Isa::U32& a, typename Isa::U32& b,
                                                typename Isa::U32& c, typename Isa::U32& d) {
  a += b, d = Isa::template RotateLeft<16>(d ^ a);
  c += d, b = Isa::template RotateLeft<12>(b ^ c);
  a += b, d = Isa::template RotateLeft<8>(d ^ a);
  c += d, b = Isa::template RotateLeft<7>(b ^ c);
}

template <typename Isa>
[[gnu::always_inline]] inline void ColumnRound(typename Isa::U32 x[16]) {
  for (int i = 0; i < 4; ++i) QuarterRound<Isa>(x[i], x[4 + i], x[8 + i], x[12 + i]);
}

template <typename Isa>
[[gnu::always_inline]] inline void DiagonalRound(typename Isa::U32 x[16]) {
  for (int i = 0; i < 4; ++i) {
    QuarterRound<Isa>(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
  }
}

// The state before the rounds, of the units from `first` on.
template <typename Isa>
[[gnu::always_inline]] inline void LoadState(const Units<Isa>& units, int first,
                                             typename Isa::U32 x[16]) {
  x[0] = Isa::Broadcast(0x61707865);
  x[1] = Isa::Broadcast(0x3320646e);
  x[2] = Isa::Broadcast(0x79622d32);
  x[3] = Isa::Broadcast(0x6b206574);
  Isa::LoadKeys(units.key + first, x + 4);
  x[12] = Isa::Load(units.block + first);
  for (int i = 0; i < 3; ++i) x[13 + i] = Isa::Load(units.nonce[i] + first);
}

// XORs `size` < 64 bytes, 16 at a time. What is read and written beyond them stays as it is.
inline void XorPartial(const uint8_t* keystream, uint8_t* text, uint32_t size) {
  for (uint32_t at = 0; at < size; at += kChunkSize) {
    StoreChunk(LoadChunk(text + at) ^ LoadFirst(keystream + at, size - at), text + at);
  }
}

// Works kGroups × Isa::kLanes units. A double round of one group is a chain of 28 cycles' latency or
// more and fills half of what a core can do; so, where there are two, theirs alternate.
template <typename Isa, int kGroups>
inline void XorGroups(const Units<Isa>& units) {
  typename Isa::U32 start[kGroups][16], x[kGroups][16];
  for (int g = 0; g < kGroups; ++g) {
    LoadState<Isa>(units, g * Isa::kLanes, start[g]);
    for (int i = 0; i < 16; ++i) x[g][i] = start[g][i];
  }
  for (int i = 0; i < 10; ++i) {
    for (int g = 0; g < kGroups; ++g) ColumnRound<Isa>(x[g]);
    for (int g = 0; g < kGroups; ++g) DiagonalRound<Isa>(x[g]);
  }
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < 16; ++i) x[g][i] += start[g][i];
    typename Isa::Block blocks[Isa::kLanes];
    Isa::ToBlocks(x[g], blocks);
    for (int l = 0; l < Isa::kLanes; ++l) {
      const int u = g * Isa::kLanes + l;
      if (units.size[u] == 64) {
        Isa::Xor64(blocks[l], units.text[u]);
      } else {
        XorPartial(reinterpret_cast<const uint8_t*>(&blocks[l]), units.text[u], units.size[u]);
      }
    }
  }
}

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_CHACHA20_H_
