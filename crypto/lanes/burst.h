// Seals and opens a burst over lanes: ChaCha20 of all messages as one run of units, then Poly1305
// of groups of messages (the other way round for opening).
#ifndef NOISEGATE_CRYPTO_LANES_ENGINE_H_
#define NOISEGATE_CRYPTO_LANES_ENGINE_H_

#include "crypto/lanes/chacha20.h"
#include "crypto/lanes/kernel.h"

namespace noisegate::crypto::lanes {
namespace {

// WidePoly takes the messages as long as more are left than fit NarrowPoly.
template <typename Isa, typename WidePoly, typename NarrowPoly>
class Burst {
 public:
  // n ≤ kMaxBurst, for both.
  static void Seal(AeadMessage* messages, int n, Scratch& scratch) {
    UnitRun run(scratch);
    for (int i = 0; i < n; ++i) {
      run.OneTimeKey(messages[i], scratch.one_time_key[i]);
      run.Text(messages[i]);
    }
    run.Finish();
    Authenticate(messages, n, scratch);
    for (int i = 0; i < n; ++i) {
      __builtin_memcpy(messages[i].text + messages[i].text_size, scratch.tag[i], 16);
    }
  }

  // Judges every tag before any text is touched.
  static void Open(AeadMessage* messages, int n, Scratch& scratch) {
    UnitRun keys(scratch);
    for (int i = 0; i < n; ++i) keys.OneTimeKey(messages[i], scratch.one_time_key[i]);
    keys.Finish();
    Authenticate(messages, n, scratch);
    UnitRun texts(scratch);
    for (int i = 0; i < n; ++i) {
      messages[i].ok = Equal16(scratch.tag[i], messages[i].text + messages[i].text_size);
      if (messages[i].ok) texts.Text(messages[i]);
    }
    texts.Finish();
  }

 private:
  // In constant time.
  static bool Equal16(const uint8_t* a, const uint8_t* b) {
    uint64_t x[2], y[2];
    __builtin_memcpy(x, a, 16);
    __builtin_memcpy(y, b, 16);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }

  // Collects units and works them whenever every lane has one.
  class UnitRun {
   public:
    explicit UnitRun(Scratch& scratch) : scratch_(scratch) {}

    // Block 0 is Poly1305's one-time key (RFC 8439, 2.6): keystream, so XORed with zeros.
    void OneTimeKey(const AeadMessage& m, uint8_t* to) { Add(m, 0, scratch_.zeros, to, 64); }

    void Text(const AeadMessage& m) {
      uint32_t block = 1;
      for (uint32_t at = 0; at < m.text_size; at += 64, ++block) {
        const uint32_t left = m.text_size - at;
        Add(m, block, m.text + at, m.text + at, left < 64 ? left : 64);
      }
    }

    void Finish() {
      if (used_ == 0) return;
      const int real = used_;
      // Idle lanes repeat the last unit's key and write nowhere that matters.
      for (int l = real; l < Isa::kLanes; ++l) {
        group_.key[l] = group_.key[real - 1];
        group_.block[l] = 0;
        for (int i = 0; i < 3; ++i) group_.nonce[i][l] = 0;
        group_.from[l] = scratch_.zeros;
        group_.to[l] = scratch_.sink;
        group_.size[l] = 64;
      }
      XorUnits<Isa>(group_);
      used_ = 0;
    }

   private:
    [[gnu::always_inline]] inline void Add(const AeadMessage& m, uint32_t block,
                                           const uint8_t* from, uint8_t* to, uint32_t size) {
      const int l = used_;
      group_.key[l] = m.key;
      group_.block[l] = block;
      group_.nonce[0][l] = m.nonce_prefix;
      group_.nonce[1][l] = static_cast<uint32_t>(m.counter);
      group_.nonce[2][l] = static_cast<uint32_t>(m.counter >> 32);
      group_.from[l] = from;
      group_.to[l] = to;
      group_.size[l] = size;
      if (++used_ == Isa::kLanes) {
        XorUnits<Isa>(group_);
        used_ = 0;
      }
    }

    Scratch& scratch_;
    UnitGroup<Isa> group_;
    int used_ = 0;
  };

  // Messages sorted by length, so that the lanes of a group run about equally long.
  static void Authenticate(const AeadMessage* messages, int n, Scratch& scratch) {
    SortByLength(messages, n, scratch.order);
    int done = 0;
    for (; n - done > NarrowPoly::kLanes; done += WidePoly::kLanes) {
      AuthenticateGroup<WidePoly>(messages, scratch.order + done, n - done, scratch);
    }
    for (; done < n; done += NarrowPoly::kLanes) {
      AuthenticateGroup<NarrowPoly>(messages, scratch.order + done, n - done, scratch);
    }
  }

  // Insertion sort: linear where the lengths are equal or in order already, and n is small.
  static void SortByLength(const AeadMessage* messages, int n, uint8_t* order) {
    for (int i = 0; i < n; ++i) {
      int at = i;
      for (; at > 0 && messages[order[at - 1]].text_size > messages[i].text_size; --at) {
        order[at] = order[at - 1];
      }
      order[at] = static_cast<uint8_t>(i);
    }
  }

  // Poly1305 over the blocks of RFC 8439, 2.8: associated data, text, both padded with zeros; then
  // both lengths. `left` messages are left; it takes as many as there are lanes.
  template <typename Poly>
  static void AuthenticateGroup(const AeadMessage* messages, const uint8_t* order, int left,
                                Scratch& scratch) {
    constexpr int kLanes = Poly::kLanes;
    const uint8_t* key[kLanes];
    const uint8_t* first[kLanes];
    const uint8_t* text[kLanes];
    const uint8_t* tail[kLanes];
    uint8_t* tag[kLanes];
    alignas(64) uint64_t has_first[kLanes];
    alignas(64) uint64_t has_rest[kLanes];  // all ones: the text does not end with a block
    uint32_t blocks[kLanes];
    uint32_t fewest = UINT32_MAX, most = 0;
    uint64_t any_rest = 0;
    for (int l = 0; l < kLanes; ++l) {
      // Idle lanes repeat the group's last message: the same blocks, the same tag.
      const int i = order[l < left ? l : left - 1];
      const AeadMessage& m = messages[i];
      key[l] = scratch.one_time_key[i];
      first[l] = WriteFirst(m, scratch.aad[i]);
      has_first[l] = m.aad_size > 0;
      text[l] = m.text;
      blocks[l] = m.text_size / 16;
      fewest = blocks[l] < fewest ? blocks[l] : fewest;
      most = blocks[l] > most ? blocks[l] : most;
      has_rest[l] = m.text_size % 16 != 0 ? ~uint64_t{0} : 0;
      any_rest |= has_rest[l];
      tail[l] = WriteTail(m, scratch.tail[i]);
      tag[l] = scratch.tag[i];
    }

    Poly poly;
    poly.Start(key, first, has_first);
    for (uint32_t b = 0; b < fewest; ++b) {
      poly.Step(text);
      for (int l = 0; l < kLanes; ++l) text[l] += 16;
    }
    for (uint32_t b = fewest; b < most; ++b) {
      alignas(64) uint64_t running[kLanes];
      for (int l = 0; l < kLanes; ++l) {
        running[l] = b < blocks[l] ? ~uint64_t{0} : 0;
        if (!running[l]) text[l] = scratch.zeros;
      }
      poly.StepWhere(running, text);
      for (int l = 0; l < kLanes; ++l) text[l] += running[l] & 16;
    }
    if (any_rest) {
      poly.StepWhere(has_rest, tail);
      for (int l = 0; l < kLanes; ++l) tail[l] += has_rest[l] & 16;
    }
    poly.Step(tail);
    poly.Finish(key, tag);
  }

  static const uint8_t* WriteFirst(const AeadMessage& m, uint8_t* out) {
    __builtin_memset(out, 0, 16);
    __builtin_memcpy(out, &m.aad, m.aad_size);
    return out;
  }

  // Returns where it wrote: what is left of the text, if anything, and the block of lengths.
  static const uint8_t* WriteTail(const AeadMessage& m, uint8_t* out) {
    const uint32_t rest = m.text_size % 16;
    uint8_t* lengths = out;
    if (rest != 0) {
      __builtin_memset(out, 0, 16);
      __builtin_memcpy(out, m.text + m.text_size - rest, rest);
      lengths += 16;
    }
    const uint64_t sizes[2] = {m.aad_size, m.text_size};
    __builtin_memcpy(lengths, sizes, 16);
    return out;
  }
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_ENGINE_H_
