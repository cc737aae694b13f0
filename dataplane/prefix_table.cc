#include "dataplane/prefix_table.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace noisegate::dataplane {
namespace {

// Look-ups in flight together in a bulk call: about as many misses as a core can have outstanding.
constexpr size_t kGroup = 16;

}  // namespace

// Sorted by address and then length, a prefix comes right before everything that it covers. So each
// subtree is a contiguous range, and writing values in that order lets the longest win.
class PrefixTable::Builder {
 public:
  explicit Builder(std::span<const Entry> entries) {
    sorted_.reserve(entries.size());
    for (const Entry& entry : entries) {
      assert(entry.value != kNoMatch && entry.value < (uint32_t{1} << 24));
      const IpAddress& address = entry.prefix.address;
      sorted_.push_back({address.is_v4() ? KeyV4(address.v4()) : KeyV6(address.bytes.data()),
                         entry.prefix.length, entry.value});
    }
    std::sort(sorted_.begin(), sorted_.end(), [](const Item& a, const Item& b) {
      return a.key != b.key ? a.key < b.key : a.length < b.length;
    });
  }

  PrefixTable Build() {
    std::vector<uint32_t> values(size_t{1} << kDirectBits, kNoMatch);
    const std::vector<Range> children = Spread(sorted_, 0, kDirectBits, values);
    table_.direct_.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) table_.direct_[i] = values[i] | kLeafFlag;
    table_.nodes_.resize(children.size());
    for (uint32_t i = 0; i < children.size(); ++i) table_.direct_[children[i].slot] = i;
    for (uint32_t i = 0; i < children.size(); ++i) {
      FillNode(i, children[i].items, kDirectBits, values[children[i].slot]);
    }
    table_.nodes_.shrink_to_fit();
    table_.leaves_.shrink_to_fit();
    return std::move(table_);
  }

 private:
  struct Item {
    Key key;
    uint32_t length;
    uint32_t value;
  };
  // What continues below one slot of a node.
  struct Range {
    uint32_t slot;
    std::span<const Item> items;
  };

  // Writes the values of the items that end within `bits` bits behind `offset` over the slots that
  // they cover, and returns the ranges of those that go on.
  static std::vector<Range> Spread(std::span<const Item> items, uint32_t offset, uint32_t bits,
                                   std::span<uint32_t> values) {
    std::vector<Range> children;
    for (size_t i = 0; i < items.size();) {
      const Item& item = items[i];
      const uint32_t slot = static_cast<uint32_t>((item.key << offset) >> (kKeyBits - bits));
      if (item.length <= offset + bits) {
        const size_t width = size_t{1} << (offset + bits - item.length);
        std::fill_n(values.begin() + slot, width, item.value);
        ++i;
        continue;
      }
      const size_t first = i;
      while (i < items.size() &&
             static_cast<uint32_t>((items[i].key << offset) >> (kKeyBits - bits)) == slot) {
        ++i;
      }
      children.push_back({slot, items.subspan(first, i - first)});
    }
    return children;
  }

  // `inherited`: the value of the longest prefix above this node.
  void FillNode(uint32_t index, std::span<const Item> items, uint32_t offset, uint32_t inherited) {
    std::array<uint32_t, 64> values;
    values.fill(inherited);
    const std::vector<Range> children = Spread(items, offset, kStride, values);

    Node node;
    for (const Range& child : children) node.inner |= uint64_t{1} << child.slot;
    node.first_leaf = static_cast<uint32_t>(table_.leaves_.size());
    for (uint32_t slot = 0; slot < values.size(); ++slot) {
      if (HasBit(node.inner, slot)) continue;
      if (node.runs != 0 && table_.leaves_.back() == values[slot]) continue;
      node.runs |= uint64_t{1} << slot;
      table_.leaves_.push_back(values[slot]);
    }
    node.first_child = static_cast<uint32_t>(table_.nodes_.size());
    table_.nodes_.resize(table_.nodes_.size() + children.size());
    table_.nodes_[index] = node;
    for (uint32_t i = 0; i < children.size(); ++i) {
      FillNode(node.first_child + i, children[i].items, offset + kStride, values[children[i].slot]);
    }
  }

  std::vector<Item> sorted_;
  PrefixTable table_;
};

PrefixTable PrefixTable::BuildV4(std::span<const Entry> entries) {
  assert(std::all_of(entries.begin(), entries.end(), [](const Entry& e) {
    return e.prefix.address.is_v4() && e.prefix == e.prefix.Masked();
  }));
  return Builder(entries).Build();
}

PrefixTable PrefixTable::BuildV6(std::span<const Entry> entries) {
  assert(std::all_of(entries.begin(), entries.end(), [](const Entry& e) {
    return !e.prefix.address.is_v4() && e.prefix == e.prefix.Masked();
  }));
  return Builder(entries).Build();
}

// Walks all keys one level at a time; what a step needs was prefetched a whole round earlier.
void PrefixTable::LookupGroup(std::span<const Key> keys, uint32_t* values) const {
  assert(keys.size() <= kGroup);
  std::array<uint32_t, kGroup> at;
  std::array<uint8_t, kGroup> walking;  // indices of keys that are still at a node
  std::array<uint8_t, kGroup> at_leaf;  // indices of keys whose leaf is known, in `at`
  size_t walking_count = 0, leaf_count = 0;

  for (const Key key : keys) {
    __builtin_prefetch(&direct_[static_cast<size_t>(key >> (kKeyBits - kDirectBits))]);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    at[i] = direct_[static_cast<size_t>(keys[i] >> (kKeyBits - kDirectBits))];
    if ((at[i] & kLeafFlag) != 0) {
      values[i] = at[i] & ~kLeafFlag;
    } else {
      __builtin_prefetch(&nodes_[at[i]]);
      walking[walking_count++] = static_cast<uint8_t>(i);
    }
  }
  for (uint32_t offset = kDirectBits; walking_count > 0; offset += kStride) {
    size_t still_walking = 0;
    for (size_t w = 0; w < walking_count; ++w) {
      const uint8_t i = walking[w];
      const Node& node = nodes_[at[i]];
      const uint32_t slot = Slot(keys[i], offset);
      if (HasBit(node.inner, slot)) {
        at[i] = node.first_child + Rank(node.inner, slot) - 1;
        __builtin_prefetch(&nodes_[at[i]]);
        walking[still_walking++] = i;
      } else {
        at[i] = node.first_leaf + Rank(node.runs, slot) - 1;
        __builtin_prefetch(&leaves_[at[i]]);
        at_leaf[leaf_count++] = i;
      }
    }
    walking_count = still_walking;
  }
  for (size_t l = 0; l < leaf_count; ++l) values[at_leaf[l]] = leaves_[at[at_leaf[l]]];
}

void PrefixTable::LookupV4Bulk(std::span<const uint32_t> addresses, uint32_t* values) const {
  std::array<Key, kGroup> keys;
  for (size_t first = 0; first < addresses.size(); first += kGroup) {
    const size_t count = std::min(kGroup, addresses.size() - first);
    for (size_t i = 0; i < count; ++i) keys[i] = KeyV4(addresses[first + i]);
    LookupGroup(std::span(keys).first(count), values + first);
  }
}

void PrefixTable::LookupV6Bulk(std::span<const uint8_t* const> addresses, uint32_t* values) const {
  std::array<Key, kGroup> keys;
  for (size_t first = 0; first < addresses.size(); first += kGroup) {
    const size_t count = std::min(kGroup, addresses.size() - first);
    for (size_t i = 0; i < count; ++i) keys[i] = KeyV6(addresses[first + i]);
    LookupGroup(std::span(keys).first(count), values + first);
  }
}

size_t PrefixTable::memory_bytes() const {
  return direct_.capacity() * sizeof(direct_[0]) + nodes_.capacity() * sizeof(Node) +
         leaves_.capacity() * sizeof(leaves_[0]);
}

}  // namespace noisegate::dataplane
