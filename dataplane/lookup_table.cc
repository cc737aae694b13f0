#include "dataplane/lookup_table.h"

#include <rte_errno.h>
#include <rte_hash.h>

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kMinEntries = 64;  // rte_hash refuses fewer than a bucket

uint32_t HashKey(const void* key, uint32_t, uint32_t) {
  return HashOf(*static_cast<const TableKey*>(key));
}

// Zero where equal, as memcmp.
int CompareKeys(const void* a, const void* b, size_t) {
  return !(*static_cast<const TableKey*>(a) == *static_cast<const TableKey*>(b));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LookupTable>> LookupTable::Create(const std::string& name,
                                                                 uint32_t capacity,
                                                                 rte_rcu_qsbr* readers) {
  rte_hash_parameters parameters = {};
  parameters.name = name.c_str();
  parameters.entries = std::max(capacity, kMinEntries);
  parameters.key_len = sizeof(TableKey);
  parameters.hash_func = HashKey;
  parameters.socket_id = SOCKET_ID_ANY;
  // Chained buckets, so that the table takes what it was made for, whatever the hashes.
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no look-up table for ", capacity, " entries: ", rte_strerror(rte_errno)));
  }
  std::unique_ptr<LookupTable> table(new LookupTable(hash));
  rte_hash_set_cmp_func(hash, CompareKeys);
  rte_hash_rcu_config rcu = {};
  rcu.v = readers;
  rcu.mode = RTE_HASH_QSBR_MODE_DQ;
  if (rte_hash_rcu_qsbr_add(hash, &rcu) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no grace periods for a look-up table: ", rte_strerror(rte_errno)));
  }
  return table;
}

LookupTable::~LookupTable() { rte_hash_free(hash_); }

absl::Status LookupTable::Put(const TableKey& key, void* value) {
  assert(value != nullptr);
  if (const int error = rte_hash_add_key_with_hash_data(hash_, &key, HashOf(key), value);
      error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("look-up table: ", rte_strerror(error < 0 ? -error : error)));
  }
  return absl::OkStatus();
}

void LookupTable::Erase(const TableKey& key) {
  rte_hash_del_key_with_hash(hash_, &key, HashOf(key));
}

void* LookupTable::Find(const TableKey& key) const {
  void* value = nullptr;
  return rte_hash_lookup_with_hash_data(hash_, &key, HashOf(key), &value) >= 0 ? value : nullptr;
}

void LookupTable::FindBulk(const TableKey* keys, uint32_t n, void** values, size_t stride) const {
  assert(n <= kMaxBulk);
  const void* distinct[kMaxBulk];
  hash_sig_t hashes[kMaxBulk];
  uint8_t which[kMaxBulk];  // of the distinct ones each key is
  uint32_t found = 0;
  const TableKey* last = nullptr;
  for (uint32_t i = 0; i < n; ++i) {
    const TableKey* key =
        reinterpret_cast<const TableKey*>(reinterpret_cast<const uint8_t*>(keys) + i * stride);
    if (last == nullptr || !(*key == *last)) {
      distinct[found] = last = key;
      hashes[found++] = HashOf(*key);
    }
    which[i] = static_cast<uint8_t>(found - 1);
  }
  if (found == 0) return;
  void* distinct_values[kMaxBulk];
  uint64_t hits = 0;
  rte_hash_lookup_with_hash_bulk_data(hash_, distinct, hashes, static_cast<int32_t>(found), &hits,
                                      distinct_values);
  for (uint32_t i = 0; i < n; ++i) {
    values[i] = (hits >> which[i] & 1) != 0 ? distinct_values[which[i]] : nullptr;
  }
}

}  // namespace noisegate::dataplane
