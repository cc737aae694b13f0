// Poly1305 (RFC 8439, 2.5) with a different message in every 64-bit lane, for CPUs that multiply 32
// by 32 bits.
//
// A number modulo p = 2^130 - 5 is five limbs of 26 bits, x = Σ limb[i]·2^(26 i). Limbs may run
// over 26 bits between carries; the bounds below say by how much.
//
// RFC 8439 adds a block and then multiplies, h = (h + m)·r. Here a step is h = h·r + m, with the
// last multiplication done by Finish(). The value is the same, and the first block costs nothing.
#ifndef NOISEGATE_CRYPTO_LANES_POLY1305_RADIX26_H_
#define NOISEGATE_CRYPTO_LANES_POLY1305_RADIX26_H_

#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

template <typename IsaType>
class Poly1305Radix26 {
 public:
  using Isa = IsaType;
  using U64 = typename Isa::U64;
  static constexpr int kLanes = Isa::kWideLanes;

  // keys[l]: lane l's 32-byte one-time key, r ‖ s. first[l]: its first 16 bytes. kept[l]: 2^128's
  // bit for that block, 1 if there is one, 0 to start from zero (first[l] is then all zeros).
  [[gnu::always_inline]] inline void Start(const uint8_t* const keys[kLanes],
                                           const uint8_t* const first[kLanes],
                                           const uint64_t kept[kLanes]) {
    U64 lo, hi;
    Isa::Load16(keys, lo, hi);
    // clamp(r): limbs of r stay below 2^26, and 5·r below 2^28.4.
    Split(lo & Isa::Broadcast64(0x0ffffffc0fffffff), hi & Isa::Broadcast64(0x0ffffffc0ffffffc), r_);
    TimesFive(r_, r5_);
    const U64 zero = Isa::Broadcast64(0);
    for (int i = 0; i < 5; ++i) r_squared_[i] = zero;
    MultiplyAdd(r_, r_, r5_, r_squared_);
    Carry(r_squared_);
    TimesFive(r_squared_, r_squared5_);
    Isa::Load16(first, lo, hi);
    Split(lo, hi, h_);
    h_[4] |= Isa::Load64(kept) << 24;
  }

  // One 16-byte block for every lane.
  [[gnu::always_inline]] inline void Step(const uint8_t* const rows[kLanes]) {
    U64 sum[5];
    LoadBlock(rows, sum);
    MultiplyAdd(h_, r_, r5_, sum);
    Carry(sum);
    for (int i = 0; i < 5; ++i) h_[i] = sum[i];
  }

  // Two blocks for every lane, at rows[l] and 16 bytes further: h = h·r² + m·r + m'. That saves a
  // carry, and m·r need not wait for the h before.
  [[gnu::always_inline]] inline void StepTwice(const uint8_t* const rows[kLanes]) {
    const uint8_t* next[kLanes];
    for (int l = 0; l < kLanes; ++l) next[l] = rows[l] + 16;
    U64 m[5], sum[5];
    LoadBlock(rows, m);
    LoadBlock(next, sum);
    MultiplyAdd(m, r_, r5_, sum);
    MultiplyAdd(h_, r_squared_, r_squared5_, sum);
    Carry(sum);
    for (int i = 0; i < 5; ++i) h_[i] = sum[i];
  }

  // As Step, but only for lanes that have a block number `b`: those where b < blocks[l].
  [[gnu::always_inline]] inline void StepWhere(uint64_t b, const uint64_t blocks[kLanes],
                                               const uint8_t* const rows[kLanes]) {
    const U64 mask = Isa::Less(Isa::Broadcast64(b), Isa::Load64(blocks));
    U64 before[5];
    for (int i = 0; i < 5; ++i) before[i] = h_[i];
    Step(rows);
    for (int i = 0; i < 5; ++i) h_[i] = Isa::Select(mask, h_[i], before[i]);
  }

  // tag = (h·r mod p) + s mod 2^128.
  [[gnu::always_inline]] inline void Finish(const uint8_t* const keys[kLanes],
                                            uint8_t* const tags[kLanes]) {
    const U64 zero = Isa::Broadcast64(0);
    U64 h[5] = {zero, zero, zero, zero, zero};
    MultiplyAdd(h_, r_, r5_, h);
    for (int i = 0; i < 3; ++i) Carry(h);  // now every limb is below 2^26, and h below 2^130

    // h mod p is h - p where h + 5 reaches 2^130. All lanes take both ways.
    U64 g[5];
    U64 carry = Isa::Broadcast64(5);
    for (int i = 0; i < 5; ++i) {
      g[i] = h[i] + carry;
      carry = g[i] >> 26;
      g[i] &= Mask();
    }
    const U64 reaches = zero - carry;  // carry is 0 or 1
    for (int i = 0; i < 5; ++i) h[i] = Isa::Select(reaches, g[i], h[i]);

    alignas(64) uint64_t low[kLanes], high[kLanes];
    Isa::Store64(low, h[0] | h[1] << 26 | h[2] << 52);
    Isa::Store64(high, h[2] >> 12 | h[3] << 14 | h[4] << 40);
    for (int l = 0; l < kLanes; ++l) {
      unsigned __int128 tag, s;
      __builtin_memcpy(&s, keys[l] + 16, 16);
      tag = ((unsigned __int128)high[l] << 64 | low[l]) + s;
      __builtin_memcpy(tags[l], &tag, 16);
    }
  }

 private:
  static U64 Mask() { return Isa::Broadcast64((1 << 26) - 1); }

  static void Split(U64 lo, U64 hi, U64 limbs[5]) {
    limbs[0] = lo & Mask();
    limbs[1] = (lo >> 26) & Mask();
    limbs[2] = (lo >> 52 | hi << 12) & Mask();
    limbs[3] = (hi >> 14) & Mask();
    limbs[4] = hi >> 40;
  }

  static void LoadBlock(const uint8_t* const rows[kLanes], U64 m[5]) {
    U64 lo, hi;
    Isa::Load16(rows, lo, hi);
    Split(lo, hi, m);
    m[4] |= Isa::Broadcast64(1 << 24);  // RFC 8439's "add one bit beyond the number of octets"
  }

  [[gnu::always_inline]] static inline void TimesFive(const U64 a[5], U64 five_a[5]) {
    for (int i = 0; i < 5; ++i) five_a[i] = a[i] + (a[i] << 2);
  }

  // sum += a·b, not yet carried. 2^(26·5) = 5 modulo p, so products that reach limb 5 and above
  // come back times 5.
  //
  // Limbs of `a` are below 2^27, of `b` below 2^26 + 2^7 and of 5·b below 2^28.4, so Multiply32,
  // which reads 32 bits of each, reads all; and a column of five products is below 2^57.8.
  [[gnu::always_inline]] static inline void MultiplyAdd(const U64 a[5], const U64 b[5],
                                                        const U64 b5[5], U64 sum[5]) {
    for (int i = 0; i < 5; ++i) {
      for (int j = 0; j < 5; ++j) {
        sum[i] += Isa::Multiply32(a[j], j <= i ? b[i - j] : b5[5 + i - j]);
      }
    }
  }

  // Two chains side by side, 3→4→0→1 and 0→1→2→3→4, over columns of two products and a block: below
  // 2^58.9. Afterwards limbs 0, 2 and 3 are below 2^26, and limbs 1 and 4 below 2^26 + 2^7: what
  // leaves limb 3 first is below 2^32.9; what leaves limb 4, whose products are not times 5, below
  // 2^31, and five times that below 2^33.4, of which less than 2^7.5 leaves limb 0.
  [[gnu::always_inline]] static inline void Carry(U64 h[5]) {
    const U64 mask = Mask();
    U64 a = h[3] >> 26, b = h[0] >> 26;
    h[3] &= mask, h[0] &= mask;
    h[4] += a, h[1] += b;
    a = h[4] >> 26, b = h[1] >> 26;
    h[4] &= mask, h[1] &= mask;
    h[0] += a + (a << 2), h[2] += b;
    a = h[0] >> 26, b = h[2] >> 26;
    h[0] &= mask, h[2] &= mask;
    h[1] += a, h[3] += b;
    a = h[3] >> 26;
    h[3] &= mask;
    h[4] += a;
  }

  U64 h_[5];
  U64 r_[5], r5_[5];                  // r and 5·r
  U64 r_squared_[5], r_squared5_[5];  // r² and 5·r², modulo p but not fully reduced
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_POLY1305_RADIX26_H_
