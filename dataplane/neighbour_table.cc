#include "dataplane/neighbour_table.h"

#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {

absl::StatusOr<std::unique_ptr<NeighbourTable>> NeighbourTable::Create(
    const std::string& unique, uint32_t max_neighbours, GracePeriods* grace_periods) {
  absl::StatusOr<std::unique_ptr<LookupTable>> by_address =
      LookupTable::Create(absl::StrCat(unique, "_nb"), max_neighbours, grace_periods->readers());
  if (!by_address.ok()) return by_address.status();
  return std::unique_ptr<NeighbourTable>(
      new NeighbourTable(max_neighbours, grace_periods, std::move(*by_address)));
}

NeighbourTable::NeighbourTable(uint32_t max_neighbours, GracePeriods* grace_periods,
                               std::unique_ptr<LookupTable> by_address)
    : max_(max_neighbours),
      grace_periods_(grace_periods),
      neighbours_(std::make_unique<Neighbour[]>(max_neighbours)),
      by_address_(std::move(by_address)),
      keys_(max_neighbours) {
  for (NeighbourIndex i = max_neighbours; i-- > 0;) free_.push_back(i);
}

absl::StatusOr<NeighbourIndex> NeighbourTable::Add(PortIndex port, const IpAddress& address) {
  const TableKey key = KeyOf(port, AddressWords::Of(address));
  if (const void* known = by_address_->Find(key); known != nullptr) {
    return static_cast<NeighbourIndex>(static_cast<const Neighbour*>(known) - neighbours_.get());
  }
  if (free_.empty()) {
    return absl::ResourceExhaustedError(absl::StrCat("max_neighbours: all ", max_, " are in use"));
  }
  const NeighbourIndex index = free_.back();
  if (absl::Status status = by_address_->Put(key, &neighbours_[index]); !status.ok()) return status;
  free_.pop_back();
  keys_[index] = key;
  return index;
}

void NeighbourTable::Remove(NeighbourIndex index) {
  if (index >= max_ || !keys_[index].has_value()) return;
  by_address_->Erase(*keys_[index]);
  keys_[index].reset();
  neighbours_[index].Store(std::nullopt);
  // Workers that found it before may still read it.
  grace_periods_->Defer([this, index] { free_.push_back(index); });
}

IpAddress NeighbourTable::AddressOf(NeighbourIndex index) const {
  if (index >= max_ || !keys_[index].has_value()) return {};
  return AddressWords{keys_[index]->words[0], keys_[index]->words[1]}.ToAddress();
}

}  // namespace noisegate::dataplane
