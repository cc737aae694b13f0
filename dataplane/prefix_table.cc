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
    table_.direct_.assign(size_t{1} << kDirectBits, kLeafFlag | kNoMatch);
    Spread(
        sorted_, 0, kDirectBits,
        [&](uint32_t slot, uint32_t count, uint32_t value) {
          std::fill_n(table_.direct_.begin() + slot, count, kLeafFlag | value);
        },
        [&](uint32_t slot, std::span<const Item> items) {
          const uint32_t inherited = table_.direct_[slot] & ~kLeafFlag;
          table_.direct_[slot] = AddNode(items, kDirectBits, inherited);
        });
    while (!pending_.empty()) {
      const Pending next = pending_.back();
      pending_.pop_back();
      FillNode(next);
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
  // A node that has its place and not yet its content.
  struct Pending {
    uint32_t node;
    std::span<const Item> items;  // all longer than `offset`, and equal up to there
    uint32_t offset;
    uint32_t inherited;  // the value of the longest prefix above
  };

  uint32_t AddNode(std::span<const Item> items, uint32_t offset, uint32_t inherited) {
    const uint32_t node = static_cast<uint32_t>(table_.nodes_.size());
    table_.nodes_.emplace_back();
    pending_.push_back({node, items, offset, inherited});
    return node;
  }

  // Walks a node of `bits` bits behind `offset`: calls `cover` for each item that ends within it,
  // with the slots that it covers, and `descend` for each slot in which items go on. A slot's
  // `descend` comes after all its `cover`.
  template <typename Cover, typename Descend>
  static void Spread(std::span<const Item> items, uint32_t offset, uint32_t bits, Cover cover,
                     Descend descend) {
    const auto slot_of = [=](const Item& item) {
      return static_cast<uint32_t>((item.key << offset) >> (kKeyBits - bits));
    };
    for (size_t i = 0; i < items.size();) {
      const uint32_t slot = slot_of(items[i]);
      if (items[i].length <= offset + bits) {
        cover(slot, uint32_t{1} << (offset + bits - items[i].length), items[i].value);
        ++i;
        continue;
      }
      const size_t first = i;
      while (i < items.size() && slot_of(items[i]) == slot) ++i;
      descend(slot, items.subspan(first, i - first));
    }
  }

  void FillNode(const Pending& p) {
    std::array<uint32_t, 64> values;
    values.fill(p.inherited);
    bool uniform = true;  // as most nodes of a sparse IPv6 table are: the way to one longer prefix
    Node node;
    node.first_child = static_cast<uint32_t>(table_.nodes_.size());
    Spread(
        p.items, p.offset, kStride,
        [&](uint32_t slot, uint32_t count, uint32_t value) {
          std::fill_n(values.begin() + slot, count, value);
          uniform = false;
        },
        [&](uint32_t slot, std::span<const Item> items) {
          node.inner |= uint64_t{1} << slot;
          AddNode(items, p.offset + kStride, values[slot]);
        });
    node.first_leaf = static_cast<uint32_t>(table_.leaves_.size());
    if (uniform) {
      node.runs = ~node.inner & (node.inner + 1);  // the first slot without a child
      if (node.runs != 0) table_.leaves_.push_back(p.inherited);
    } else {
      AddRuns(values, &node);
    }
    table_.nodes_[p.node] = node;
  }

  void AddRuns(const std::array<uint32_t, 64>& values, Node* node) {
    for (uint32_t slot = 0; slot < values.size(); ++slot) {
      if (HasBit(node->inner, slot)) continue;
      if (node->runs != 0 && table_.leaves_.back() == values[slot]) continue;
      node->runs |= uint64_t{1} << slot;
      table_.leaves_.push_back(values[slot]);
    }
  }

  std::vector<Item> sorted_;
  std::vector<Pending> pending_;
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
template <typename K>
void PrefixTable::LookupGroup(std::span<const K> keys, uint32_t* values) const {
  assert(keys.size() <= kGroup);
  std::array<uint32_t, kGroup> at;
  std::array<uint8_t, kGroup> walking;  // indices of keys that are still at a node
  std::array<uint8_t, kGroup> at_leaf;  // indices of keys whose leaf is known, in `at`
  size_t walking_count = 0, leaf_count = 0;

  for (const K key : keys) __builtin_prefetch(&direct_[DirectSlot(key)]);
  for (size_t i = 0; i < keys.size(); ++i) {
    at[i] = direct_[DirectSlot(keys[i])];
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
  for (size_t first = 0; first < addresses.size(); first += kGroup) {
    const size_t count = std::min(kGroup, addresses.size() - first);
    LookupGroup(addresses.subspan(first, count), values + first);
  }
}

void PrefixTable::LookupV6Bulk(std::span<const uint8_t* const> addresses, uint32_t* values) const {
  std::array<Key, kGroup> keys;
  for (size_t first = 0; first < addresses.size(); first += kGroup) {
    const size_t count = std::min(kGroup, addresses.size() - first);
    for (size_t i = 0; i < count; ++i) keys[i] = KeyV6(addresses[first + i]);
    LookupGroup(std::span<const Key>(keys).first(count), values + first);
  }
}

size_t PrefixTable::memory_bytes() const {
  return direct_.capacity() * sizeof(direct_[0]) + nodes_.capacity() * sizeof(Node) +
         leaves_.capacity() * sizeof(leaves_[0]);
}

}  // namespace noisegate::dataplane
