// PrefixTable: longest-prefix match over IPv4 or IPv6, immutable, built in one go.
//
// A multi-way trie with nodes compressed by population count (Asai and Ohara, "Poptrie", SIGCOMM
// 2015): a direct first level of 18 bits, so that a /24 ends one level below, then 6 bits a level. A node has 64 slots. Bit i of
// `inner` says that slot i leads to a child; children stand side by side, so that counting the bits
// up to i gives the child's place. Slots without a child hold a value; a run of slots with one
// value is kept once, and bit i of `runs` says that a run begins at slot i. So a look-up reads one
// node a level and one leaf, and a /24 in an otherwise empty table costs one node.
#ifndef NOISEGATE_DATAPLANE_PREFIX_TABLE_H_
#define NOISEGATE_DATAPLANE_PREFIX_TABLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/bytes.h"

namespace noisegate::dataplane {

// Immutable once built; any number of threads may read.
class PrefixTable {
 public:
  static constexpr uint32_t kNoMatch = 0;

  struct Entry {
    Prefix prefix;   // all of one family, host bits zero; no prefix twice
    uint32_t value;  // 1 … 2^24-1
  };
  static PrefixTable BuildV4(std::span<const Entry> entries);
  static PrefixTable BuildV6(std::span<const Entry> entries);

  // Each on a table of its own family. kNoMatch where nothing covers the address.
  uint32_t LookupV4(uint32_t host_order) const { return Lookup(host_order); }
  uint32_t LookupV6(const uint8_t* address) const { return Lookup(KeyV6(address)); }  // 16 bytes
  // As many look-ups at once, so that their cache misses overlap. `values` has addresses.size().
  void LookupV4Bulk(std::span<const uint32_t> addresses, uint32_t* values) const;
  void LookupV6Bulk(std::span<const uint8_t* const> addresses, uint32_t* values) const;

  size_t memory_bytes() const;

 private:
  static constexpr uint32_t kDirectBits = 18;
  static constexpr uint32_t kStride = 6;
  static constexpr uint32_t kLeafFlag = uint32_t{1} << 31;  // in direct_: a value, not a node

  struct Node {
    uint64_t inner = 0;
    uint64_t runs = 0;
    uint32_t first_leaf = 0;   // in leaves_
    uint32_t first_child = 0;  // in nodes_
  };

  // An address with its first bit on top; an IPv4 one fills the upper half.
  __extension__ using Key = unsigned __int128;
  static constexpr uint32_t kKeyBits = 128;
  static Key KeyV4(uint32_t host_order) { return Key{host_order} << 96; }
  static Key KeyV6(const uint8_t* address) {
    return Key{LoadBe64(address)} << 64 | LoadBe64(address + 8);
  }
  // Look-ups take a Key or, for IPv4, the 32 bits alone, which need no wide shifts. Bits beyond a
  // key's end are zeros.
  template <typename K>
  static constexpr uint32_t kBitsOf = sizeof(K) * 8;
  template <typename K>
  static size_t DirectSlot(K key) {
    return static_cast<size_t>(key >> (kBitsOf<K> - kDirectBits));
  }
  // The slot for the bits that follow `offset`.
  template <typename K>
  static uint32_t Slot(K key, uint32_t offset) {
    return static_cast<uint32_t>((key << offset) >> (kBitsOf<K> - kStride));
  }
  // How many of the bits 0 … slot are set.
  static uint32_t Rank(uint64_t bits, uint32_t slot) {
    return static_cast<uint32_t>(std::popcount(bits & ((uint64_t{2} << slot) - 1)));
  }
  static bool HasBit(uint64_t bits, uint32_t slot) { return (bits >> slot & 1) != 0; }

  template <typename K>
  uint32_t Lookup(K key) const {
    uint32_t at = direct_[DirectSlot(key)];
    if ((at & kLeafFlag) != 0) return at & ~kLeafFlag;
    for (uint32_t offset = kDirectBits;; offset += kStride) {
      const Node& node = nodes_[at];
      const uint32_t slot = Slot(key, offset);
      if (!HasBit(node.inner, slot)) return leaves_[node.first_leaf + Rank(node.runs, slot) - 1];
      at = node.first_child + Rank(node.inner, slot) - 1;
    }
  }
  template <typename K>
  void LookupGroup(std::span<const K> keys, uint32_t* values) const;

  class Builder;
  PrefixTable() = default;

  std::vector<uint32_t> direct_;  // 2^kDirectBits
  std::vector<Node> nodes_;
  std::vector<uint32_t> leaves_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PREFIX_TABLE_H_
