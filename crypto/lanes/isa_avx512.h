// The vector operations that the lanes engine is written over, for AVX-512 (F, BW, VL) with IFMA:
// 16 lanes of 32 bits for ChaCha20, 8 lanes of 64 bits for Poly1305. See isa_avx2.h.
#ifndef NOISEGATE_CRYPTO_LANES_ISA_AVX512_H_
#define NOISEGATE_CRYPTO_LANES_ISA_AVX512_H_

#include <immintrin.h>
#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

struct IsaAvx512 {
  static constexpr int kLanes = 16;
  static constexpr int kGroups = 1;
  typedef uint32_t U32 __attribute__((vector_size(64)));

  static U32 Broadcast(uint32_t v) { return (U32)_mm512_set1_epi32((int)v); }
  static U32 Load(const uint32_t* p) { return (U32)_mm512_load_si512(p); }

  template <int n>
  static U32 RotateLeft(U32 x) {
    return (U32)_mm512_rol_epi32((__m512i)x, n);
  }

  static void LoadKeys(const uint8_t* const rows[kLanes], U32 words[8]) {
    __m512i m[8], quad[8];
    for (int l = 0; l < 8; ++l) {
      m[l] = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i*)rows[l])),
                                _mm256_loadu_si256((const __m256i*)rows[8 + l]), 1);
    }
    TransposeQuads(m, quad);
    TransposeQuads(m + 4, quad + 4);
    // quad[i] holds, in its 128-bit parts, words i, 4+i of rows 0-3 and of rows 8-11; quad[4+i]
    // those of rows 4-7 and 12-15.
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i second = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    for (int i = 0; i < 4; ++i) {
      words[i] = (U32)_mm512_permutex2var_epi64(quad[i], first, quad[4 + i]);
      words[4 + i] = (U32)_mm512_permutex2var_epi64(quad[i], second, quad[4 + i]);
    }
  }

  struct Block {
    __m512i whole;
  };
  static void ToBlocks(U32 words[16], Block blocks[kLanes]) {
    __m512i quad[16];
    for (int g = 0; g < 16; g += 4) TransposeQuads((__m512i*)words + g, quad + g);
    // quad[4g+j] holds, in its 128-bit part k, words 4g … 4g+3 of lane 4k+j.
    for (int j = 0; j < 4; ++j) {
      const __m512i a = _mm512_shuffle_i32x4(quad[j], quad[4 + j], 0x44);  // parts 0, 1
      const __m512i b = _mm512_shuffle_i32x4(quad[8 + j], quad[12 + j], 0x44);
      const __m512i c = _mm512_shuffle_i32x4(quad[j], quad[4 + j], 0xee);  // parts 2, 3
      const __m512i d = _mm512_shuffle_i32x4(quad[8 + j], quad[12 + j], 0xee);
      blocks[j].whole = _mm512_shuffle_i32x4(a, b, 0x88);
      blocks[4 + j].whole = _mm512_shuffle_i32x4(a, b, 0xdd);
      blocks[8 + j].whole = _mm512_shuffle_i32x4(c, d, 0x88);
      blocks[12 + j].whole = _mm512_shuffle_i32x4(c, d, 0xdd);
    }
  }
  static void Xor64(const Block& block, uint8_t* text) {
    _mm512_storeu_si512(text, _mm512_xor_si512(_mm512_loadu_si512(text), block.whole));
  }

  static constexpr int kWideLanes = 8;
  typedef uint64_t U64 __attribute__((vector_size(64)));

  static U64 Broadcast64(uint64_t v) { return (U64)_mm512_set1_epi64((long long)v); }
  static U64 Load64(const uint64_t* p) { return (U64)_mm512_load_si512(p); }
  static void Store64(uint64_t* p, U64 v) { _mm512_store_si512(p, (__m512i)v); }
  static void Load16(const uint8_t* const rows[kWideLanes], U64& lo, U64& hi) {
    const __m512i even = Join(rows[0], rows[2], rows[4], rows[6]);
    const __m512i odd = Join(rows[1], rows[3], rows[5], rows[7]);
    lo = (U64)_mm512_unpacklo_epi64(even, odd);
    hi = (U64)_mm512_unpackhi_epi64(even, odd);
  }
  // All ones in the lanes where a < b, zero in the others. Both are below 2^63.
  static U64 Less(U64 a, U64 b) {
    typedef int64_t I64 __attribute__((vector_size(sizeof(U64))));
    return (U64)((I64)a < (I64)b);
  }
  static U64 Select(U64 mask, U64 a, U64 b) {
    return (U64)_mm512_ternarylogic_epi64((__m512i)mask, (__m512i)a, (__m512i)b, 0xca);
  }
  // sum + the low (high) 52 bits of the product of the low 52 bits of each lane.
  static U64 MultiplyAddLow52(U64 sum, U64 a, U64 b) {
    return (U64)_mm512_madd52lo_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
  }
  static U64 MultiplyAddHigh52(U64 sum, U64 a, U64 b) {
    return (U64)_mm512_madd52hi_epu64((__m512i)sum, (__m512i)a, (__m512i)b);
  }

 private:
  // In each 128-bit part: a 4 by 4 matrix of 32-bit words changes rows for columns.
  static void TransposeQuads(const __m512i in[4], __m512i out[4]) {
    const __m512i a = _mm512_unpacklo_epi32(in[0], in[1]);
    const __m512i b = _mm512_unpackhi_epi32(in[0], in[1]);
    const __m512i c = _mm512_unpacklo_epi32(in[2], in[3]);
    const __m512i d = _mm512_unpackhi_epi32(in[2], in[3]);
    out[0] = _mm512_unpacklo_epi64(a, c);
    out[1] = _mm512_unpackhi_epi64(a, c);
    out[2] = _mm512_unpacklo_epi64(b, d);
    out[3] = _mm512_unpackhi_epi64(b, d);
  }
  static __m512i Join(const uint8_t* a, const uint8_t* b, const uint8_t* c, const uint8_t* d) {
    __m512i all = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i*)a));
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i*)b), 1);
    all = _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i*)c), 2);
    return _mm512_inserti32x4(all, _mm_loadu_si128((const __m128i*)d), 3);
  }
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_ISA_AVX512_H_
