#include "controlplane/local_addresses.h"

#include <algorithm>

namespace noisegate::controlplane {

LocalAddresses::LocalAddresses(const config::Config& config,
                               const dataplane::Dataplane& dataplane) {
  for (size_t i = 0; i < config.ports.size(); ++i) {
    const dataplane::PortInfo& info = dataplane.port_info(static_cast<dataplane::PortIndex>(i));
    ports_.push_back({info.side, info.mac, config.ports[i].addresses});
  }
}

bool LocalAddresses::OnPort(dataplane::PortIndex port, const dataplane::IpAddress& address) const {
  if (port >= ports_.size()) return false;
  const auto& addresses = ports_[port].addresses;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const auto& own) { return own.address == address; });
}

bool LocalAddresses::OnSide(dataplane::Side side, const dataplane::IpAddress& address) const {
  for (size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i].side == side && OnPort(static_cast<dataplane::PortIndex>(i), address)) {
      return true;
    }
  }
  return false;
}

std::optional<dataplane::IpAddress> LocalAddresses::SourceFor(
    dataplane::PortIndex port, const dataplane::IpAddress& neighbour) const {
  if (port >= ports_.size()) return std::nullopt;
  std::optional<dataplane::IpAddress> source;
  for (const dataplane::Prefix& own : ports_[port].addresses) {
    if (own.Contains(neighbour)) return own.address;
    if (!source && own.address.is_v4() == neighbour.is_v4()) source = own.address;
  }
  return source;
}

std::optional<dataplane::IpAddress> LocalAddresses::OnOverlay(bool v4) const {
  for (const Port& port : ports_) {
    if (port.side != dataplane::Side::kOverlay) continue;
    for (const dataplane::Prefix& own : port.addresses) {
      if (own.address.is_v4() == v4) return own.address;
    }
  }
  return std::nullopt;
}

}  // namespace noisegate::controlplane
