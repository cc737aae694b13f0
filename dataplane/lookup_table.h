// A table from 24-byte keys to pointers that workers read while the control thread changes it:
// rte_hash with lock-free readers, whose slots are reused after a grace period (rte_rcu_qsbr).
#ifndef NOISEGATE_DATAPLANE_LOOKUP_TABLE_H_
#define NOISEGATE_DATAPLANE_LOOKUP_TABLE_H_

#include <rte_hash_crc.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct rte_hash;
struct rte_rcu_qsbr;

namespace noisegate::dataplane {

// Three words, so that keys are built, hashed and compared as words.
struct TableKey {
  uint64_t words[3];
  bool operator==(const TableKey& other) const {
    return ((words[0] ^ other.words[0]) | (words[1] ^ other.words[1]) |
            (words[2] ^ other.words[2])) == 0;
  }
};
static_assert(sizeof(TableKey) == 24);

inline uint32_t HashOf(const TableKey& key) {
  uint32_t hash = rte_hash_crc_8byte(key.words[0], 0);
  hash = rte_hash_crc_8byte(key.words[1], hash);
  return rte_hash_crc_8byte(key.words[2], hash);
}

// Holds pointers, not what they point at: after Erase() or a Put() over an old value, workers may
// use the old pointer until each has passed a quiescent state.
class LookupTable {
 public:
  static constexpr uint32_t kMaxBulk = 64;

  // `name` is unique in the process, at most 24 bytes. `readers` outlives the table.
  static absl::StatusOr<std::unique_ptr<LookupTable>> Create(const std::string& name,
                                                             uint32_t capacity,
                                                             rte_rcu_qsbr* readers);
  ~LookupTable();
  LookupTable(const LookupTable&) = delete;
  LookupTable& operator=(const LookupTable&) = delete;

  // Control thread only. `value` is not null; readers that find it see all that was written to it
  // before. ResourceExhausted when the table is full.
  absl::Status Put(const TableKey& key, void* value);
  void Erase(const TableKey& key);

  // Any reader that reports quiescent states. Null where there is no such key.
  void* Find(const TableKey& key) const;
  // As many look-ups at once, so that their cache misses overlap; a key that equals the one before
  // it, as those of a flow do, is not looked up again. n ≤ kMaxBulk; `stride` is the distance
  // between keys in bytes.
  void FindBulk(const TableKey* keys, uint32_t n, void** values,
                size_t stride = sizeof(TableKey)) const;

 private:
  explicit LookupTable(rte_hash* hash) : hash_(hash) {}
  rte_hash* const hash_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_LOOKUP_TABLE_H_
