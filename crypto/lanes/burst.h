// How a burst is laid over lanes. Sealing is ChaCha20 of all messages as one run of units, then
// Poly1305 with a message in each lane; opening is Poly1305 first, and ChaCha20 of those whose tag
// was right.
#ifndef NOISEGATE_CRYPTO_LANES_BURST_H_
#define NOISEGATE_CRYPTO_LANES_BURST_H_

#include "crypto/lanes/chacha20.h"
#include "crypto/lanes/kernel.h"

namespace noisegate::crypto::lanes {
namespace {

// WidePoly takes the messages as long as more are left than fit NarrowPoly.
template <typename Isa, typename WidePoly, typename NarrowPoly>
class Burst {
 public:
  static void Seal(AeadMessage* messages, int n, Scratch& scratch) {
    UnitRun run(scratch);
    for (int i = 0; i < n; ++i) {
      run.AddOneTimeKey(messages[i], scratch.one_time_key[i]);
      run.AddText(messages[i]);
    }
    run.Finish();
    Authenticate(messages, n, scratch);
    for (int i = 0; i < n; ++i) {
      __builtin_memcpy(messages[i].text + messages[i].text_size, scratch.tag[i], kAeadTagSize);
    }
  }

  static void Open(AeadMessage* messages, int n, Scratch& scratch) {
    UnitRun run(scratch);
    for (int i = 0; i < n; ++i) run.AddOneTimeKey(messages[i], scratch.one_time_key[i]);
    run.Finish();
    Authenticate(messages, n, scratch);
    uint8_t authentic[kMaxBurst];
    const int opened = Judge(messages, n, scratch, authentic);
    for (int k = 0; k < opened; ++k) run.AddText(messages[authentic[k]]);
    run.Finish();
  }

 private:
  // Sets every `ok`, lists the messages that are, and returns how many there are. This is the only
  // place where the course of the program depends on secrets, and on no more than the verdict.
  [[gnu::noinline]] static int Judge(AeadMessage* messages, int n, const Scratch& scratch,
                                     uint8_t authentic[kMaxBurst]) {
    int count = 0;
    for (int i = 0; i < n; ++i) {
      AeadMessage& m = messages[i];
      uint64_t want[2], got[2];
      __builtin_memcpy(want, scratch.tag[i], kAeadTagSize);
      __builtin_memcpy(got, m.text + m.text_size, kAeadTagSize);
      m.ok = ((want[0] ^ got[0]) | (want[1] ^ got[1])) == 0;
      if (m.ok) authentic[count++] = static_cast<uint8_t>(i);
    }
    return count;
  }

  // Collects units and works them whenever there are enough for a pass.
  class UnitRun {
   public:
    explicit UnitRun(Scratch& scratch) : scratch_(scratch) {}

    // Block 0 is Poly1305's one-time key (RFC 8439, 2.6).
    void AddOneTimeKey(const AeadMessage& m, uint8_t* to) {
      __builtin_memset(to, 0, 64);
      Add(m, 0, to, 64);
    }

    void AddText(const AeadMessage& m) {
      uint32_t block = 1;
      for (uint32_t at = 0; at < m.text_size; at += 64, ++block) {
        const uint32_t left = m.text_size - at;
        Add(m, block, m.text + at, left < 64 ? left : 64);
      }
    }

    void Finish() {
      if (used_ == 0) return;
      const int full = used_ <= Isa::kLanes ? Isa::kLanes : Units<Isa>::kMax;
      // Idle lanes work on some key, and write where it does not matter.
      for (int u = used_; u < full; ++u) {
        units_.key[u] = units_.key[used_ - 1];
        units_.block[u] = 0;
        for (int i = 0; i < 3; ++i) units_.nonce[i][u] = 0;
        units_.text[u] = scratch_.sink;
        units_.size[u] = 64;
      }
      if (used_ <= Isa::kLanes) {
        XorGroups<Isa, 1>(units_);
      } else {
        XorGroups<Isa, Isa::kGroups>(units_);
      }
      used_ = 0;
    }

   private:
    [[gnu::always_inline]] inline void Add(const AeadMessage& m, uint32_t block, uint8_t* text,
                                           uint32_t size) {
      const int u = used_;
      units_.key[u] = m.key;
      units_.block[u] = block;
      units_.nonce[0][u] = m.nonce_prefix;
      units_.nonce[1][u] = static_cast<uint32_t>(m.counter);
      units_.nonce[2][u] = static_cast<uint32_t>(m.counter >> 32);
      units_.text[u] = text;
      units_.size[u] = size;
      if (++used_ == Units<Isa>::kMax) {
        XorGroups<Isa, Isa::kGroups>(units_);
        used_ = 0;
      }
    }

    Scratch& scratch_;
    Units<Isa> units_;
    int used_ = 0;
  };

  // Messages by length, so that the lanes of a group run about equally long.
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

  // A counting sort by 64-byte blocks. What is longer than 4 KiB counts as equally long.
  static void SortByLength(const AeadMessage* messages, int n, uint8_t order[kMaxBurst]) {
    bool sorted = true;
    for (int i = 0; i < n; ++i) {
      order[i] = static_cast<uint8_t>(i);
      sorted &= i == 0 || messages[i - 1].text_size <= messages[i].text_size;
    }
    if (sorted) return;
    constexpr uint32_t kBins = 64;
    const auto bin_of = [](const AeadMessage& m) {
      const uint32_t blocks = m.text_size / 64;
      return blocks < kBins ? blocks : kBins - 1;
    };
    uint8_t next[kBins + 1] = {};  // next[b]: where the next message of bin b goes
    for (int i = 0; i < n; ++i) ++next[bin_of(messages[i]) + 1];
    for (uint32_t b = 1; b < kBins; ++b) next[b] = static_cast<uint8_t>(next[b] + next[b - 1]);
    for (int i = 0; i < n; ++i) order[next[bin_of(messages[i])]++] = static_cast<uint8_t>(i);
  }

  // Poly1305 over the blocks of RFC 8439, 2.8: associated data, text, both padded with zeros; then
  // both lengths. `left` messages are left; it takes as many as there are lanes.
  template <typename Poly>
  static void AuthenticateGroup(const AeadMessage* messages, const uint8_t* order, int left,
                                Scratch& scratch) {
    constexpr int kLanes = Poly::kLanes;
    const uint8_t* key[kLanes];
    const uint8_t* aad[kLanes];
    const uint8_t* text[kLanes];
    const uint8_t* tail[kLanes];
    uint8_t* tag[kLanes];
    alignas(64) uint64_t has_aad[kLanes];
    alignas(64) uint64_t has_rest[kLanes];  // 1: the text does not end with a block
    alignas(64) uint64_t blocks[kLanes];
    uint64_t fewest = UINT64_MAX, most = 0, any_rest = 0;
    for (int l = 0; l < kLanes; ++l) {
      // Idle lanes repeat the group's last message: the same blocks, the same tag.
      const int i = order[l < left ? l : left - 1];
      const AeadMessage& m = messages[i];
      key[l] = scratch.one_time_key[i];
      aad[l] = scratch.aad[i];
      StoreChunk(LoadFirst(reinterpret_cast<const uint8_t*>(&m.aad), m.aad_size), scratch.aad[i]);
      has_aad[l] = m.aad_size > 0;
      text[l] = m.text;
      blocks[l] = m.text_size / 16;
      fewest = blocks[l] < fewest ? blocks[l] : fewest;
      most = blocks[l] > most ? blocks[l] : most;
      has_rest[l] = m.text_size % 16 != 0;
      any_rest |= has_rest[l];
      tail[l] = scratch.tail[i];
      WriteTail(m, scratch.tail[i]);
      tag[l] = scratch.tag[i];
    }

    Poly poly;
    poly.Start(key, aad, has_aad);
    uint64_t b = 0;
    for (; b + 2 <= fewest; b += 2) {
      poly.StepTwice(text);
      for (int l = 0; l < kLanes; ++l) text[l] += 32;
    }
    for (; b < most; ++b) {
      for (int l = 0; l < kLanes; ++l) text[l] = b < blocks[l] ? text[l] : scratch.zeros;
      poly.StepWhere(b, blocks, text);
      for (int l = 0; l < kLanes; ++l) text[l] += b < blocks[l] ? 16 : 0;
    }
    if (any_rest != 0) {
      poly.StepWhere(0, has_rest, tail);
      for (int l = 0; l < kLanes; ++l) tail[l] += 16 * has_rest[l];
    }
    poly.Step(tail);
    poly.Finish(key, tag);
  }

  // What is left of the text, if anything, and the block of lengths.
  [[gnu::always_inline]] static inline void WriteTail(const AeadMessage& m, uint8_t tail[32]) {
    const uint32_t rest = m.text_size % 16;
    if (rest != 0) {
      // The tag's 16 bytes behind the text may be read as well.
      StoreChunk(LoadFirst(m.text + m.text_size - rest, rest), tail);
      tail += 16;
    }
    const uint64_t lengths[2] = {m.aad_size, m.text_size};
    __builtin_memcpy(tail, lengths, 16);
  }
};

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_BURST_H_
