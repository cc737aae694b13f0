#include "controlplane/half_open_table.h"

#include <algorithm>
#include <cassert>

namespace noisegate::controlplane {

HalfOpenTable::HalfOpenTable(uint32_t capacity, Duration life, crypto::Random& random)
    : capacity_(std::max<uint32_t>(capacity, 1)), life_(life), random_(random) {
  slots_.reserve(capacity_);
  free_.reserve(capacity_);
}

const HalfOpenTable::Entry* HalfOpenTable::Find(
    const Path& path, const crypto::X25519PublicKey& initiator_ephemeral) const {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return nullptr;
  for (const Index index : found->second) {
    const Entry& entry = *slots_[index].entry;
    if (entry.answered.initiator_ephemeral == initiator_ephemeral) return &entry;
  }
  return nullptr;
}

std::vector<const HalfOpenTable::Entry*> HalfOpenTable::Of(const Path& path) const {
  std::vector<const Entry*> entries;
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return entries;
  for (auto index = found->second.rbegin(); index != found->second.rend(); ++index) {
    entries.push_back(&*slots_[*index].entry);
  }
  return entries;
}

void HalfOpenTable::Insert(Entry entry) {
  const auto same_path = by_path_.find(entry.path);
  if (same_path != by_path_.end() && same_path->second.size() >= kMaxPerPath) {
    RemoveAt(AnyOf(same_path->second));
  }
  if (size() >= capacity_) RemoveAt(static_cast<Index>(random_.Below(slots_.size())));

  if (free_.empty()) {
    free_.push_back(static_cast<Index>(slots_.size()));
    slots_.emplace_back();
  }
  const Index index = free_.back();
  free_.pop_back();
  by_path_[entry.path].push_back(index);
  slots_[index] = {.entry = std::move(entry), .older = newest_, .newer = kNone};
  if (newest_ != kNone) slots_[newest_].newer = index;
  newest_ = index;
  if (oldest_ == kNone) oldest_ = index;
}

HalfOpenTable::Entry HalfOpenTable::Take(const Entry* entry) {
  const std::vector<Index>& same_path = by_path_.find(entry->path)->second;
  const auto index = std::find_if(same_path.begin(), same_path.end(),
                                  [&](Index i) { return &*slots_[i].entry == entry; });
  assert(index != same_path.end());
  Entry taken = *std::move(slots_[*index].entry);
  RemoveAt(*index);
  return taken;
}

void HalfOpenTable::Expire(TimePoint now) {
  while (oldest_ != kNone && slots_[oldest_].entry->created + life_ <= now) RemoveAt(oldest_);
}

std::optional<HalfOpenTable::TimePoint> HalfOpenTable::NextExpiry() const {
  if (oldest_ == kNone) return std::nullopt;
  return slots_[oldest_].entry->created + life_;
}

void HalfOpenTable::Clear() {
  while (oldest_ != kNone) RemoveAt(oldest_);
}

void HalfOpenTable::RemoveAt(Index index) {
  Slot& slot = slots_[index];
  assert(slot.entry);
  (slot.older != kNone ? slots_[slot.older].newer : oldest_) = slot.newer;
  (slot.newer != kNone ? slots_[slot.newer].older : newest_) = slot.older;
  const auto same_path = by_path_.find(slot.entry->path);
  std::erase(same_path->second, index);
  if (same_path->second.empty()) by_path_.erase(same_path);
  slot = Slot{};
  free_.push_back(index);
}

HalfOpenTable::Index HalfOpenTable::AnyOf(std::span<const Index> candidates) {
  return candidates[random_.Below(candidates.size())];
}

}  // namespace noisegate::controlplane
