// Handshakes that we have answered and whose initiator has not yet said who it is.
#ifndef NOISEGATE_CONTROLPLANE_HALF_OPEN_TABLE_H_
#define NOISEGATE_CONTROLPLANE_HALF_OPEN_TABLE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/handshake.h"
#include "controlplane/path.h"
#include "crypto/random.h"
#include "crypto/x25519.h"

namespace noisegate::controlplane {

// Anyone can fill it, so it has a fixed size, a limit for each path, and where either is reached the one
// to go is drawn by lot: a flood then pushes out mostly itself, and no pattern of it spares nobody. One
// thread; entries are wiped when they leave.
class HalfOpenTable {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  // Each is tried against a sig message from that path, so this bounds what a forged one costs. But of
  // inits that somebody forges, the more a path may have, the longer the true one stays: at 200 a second
  // and a round trip of 100 ms every fourth is answered in time.
  static constexpr size_t kMaxPerPath = 16;

  struct Entry {
    Path path;
    TimePoint created;
    AnsweredInit answered;
  };

  // `random` outlives the table.
  HalfOpenTable(uint32_t capacity, Duration life, crypto::Random& random);

  // The answer already given to this init; null where there is none. Valid until the next change.
  const Entry* Find(const Path& path, const crypto::X25519PublicKey& initiator_ephemeral) const;
  // The entries of a path, newest first. Valid until the next change.
  std::vector<const Entry*> Of(const Path& path) const;
  bool Contains(const Path& path) const { return by_path_.contains(path); }

  void Insert(Entry entry);
  Entry Take(const Entry* entry);  // out of the table; one that Find or Of returned
  void Expire(TimePoint now);
  std::optional<TimePoint> NextExpiry() const;
  void Clear();
  size_t size() const { return slots_.size() - free_.size(); }

 private:
  using Index = uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  // Slots are linked from the oldest to the newest, which is also the order in which they expire.
  struct Slot {
    std::optional<Entry> entry;
    Index older = kNone;
    Index newer = kNone;
  };

  void RemoveAt(Index index);
  Index AnyOf(std::span<const Index> candidates);

  const uint32_t capacity_;
  const Duration life_;
  crypto::Random& random_;
  std::vector<Slot> slots_;
  std::vector<Index> free_;
  absl::flat_hash_map<Path, std::vector<Index>> by_path_;  // oldest first
  Index oldest_ = kNone;
  Index newest_ = kNone;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_HALF_OPEN_TABLE_H_
