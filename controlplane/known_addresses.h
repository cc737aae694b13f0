// The addresses whose handshakes have budgets of their own in the data plane (SetKnownEndpoints): the
// endpoints that the config names, and where sessions run, so that a peer which dials us is no stranger
// when it renews.
//
//   known.Add(session.remote);                                  // and Remove() when it is gone
//   if (known.changed()) dataplane.SetKnownEndpoints(known.Take());
//
// A value: a reload makes the next one and assigns it. One thread.
#ifndef NOISEGATE_CONTROLPLANE_KNOWN_ADDRESSES_H_
#define NOISEGATE_CONTROLPLANE_KNOWN_ADDRESSES_H_

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/address.h"

namespace noisegate::controlplane {

class KnownAddresses {
 public:
  void SetConfigured(std::span<const dataplane::IpAddress> addresses) {
    configured_ = {addresses.begin(), addresses.end()};
    changed_ = true;
  }
  // Counted: as many Remove() as Add().
  void Add(const dataplane::IpAddress& address) {
    if (++sessions_[address] == 1 && !configured_.contains(address)) changed_ = true;
  }
  void Remove(const dataplane::IpAddress& address) {
    const auto found = sessions_.find(address);
    if (found == sessions_.end() || --found->second > 0) return;
    sessions_.erase(found);
    if (!configured_.contains(address)) changed_ = true;
  }

  // Whether Take() would give something else than the last time.
  bool changed() const { return changed_; }
  // Sorted, none twice.
  std::vector<dataplane::IpAddress> Take() {
    changed_ = false;
    std::set<dataplane::IpAddress> all = configured_;
    for (const auto& [address, sessions] : sessions_) all.insert(address);
    return {all.begin(), all.end()};
  }

 private:
  std::set<dataplane::IpAddress> configured_;
  absl::flat_hash_map<dataplane::IpAddress, uint32_t> sessions_;
  bool changed_ = false;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_KNOWN_ADDRESSES_H_
