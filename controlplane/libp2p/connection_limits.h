// How many connections may be open at once: in all, from one address, and from one prefix (IPv4
// /24, IPv6 /48). An IPv6 address stands for its /64, because whoever has one of a link's addresses
// has them all.
//
//   auto slot = limits.Admit(address);
//   if (!slot) …  // full; slot.refusal() says which limit
//   …             // the slot is given back when it is destroyed
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_LIMITS_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_LIMITS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

// What counts as one address: an IPv4 address, or the /64 of an IPv6 one.
dataplane::Prefix OneAddress(const dataplane::IpAddress& address);
// The prefix that an address belongs to: /24 or /48.
dataplane::Prefix PrefixOf(const dataplane::IpAddress& address);

struct ConnectionLimitOptions {
  uint32_t total = 1'024;
  uint32_t per_address = 64;
  uint32_t per_prefix = 256;
};

enum class ConnectionRefusal : uint8_t { kNone, kTotal, kAddress, kPrefix };

// One thread. Outlives its slots.
class ConnectionLimits {
 public:
  explicit ConnectionLimits(const ConnectionLimitOptions& options) : options_(options) {}
  ConnectionLimits(const ConnectionLimits&) = delete;
  ConnectionLimits& operator=(const ConnectionLimits&) = delete;

  // A place among the open connections; gives it back when destroyed.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot() { Release(); }
    explicit operator bool() const { return owner_ != nullptr; }
    ConnectionRefusal refusal() const { return refusal_; }
    void Release();

   private:
    friend class ConnectionLimits;
    ConnectionLimits* owner_ = nullptr;
    dataplane::IpAddress address_;
    ConnectionRefusal refusal_ = ConnectionRefusal::kNone;
  };
  Slot Admit(const dataplane::IpAddress& address);

  uint32_t open() const { return open_; }
  // Refused so far, by limit.
  uint64_t refused(ConnectionRefusal by) const { return refused_[static_cast<uint8_t>(by)]; }

 private:
  Slot Refuse(ConnectionRefusal by);
  void Leave(const dataplane::IpAddress& address);

  const ConnectionLimitOptions options_;
  uint32_t open_ = 0;
  uint64_t refused_[4] = {};
  // Only of what is open, so bounded by options_.total.
  absl::flat_hash_map<dataplane::Prefix, uint32_t> by_address_;
  absl::flat_hash_map<dataplane::Prefix, uint32_t> by_prefix_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_LIMITS_H_
