// ChaCha20 (RFC 8439, 2.3) with a different block in every lane.
//
// A *unit* is one 64-byte block of some message: any key, any nonce, any block number. A burst is
// written down as one run of units, message after message, so that lanes stay full whatever the
// lengths are: a 64-byte packet contributes two units, a 1,420-byte packet 24.
#ifndef NOISEGATE_CRYPTO_LANES_CHACHA20_H_
#define NOISEGATE_CRYPTO_LANES_CHACHA20_H_

#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

// The units of one pass, as arrays over lanes.
template <typename Isa>
struct UnitGroup {
  const uint8_t* key[Isa::kLanes];             // 32 bytes
  alignas(64) uint32_t block[Isa::kLanes];     // RFC 8439's block count
  alignas(64) uint32_t nonce[3][Isa::kLanes];  // by word
  const uint8_t* from[Isa::kLanes];            // `size` bytes are read here,
  uint8_t* to[Isa::kLanes];                    // XORed, and written here
  uint32_t size[Isa::kLanes];                  // 1 … 64
};

template <typename Isa>
[[gnu::always_inline]] inline void QuarterRound(typename Isa::U32& a, typename Isa::U32& b,
                                                typename Isa::U32& c, typename Isa::U32& d) {
  a += b, d = Isa::template RotateLeft<16>(d ^ a);
  c += d, b = Isa::template RotateLeft<12>(b ^ c);
  a += b, d = Isa::template RotateLeft<8>(d ^ a);
  c += d, b = Isa::template RotateLeft<7>(b ^ c);
}

// Ten times a column round and a diagonal round.
template <typename Isa>
[[gnu::always_inline]] inline void TwentyRounds(typename Isa::U32 x[16]) {
  for (int i = 0; i < 10; ++i) {
    QuarterRound<Isa>(x[0], x[4], x[8], x[12]);
    QuarterRound<Isa>(x[1], x[5], x[9], x[13]);
    QuarterRound<Isa>(x[2], x[6], x[10], x[14]);
    QuarterRound<Isa>(x[3], x[7], x[11], x[15]);
    QuarterRound<Isa>(x[0], x[5], x[10], x[15]);
    QuarterRound<Isa>(x[1], x[6], x[11], x[12]);
    QuarterRound<Isa>(x[2], x[7], x[8], x[13]);
    QuarterRound<Isa>(x[3], x[4], x[9], x[14]);
  }
}

// XORs a last block shorter than 64 bytes, through a copy, so that nothing beyond it is touched.
template <typename Isa>
inline void XorPartial(const typename Isa::Block& block, const uint8_t* from, uint8_t* to,
                       uint32_t size) {
  alignas(64) uint8_t copy[64];
  __builtin_memcpy(copy, from, size);
  Isa::Xor64(block, copy, copy);
  __builtin_memcpy(to, copy, size);
}

// Works every unit of the group.
template <typename Isa>
inline void XorUnits(const UnitGroup<Isa>& group) {
  using U32 = typename Isa::U32;
  U32 key[8];
  Isa::LoadKeys(group.key, key);
  const U32 constant[4] = {Isa::Broadcast(0x61707865), Isa::Broadcast(0x3320646e),
                           Isa::Broadcast(0x79622d32), Isa::Broadcast(0x6b206574)};
  const U32 block = Isa::Load(group.block);

  U32 x[16];
  for (int i = 0; i < 4; ++i) x[i] = constant[i];
  for (int i = 0; i < 8; ++i) x[4 + i] = key[i];
  x[12] = block;
  for (int i = 0; i < 3; ++i) x[13 + i] = Isa::Load(group.nonce[i]);
  TwentyRounds<Isa>(x);
  for (int i = 0; i < 4; ++i) x[i] += constant[i];
  for (int i = 0; i < 8; ++i) x[4 + i] += key[i];
  x[12] += block;
  for (int i = 0; i < 3; ++i) x[13 + i] += Isa::Load(group.nonce[i]);

  typename Isa::Block blocks[Isa::kLanes];
  Isa::ToBlocks(x, blocks);
  for (int l = 0; l < Isa::kLanes; ++l) {
    if (group.size[l] == 64) {
      Isa::Xor64(blocks[l], group.from[l], group.to[l]);
    } else {
      XorPartial<Isa>(blocks[l], group.from[l], group.to[l], group.size[l]);
    }
  }
}

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_CHACHA20_H_
