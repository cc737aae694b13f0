// Poly1305 (RFC 8439, 2.5) with a different message in every 64-bit lane, for CPUs that multiply 52
// by 52 bits and add (IFMA).
//
// A number modulo p = 2^130 - 5 is three limbs of 44, 44 and 42 bits. A step is h = h·r + m, as in
// poly1305_radix26.h. A product's low and high 52 bits come from two instructions, so each column
// is kept as a pair: low + 2^52·high.
//
// kGroups vectors go side by side, because one step is a chain of about 30 cycles' latency that
// fills only half of the multipliers.
#ifndef NOISEGATE_CRYPTO_LANES_POLY1305_RADIX44_H_
#define NOISEGATE_CRYPTO_LANES_POLY1305_RADIX44_H_

#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

template <typename IsaType, int kGroups>
class Poly1305Radix44 {
 public:
  using Isa = IsaType;
  using U64 = typename Isa::U64;
  static constexpr int kWidth = Isa::kWideLanes;
  static constexpr int kLanes = kWidth * kGroups;

  // As Poly1305Radix26's.
  [[gnu::always_inline]] inline void Start(const uint8_t* const keys[kLanes],
                                           const uint8_t* const first[kLanes],
                                           const uint64_t kept[kLanes]) {
    for (int g = 0; g < kGroups; ++g) {
      U64 lo, hi;
      Isa::Load16(keys + g * kWidth, lo, hi);
      // clamp(r): limbs below 2^44, 2^44 and 2^36.
      Split(lo & Isa::Broadcast64(0x0ffffffc0fffffff), hi & Isa::Broadcast64(0x0ffffffc0ffffffc),
            r_[g]);
      // 2^132 = 4·2^130 = 20 modulo p. Below 2^48.4 and 2^40.4.
      r20_[g][1] = (r_[g][1] << 4) + (r_[g][1] << 2);
      r20_[g][2] = (r_[g][2] << 4) + (r_[g][2] << 2);
      Isa::Load16(first + g * kWidth, lo, hi);
      Split(lo, hi, h_[g]);
      h_[g][2] |= Isa::Load64(kept + g * kWidth) << 40;
    }
  }

  [[gnu::always_inline]] inline void Step(const uint8_t* const rows[kLanes]) {
    for (int g = 0; g < kGroups; ++g) {
      U64 m[3];
      LoadBlock(rows + g * kWidth, m);
      MultiplyAdd(h_[g], r_[g], r20_[g], m);
    }
  }

  // Two blocks for every lane, at rows[l] and 16 bytes further.
  [[gnu::always_inline]] inline void StepTwice(const uint8_t* const rows[kLanes]) {
    const uint8_t* next[kLanes];
    for (int l = 0; l < kLanes; ++l) next[l] = rows[l] + 16;
    Step(rows);
    Step(next);
  }

  [[gnu::always_inline]] inline void StepWhere(uint64_t b, const uint64_t blocks[kLanes],
                                               const uint8_t* const rows[kLanes]) {
    for (int g = 0; g < kGroups; ++g) {
      const U64 before[3] = {h_[g][0], h_[g][1], h_[g][2]};
      const U64 mask = Isa::Less(Isa::Broadcast64(b), Isa::Load64(blocks + g * kWidth));
      U64 m[3];
      LoadBlock(rows + g * kWidth, m);
      MultiplyAdd(h_[g], r_[g], r20_[g], m);
      for (int i = 0; i < 3; ++i) h_[g][i] = Isa::Select(mask, h_[g][i], before[i]);
    }
  }

  [[gnu::always_inline]] inline void Finish(const uint8_t* const keys[kLanes],
                                            uint8_t* const tags[kLanes]) {
    for (int g = 0; g < kGroups; ++g) FinishGroup(g, keys + g * kWidth, tags + g * kWidth);
  }

 private:
  static U64 Mask44() { return Isa::Broadcast64((uint64_t{1} << 44) - 1); }
  static U64 Mask42() { return Isa::Broadcast64((uint64_t{1} << 42) - 1); }

  static void Split(U64 lo, U64 hi, U64 limbs[3]) {
    limbs[0] = lo & Mask44();
    limbs[1] = (lo >> 44 | hi << 20) & Mask44();
    limbs[2] = hi >> 24;
  }

  static void LoadBlock(const uint8_t* const rows[kWidth], U64 m[3]) {
    U64 lo, hi;
    Isa::Load16(rows, lo, hi);
    Split(lo, hi, m);
    m[2] |= Isa::Broadcast64(uint64_t{1} << 40);  // 2^128
  }

  // h = h·r + m. With h's limbs below 2^45, no factor has over 52 bits, a high half is below 2^42
  // and the sum of three below 2^43.6; the sum of three low halves and m is below 2^54. Carries:
  // below 2^51.6 + 2^10 out of limbs 0 and 1; out of limb 2, where products stay below 2^89.6,
  // below 2^51.1 even times 5.
  [[gnu::always_inline]] static inline void MultiplyAdd(U64 h[3], const U64 r[3], const U64 r20[3],
                                                        const U64 m[3]) {
    U64 low[3] = {m[0], m[1], m[2]};
    const U64 zero = Isa::Broadcast64(0);
    U64 high[3] = {zero, zero, zero};
    for (int j = 0; j < 3; ++j) {
      for (int i = 0; i < 3; ++i) {
        const U64 factor = j <= i ? r[i - j] : r20[3 + i - j];
        low[i] = Isa::MultiplyAddLow52(low[i], h[j], factor);
        high[i] = Isa::MultiplyAddHigh52(high[i], h[j], factor);
      }
    }
    low[1] += (low[0] >> 44) + (high[0] << 8);
    low[0] &= Mask44();
    low[2] += (low[1] >> 44) + (high[1] << 8);
    low[1] &= Mask44();
    const U64 top = (low[2] >> 42) + (high[2] << 10);
    low[2] &= Mask42();
    low[0] += top + (top << 2);
    low[1] += low[0] >> 44;  // below 2^44 + 2^8
    low[0] &= Mask44();
    for (int i = 0; i < 3; ++i) h[i] = low[i];
  }

  void FinishGroup(int g, const uint8_t* const keys[kWidth], uint8_t* const tags[kWidth]) {
    U64* const h = h_[g];
    const U64 zero = Isa::Broadcast64(0);
    const U64 none[3] = {zero, zero, zero};
    MultiplyAdd(h, r_[g], r20_[g], none);
    for (int round = 0; round < 2; ++round) {  // the second for what the first's 5 may carry
      h[2] += h[1] >> 44;
      h[1] &= Mask44();
      const U64 top = h[2] >> 42;
      h[2] &= Mask42();
      h[0] += top + (top << 2);
      h[1] += h[0] >> 44;
      h[0] &= Mask44();
    }
    h[2] += h[1] >> 44;
    h[1] &= Mask44();

    // h mod p is h - p where h + 5 reaches 2^130.
    U64 sum[3];
    sum[0] = h[0] + Isa::Broadcast64(5);
    sum[1] = h[1] + (sum[0] >> 44);
    sum[2] = h[2] + (sum[1] >> 44);
    const U64 reaches = zero - (sum[2] >> 42);
    h[0] = Isa::Select(reaches, sum[0] & Mask44(), h[0]);
    h[1] = Isa::Select(reaches, sum[1] & Mask44(), h[1]);
    h[2] = Isa::Select(reaches, sum[2] & Mask42(), h[2]);

    alignas(64) uint64_t low[kWidth], high[kWidth];
    Isa::Store64(low, h[0] | h[1] << 44);
    Isa::Store64(high, h[1] >> 20 | h[2] << 24);
    for (int l = 0; l < kWidth; ++l) {
      unsigned __int128 s;
      __builtin_memcpy(&s, keys[l] + 16, 16);
      const unsigned __int128 tag = ((unsigned __int128)high[l] << 64 | low[l]) + s;
      __builtin_memcpy(tags[l], &tag, 16);
    }
  }

  U64 h_[kGroups][3], r_[kGroups][3], r20_[kGroups][3];
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_POLY1305_RADIX44_H_
