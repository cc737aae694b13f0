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
    for (int i = 0; i < 5; ++i) r5_[i] = r_[i] + (r_[i] << 2);
    Isa::Load16(first, lo, hi);
    Split(lo, hi, h_);
    h_[4] |= Isa::Load64(kept) << 24;
  }

  // One 16-byte block for every lane.
  [[gnu::always_inline]] inline void Step(const uint8_t* const rows[kLanes]) {
    U64 m[5];
    LoadBlock(rows, m);
    MultiplyAdd(m);
  }

  // As Step, but only lanes whose mask is all ones take part, and those whose mask is zero do not.
  [[gnu::always_inline]] inline void StepWhere(const uint64_t masks[kLanes],
                                               const uint8_t* const rows[kLanes]) {
    const U64 mask = Isa::Load64(masks);
    U64 before[5];
    for (int i = 0; i < 5; ++i) before[i] = h_[i];
    Step(rows);
    for (int i = 0; i < 5; ++i) h_[i] = Isa::Select(mask, h_[i], before[i]);
  }

  // tag = (h·r mod p) + s mod 2^128.
  [[gnu::always_inline]] inline void Finish(const uint8_t* const keys[kLanes],
                                            uint8_t* const tags[kLanes]) {
    const U64 zero = Isa::Broadcast64(0);
    const U64 none[5] = {zero, zero, zero, zero, zero};
    MultiplyAdd(none);
    Carry();
    Carry();  // now every limb is below 2^26, and h below 2^130

    // h mod p is h - p where h + 5 reaches 2^130. All lanes take both ways.
    U64 g[5];
    U64 carry = Isa::Broadcast64(5);
    for (int i = 0; i < 5; ++i) {
      g[i] = h_[i] + carry;
      carry = g[i] >> 26;
      g[i] &= Mask();
    }
    const U64 reaches = zero - carry;  // carry is 0 or 1
    for (int i = 0; i < 5; ++i) h_[i] = Isa::Select(reaches, g[i], h_[i]);

    alignas(64) uint64_t low[kLanes], high[kLanes];
    Isa::Store64(low, h_[0] | h_[1] << 26 | h_[2] << 52);
    Isa::Store64(high, h_[2] >> 12 | h_[3] << 14 | h_[4] << 40);
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

  // h = h·r + m. With h's limbs below 2^27, r's below 2^26 and 5·r's below 2^28.4, a column is a
  // sum of at most five products below 2^55.4 and m: below 2^57.8, far from 2^64. Multiply32 reads
  // 32 bits of a limb, and each has fewer.
  [[gnu::always_inline]] inline void MultiplyAdd(const U64 m[5]) {
    U64 d[5];
    for (int i = 0; i < 5; ++i) {
      d[i] = m[i];
      // 2^(26·5) = 5 modulo p, so products that reach limb 5 and above come back times 5.
      for (int j = 0; j < 5; ++j) {
        d[i] += Isa::Multiply32(h_[j], j <= i ? r_[i - j] : r5_[5 + i - j]);
      }
    }
    for (int i = 0; i < 5; ++i) h_[i] = d[i];
    Carry();
  }

  // Two chains side by side, 3→4→0→1 and 0→1→2→3→4. Afterwards limbs 0, 2 and 3 are below 2^26, and
  // limbs 1 and 4 below 2^26 + 2^7: the carry out of limb 4 is below 2^32, five times that below
  // 2^34.4, of which at most 2^9 leave limb 0.
  [[gnu::always_inline]] inline void Carry() {
    const U64 mask = Mask();
    U64 a = h_[3] >> 26, b = h_[0] >> 26;
    h_[3] &= mask, h_[0] &= mask;
    h_[4] += a, h_[1] += b;
    a = h_[4] >> 26, b = h_[1] >> 26;
    h_[4] &= mask, h_[1] &= mask;
    h_[0] += a + (a << 2), h_[2] += b;
    a = h_[0] >> 26, b = h_[2] >> 26;
    h_[0] &= mask, h_[2] &= mask;
    h_[1] += a, h_[3] += b;
    a = h_[3] >> 26;
    h_[3] &= mask;
    h_[4] += a;
  }

  U64 h_[5], r_[5], r5_[5];
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_POLY1305_RADIX26_H_
