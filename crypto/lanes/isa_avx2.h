// The vector operations that the lanes engine is written over, for AVX2: 8 lanes of 32 bits for
// ChaCha20, 4 lanes of 64 bits for Poly1305.
//
// Included only by files compiled with -mavx2. Like everything in this folder it calls no inline
// function of the standard library: the linker might keep the copy made here for the whole program,
// which must also run where AVX2 is missing.
#ifndef NOISEGATE_CRYPTO_LANES_ISA_AVX2_H_
#define NOISEGATE_CRYPTO_LANES_ISA_AVX2_H_

#include <immintrin.h>
#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

struct IsaAvx2 {
  // ChaCha20: one block in each lane.
  static constexpr int kLanes = 8;
  static constexpr int kGroups = 2;  // worked side by side
  typedef uint32_t U32 __attribute__((vector_size(32)));

  static U32 Broadcast(uint32_t v) { return (U32)_mm256_set1_epi32((int)v); }
  static U32 Load(const uint32_t* p) { return (U32)_mm256_load_si256((const __m256i*)p); }

  template <int n>
  static U32 RotateLeft(U32 x) {
    if constexpr (n == 16) {
      return ShuffleBytes(
          x, _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6,
                              7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    } else if constexpr (n == 8) {
      return ShuffleBytes(
          x, _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7,
                              4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
    } else {
      return (x << n) | (x >> (32 - n));
    }
  }

  // words[w] lane l = 32-bit word w of the 32 bytes at rows[l].
  static void LoadKeys(const uint8_t* const rows[kLanes], U32 words[8]) {
    for (int l = 0; l < kLanes; ++l) words[l] = (U32)_mm256_loadu_si256((const __m256i*)rows[l]);
    Transpose(words);
  }

  // A lane's 64 bytes of keystream.
  struct Block {
    __m256i half[2];
  };
  // words[w] lane l, 16 words of 8 lanes, to one block a lane.
  static void ToBlocks(U32 words[16], Block blocks[kLanes]) {
    Transpose(words);
    Transpose(words + 8);
    for (int l = 0; l < kLanes; ++l) blocks[l] = {{(__m256i)words[l], (__m256i)words[8 + l]}};
  }
  static void Xor64(const Block& block, uint8_t* text) {
    for (int i = 0; i < 2; ++i) {
      __m256i* const half = (__m256i*)(text + 32 * i);
      _mm256_storeu_si256(half, _mm256_xor_si256(_mm256_loadu_si256(half), block.half[i]));
    }
  }

  // Poly1305: one message in each lane.
  static constexpr int kWideLanes = 4;
  typedef uint64_t U64 __attribute__((vector_size(32)));

  static U64 Broadcast64(uint64_t v) { return (U64)_mm256_set1_epi64x((long long)v); }
  static U64 Load64(const uint64_t* p) { return (U64)_mm256_load_si256((const __m256i*)p); }
  static void Store64(uint64_t* p, U64 v) { _mm256_store_si256((__m256i*)p, (__m256i)v); }
  // Product of the low 32 bits of each lane.
  static U64 Multiply32(U64 a, U64 b) { return (U64)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
  // lo, hi lane l = the two little-endian words of the 16 bytes at rows[l].
  static void Load16(const uint8_t* const rows[kWideLanes], U64& lo, U64& hi) {
    const __m256i even = Join(rows[0], rows[2]);
    const __m256i odd = Join(rows[1], rows[3]);
    lo = (U64)_mm256_unpacklo_epi64(even, odd);
    hi = (U64)_mm256_unpackhi_epi64(even, odd);
  }
  // All ones in the lanes where a < b, zero in the others. Both are below 2^63.
  static U64 Less(U64 a, U64 b) {
    typedef int64_t I64 __attribute__((vector_size(sizeof(U64))));
    return (U64)((I64)a < (I64)b);
  }
  // Where the lane's bits are all ones `a`, where they are zero `b`.
  static U64 Select(U64 mask, U64 a, U64 b) { return (a & mask) | (b & ~mask); }

 private:
  static U32 ShuffleBytes(U32 x, __m256i order) {
    return (U32)_mm256_shuffle_epi8((__m256i)x, order);
  }
  static __m256i Join(const uint8_t* low, const uint8_t* high) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i*)low)),
                                   _mm_loadu_si128((const __m128i*)high), 1);
  }
  // An 8 by 8 matrix of 32-bit words: pairs, then quads, then halves change places.
  static void Transpose(U32 rows[8]) {
    __m256i* m = (__m256i*)rows;
    __m256i pair[8], quad[8];
    for (int i = 0; i < 8; i += 2) {
      pair[i] = _mm256_unpacklo_epi32(m[i], m[i + 1]);
      pair[i + 1] = _mm256_unpackhi_epi32(m[i], m[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
      quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
      quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
      quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
      m[i] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20);
      m[i + 4] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31);
    }
  }
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_ISA_AVX2_H_
