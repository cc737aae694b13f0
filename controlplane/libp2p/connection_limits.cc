#include "controlplane/libp2p/connection_limits.h"

#include <utility>

#include "controlplane/libp2p/counts.h"

namespace noisegate::libp2p {

dataplane::Prefix OneAddress(const dataplane::IpAddress& address) {
  return dataplane::Prefix{address, static_cast<uint8_t>(address.is_v4() ? 32 : 64)}.Masked();
}

dataplane::Prefix PrefixOf(const dataplane::IpAddress& address) {
  return dataplane::Prefix{address, static_cast<uint8_t>(address.is_v4() ? 24 : 48)}.Masked();
}

ConnectionLimits::Slot::Slot(Slot&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      address_(other.address_),
      refusal_(other.refusal_) {}

ConnectionLimits::Slot& ConnectionLimits::Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    Release();
    owner_ = std::exchange(other.owner_, nullptr);
    address_ = other.address_;
    refusal_ = other.refusal_;
  }
  return *this;
}

void ConnectionLimits::Slot::Release() {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->Leave(address_);
}

ConnectionLimits::Slot ConnectionLimits::Admit(const dataplane::IpAddress& address) {
  const dataplane::Prefix one = OneAddress(address);
  const dataplane::Prefix prefix = PrefixOf(address);
  if (open_ >= options_.total) return Refuse(ConnectionRefusal::kTotal);
  if (CountOf(by_address_, one) >= options_.per_address) {
    return Refuse(ConnectionRefusal::kAddress);
  }
  if (CountOf(by_prefix_, prefix) >= options_.per_prefix) return Refuse(ConnectionRefusal::kPrefix);
  ++open_;
  ++by_address_[one];
  ++by_prefix_[prefix];
  Slot slot;
  slot.owner_ = this;
  slot.address_ = address;
  return slot;
}

ConnectionLimits::Slot ConnectionLimits::Refuse(ConnectionRefusal by) {
  ++refused_[static_cast<uint8_t>(by)];
  Slot slot;
  slot.refusal_ = by;
  return slot;
}

void ConnectionLimits::Leave(const dataplane::IpAddress& address) {
  --open_;
  CountDown(by_address_, OneAddress(address));
  CountDown(by_prefix_, PrefixOf(address));
}

}  // namespace noisegate::libp2p
