// The same operations as isa_avx512.h, lane by lane in plain C++: slow, for every CPU. The tests
// run the 16-lane code over it where the CPU has no AVX-512.
#ifndef NOISEGATE_TESTS_CRYPTO_LANES_ISA_PORTABLE_H_
#define NOISEGATE_TESTS_CRYPTO_LANES_ISA_PORTABLE_H_

#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

struct IsaPortable {
  static constexpr int kLanes = 16;
  static constexpr int kGroups = 1;
  typedef uint32_t U32 __attribute__((vector_size(64)));

  static U32 Broadcast(uint32_t v) { return U32{} + v; }
  static U32 Load(const uint32_t* p) {
    U32 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  template <int n>
  static U32 RotateLeft(U32 x) {
    return (x << n) | (x >> (32 - n));
  }
  static void LoadKeys(const uint8_t* const rows[kLanes], U32 words[8]) {
    for (int l = 0; l < kLanes; ++l) {
      for (int w = 0; w < 8; ++w) {
        uint32_t word;
        __builtin_memcpy(&word, rows[l] + 4 * w, 4);
        words[w][l] = word;
      }
    }
  }
  struct Block {
    uint8_t bytes[64];
  };
  static void ToBlocks(U32 words[16], Block blocks[kLanes]) {
    for (int l = 0; l < kLanes; ++l) {
      for (int w = 0; w < 16; ++w) {
        const uint32_t word = words[w][l];
        __builtin_memcpy(blocks[l].bytes + 4 * w, &word, 4);
      }
    }
  }
  static void Xor64(const Block& block, uint8_t* text) {
    for (int i = 0; i < 64; ++i) text[i] ^= block.bytes[i];
  }

  static constexpr int kWideLanes = 8;
  typedef uint64_t U64 __attribute__((vector_size(64)));

  static U64 Broadcast64(uint64_t v) { return U64{} + v; }
  static U64 Load64(const uint64_t* p) {
    U64 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static void Store64(uint64_t* p, U64 v) { __builtin_memcpy(p, &v, sizeof v); }
  static void Load16(const uint8_t* const rows[kWideLanes], U64& lo, U64& hi) {
    for (int l = 0; l < kWideLanes; ++l) {
      uint64_t words[2];
      __builtin_memcpy(words, rows[l], 16);
      lo[l] = words[0];
      hi[l] = words[1];
    }
  }
  // All ones in the lanes where a < b, zero in the others. Both are below 2^63.
  static U64 Less(U64 a, U64 b) {
    typedef int64_t I64 __attribute__((vector_size(sizeof(U64))));
    return (U64)((I64)a < (I64)b);
  }
  static U64 Select(U64 mask, U64 a, U64 b) { return (a & mask) | (b & ~mask); }
  static U64 MultiplyAddLow52(U64 sum, U64 a, U64 b) {
    for (int l = 0; l < kWideLanes; ++l) sum[l] += (uint64_t)Product(a[l], b[l]) & kMask52;
    return sum;
  }
  static U64 MultiplyAddHigh52(U64 sum, U64 a, U64 b) {
    for (int l = 0; l < kWideLanes; ++l) sum[l] += (uint64_t)(Product(a[l], b[l]) >> 52);
    return sum;
  }

 private:
  static constexpr uint64_t kMask52 = (uint64_t{1} << 52) - 1;
  static unsigned __int128 Product(uint64_t a, uint64_t b) {
    return (unsigned __int128)(a & kMask52) * (b & kMask52);
  }
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_TESTS_CRYPTO_LANES_ISA_PORTABLE_H_
