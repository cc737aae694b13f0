// Stands in for the compiler's <immintrin.h>: the AVX-512 operations that crypto/lanes/isa_avx512.h
// is made of, done element by element as Intel's manual defines them. So that file itself, not a
// likeness of it, is tested on every CPU.
#ifndef NOISEGATE_TESTS_CRYPTO_LANES_EMULATED_IMMINTRIN_H_
#define NOISEGATE_TESTS_CRYPTO_LANES_EMULATED_IMMINTRIN_H_

#include <cstdint>

typedef long long __m128i __attribute__((vector_size(16), may_alias));
typedef long long __m256i __attribute__((vector_size(32), may_alias));
typedef long long __m512i __attribute__((vector_size(64), may_alias));

namespace {

template <typename T>
T LoadVector(const void* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// A vector as its elements, and back.
template <typename T>
struct Elements {
  Elements() = default;
  explicit Elements(__m512i value) { __builtin_memcpy(at, &value, sizeof at); }
  __m512i Vector() const { return LoadVector<__m512i>(at); }
  T at[64 / sizeof(T)];
};
using E32 = Elements<uint32_t>;
using E64 = Elements<uint64_t>;
struct Part128 {
  uint32_t words[4];
};
using E128 = Elements<Part128>;

inline __m128i _mm_loadu_si128(const __m128i* from) { return LoadVector<__m128i>(from); }
inline __m256i _mm256_loadu_si256(const __m256i* from) { return LoadVector<__m256i>(from); }
inline __m512i _mm512_loadu_si512(const void* from) { return LoadVector<__m512i>(from); }
inline __m512i _mm512_load_si512(const void* from) {
  if (reinterpret_cast<uintptr_t>(from) % 64 != 0) __builtin_trap();  // as the CPU would
  return LoadVector<__m512i>(from);
}
inline void _mm512_storeu_si512(void* to, __m512i v) { __builtin_memcpy(to, &v, sizeof v); }
inline void _mm512_store_si512(void* to, __m512i v) {
  if (reinterpret_cast<uintptr_t>(to) % 64 != 0) __builtin_trap();
  __builtin_memcpy(to, &v, sizeof v);
}

inline __m512i _mm512_set1_epi32(int value) {
  E32 out;
  for (uint32_t& e : out.at) e = static_cast<uint32_t>(value);
  return out.Vector();
}
inline __m512i _mm512_set1_epi64(long long value) {
  E64 out;
  for (uint64_t& e : out.at) e = static_cast<uint64_t>(value);
  return out.Vector();
}
inline __m512i _mm512_setr_epi64(long long a, long long b, long long c, long long d, long long e,
                                 long long f, long long g, long long h) {
  return __m512i{a, b, c, d, e, f, g, h};
}
// The casts leave the upper part undefined; this is as good as anything.
inline __m512i _mm512_castsi128_si512(__m128i v) {
  __m512i out = _mm512_set1_epi32(0x5ca1ab1e);
  __builtin_memcpy(&out, &v, sizeof v);
  return out;
}
inline __m512i _mm512_castsi256_si512(__m256i v) {
  __m512i out = _mm512_set1_epi32(0x5ca1ab1e);
  __builtin_memcpy(&out, &v, sizeof v);
  return out;
}

inline __m512i _mm512_inserti32x4(__m512i a, __m128i b, int part) {
  E128 out(a);
  __builtin_memcpy(&out.at[part & 3], &b, sizeof b);
  return out.Vector();
}
inline __m512i _mm512_inserti64x4(__m512i a, __m256i b, int half) {
  E128 out(a);
  __builtin_memcpy(&out.at[2 * (half & 1)], &b, sizeof b);
  return out.Vector();
}
inline __m512i _mm512_shuffle_i32x4(__m512i a, __m512i b, int order) {
  const E128 from[2] = {E128(a), E128(b)};
  E128 out;
  for (int i = 0; i < 4; ++i) out.at[i] = from[i / 2].at[(order >> (2 * i)) & 3];
  return out.Vector();
}
inline __m512i _mm512_permutex2var_epi64(__m512i a, __m512i index, __m512i b) {
  const E64 from[2] = {E64(a), E64(b)};
  const E64 i(index);
  E64 out;
  for (int k = 0; k < 8; ++k) out.at[k] = from[(i.at[k] >> 3) & 1].at[i.at[k] & 7];
  return out.Vector();
}

// In each 128-bit part, the elements from `first` on, of a and b in turn.
template <typename T>
__m512i Unpack(__m512i a, __m512i b, int first) {
  const Elements<T> x(a), y(b);
  constexpr int kPerPart = 16 / sizeof(T);
  Elements<T> out;
  for (int part = 0; part < 4; ++part) {
    for (int i = 0; i < kPerPart; ++i) {
      const int from = part * kPerPart + first + i / 2;
      out.at[part * kPerPart + i] = i % 2 == 0 ? x.at[from] : y.at[from];
    }
  }
  return out.Vector();
}
inline __m512i _mm512_unpacklo_epi32(__m512i a, __m512i b) { return Unpack<uint32_t>(a, b, 0); }
inline __m512i _mm512_unpackhi_epi32(__m512i a, __m512i b) { return Unpack<uint32_t>(a, b, 2); }
inline __m512i _mm512_unpacklo_epi64(__m512i a, __m512i b) { return Unpack<uint64_t>(a, b, 0); }
inline __m512i _mm512_unpackhi_epi64(__m512i a, __m512i b) { return Unpack<uint64_t>(a, b, 1); }

inline __m512i _mm512_xor_si512(__m512i a, __m512i b) { return a ^ b; }
inline __m512i _mm512_rol_epi32(__m512i a, int count) {
  E32 out(a);
  for (uint32_t& e : out.at) e = e << (count & 31) | e >> (-count & 31);
  return out.Vector();
}
inline __m512i _mm512_ternarylogic_epi64(__m512i a, __m512i b, __m512i c, int truth_table) {
  __m512i out = {};
  for (int row = 0; row < 8; ++row) {
    if ((truth_table >> row & 1) == 0) continue;
    out |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
  }
  return out;
}

// sum + the 52 bits from bit `from` on of the product of the low 52 bits.
inline __m512i MultiplyAdd52(__m512i sum, __m512i a, __m512i b, int from) {
  constexpr uint64_t kLow52 = (uint64_t{1} << 52) - 1;
  const E64 x(a), y(b);
  E64 out(sum);
  for (int i = 0; i < 8; ++i) {
    const unsigned __int128 product =
        static_cast<unsigned __int128>(x.at[i] & kLow52) * (y.at[i] & kLow52);
    out.at[i] += static_cast<uint64_t>(product >> from) & kLow52;
  }
  return out.Vector();
}
inline __m512i _mm512_madd52lo_epu64(__m512i sum, __m512i a, __m512i b) {
  return MultiplyAdd52(sum, a, b, 0);
}
inline __m512i _mm512_madd52hi_epu64(__m512i sum, __m512i a, __m512i b) {
  return MultiplyAdd52(sum, a, b, 52);
}

}  // namespace

#endif  // NOISEGATE_TESTS_CRYPTO_LANES_EMULATED_IMMINTRIN_H_
