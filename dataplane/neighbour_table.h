// The MAC addresses of next hops: a dense array that sessions index, and a table from (port,
// address) to index for hosts on the overlay. ARP and neighbour discovery are the control thread's.
#ifndef NOISEGATE_DATAPLANE_NEIGHBOUR_TABLE_H_
#define NOISEGATE_DATAPLANE_NEIGHBOUR_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/address_words.h"
#include "dataplane/dataplane.h"
#include "dataplane/grace_periods.h"
#include "dataplane/lookup_table.h"

namespace noisegate::dataplane {

// A MAC address and whether it is known, in one word, so that a worker never sees half of a change.
class Neighbour {
 public:
  // Worker. False where the MAC is not known.
  bool Load(MacAddress* mac) const {
    const uint64_t word = word_.load(std::memory_order_relaxed);
    std::memcpy(mac->bytes.data(), &word, mac->bytes.size());
    return (word >> 48) != 0;
  }
  // Control thread.
  void Store(const std::optional<MacAddress>& mac) {
    uint64_t word = 0;
    if (mac.has_value()) {
      std::memcpy(&word, mac->bytes.data(), mac->bytes.size());
      word |= uint64_t{1} << 48;
    }
    word_.store(word, std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> word_{0};  // worker: ro, control: wo; bytes 0 … 5 the MAC, bit 48 known
};
static_assert(sizeof(Neighbour) == 8);

class NeighbourTable {
 public:
  // Takes all memory. `grace_periods` outlives the table.
  static absl::StatusOr<std::unique_ptr<NeighbourTable>> Create(const std::string& unique,
                                                                uint32_t max_neighbours,
                                                                GracePeriods* grace_periods);

  static TableKey KeyOf(PortIndex port, const AddressWords& address) {
    return {address.first, address.second, port};
  }

  // Control thread. Adding the same next hop again returns the same index.
  absl::StatusOr<NeighbourIndex> Add(PortIndex port, const IpAddress& address);
  void Set(NeighbourIndex index, const std::optional<MacAddress>& mac) {
    if (index < max_) neighbours_[index].Store(mac);
  }
  void Remove(NeighbourIndex index);
  // Unspecified where the index is not in use.
  IpAddress AddressOf(NeighbourIndex index) const;

  // Workers.
  const Neighbour& at(NeighbourIndex index) const { return neighbours_[index]; }
  // Null where the control thread never heard of it. n ≤ LookupTable::kMaxBulk.
  void FindBulk(const TableKey* keys, uint32_t n, const Neighbour** found) const {
    void* values[LookupTable::kMaxBulk];
    by_address_->FindBulk(keys, n, values);
    for (uint32_t i = 0; i < n; ++i) found[i] = static_cast<const Neighbour*>(values[i]);
  }

 private:
  NeighbourTable(uint32_t max_neighbours, GracePeriods* grace_periods,
                 std::unique_ptr<LookupTable> by_address);

  const uint32_t max_;
  GracePeriods* const grace_periods_;
  const std::unique_ptr<Neighbour[]> neighbours_;
  const std::unique_ptr<LookupTable> by_address_;  // to an element of neighbours_
  std::vector<std::optional<TableKey>> keys_;      // of each index in use
  std::vector<NeighbourIndex> free_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_NEIGHBOUR_TABLE_H_
