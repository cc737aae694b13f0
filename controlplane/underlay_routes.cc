#include "controlplane/underlay_routes.h"

namespace noisegate::controlplane {

UnderlayRoutes::UnderlayRoutes(std::span<const config::Port> ports) {
  for (size_t i = 0; i < ports.size(); ++i) {
    const config::Port& port = ports[i];
    if (port.side != config::Side::kUnderlay) continue;
    for (const dataplane::Prefix& address : port.addresses) {
      sources_.push_back({static_cast<dataplane::PortIndex>(i), address,
                          address.address.is_v4() ? port.gateway_v4 : port.gateway_v6, port.mtu});
    }
  }
}

std::optional<UnderlayRoutes::Hop> UnderlayRoutes::To(
    const dataplane::IpAddress& destination) const {
  const Source* best = nullptr;
  for (const Source& source : sources_) {
    if (source.address.Contains(destination) &&
        (best == nullptr || source.address.length > best->address.length)) {
      best = &source;
    }
  }
  if (best != nullptr) return Over(*best, destination);
  for (const Source& source : sources_) {
    if (const auto hop = Over(source, destination)) return hop;
  }
  return std::nullopt;
}

std::optional<UnderlayRoutes::Hop> UnderlayRoutes::From(
    dataplane::PortIndex port, const dataplane::IpAddress& local_address,
    const dataplane::IpAddress& destination) const {
  for (const Source& source : sources_) {
    if (source.port == port && source.address.address == local_address) {
      return Over(source, destination);
    }
  }
  return std::nullopt;
}

std::optional<UnderlayRoutes::Hop> UnderlayRoutes::Over(const Source& source,
                                                        const dataplane::IpAddress& destination) {
  const dataplane::IpAddress& local = source.address.address;
  if (local.is_v4() != destination.is_v4()) return std::nullopt;
  if (destination.is_link_local() || source.address.Contains(destination)) {
    return Hop{source.port, local, destination, source.mtu};
  }
  if (!source.gateway) return std::nullopt;
  return Hop{source.port, local, *source.gateway, source.mtu};
}

std::vector<dataplane::IpAddress> UnderlayRoutes::LocalAddresses() const {
  std::vector<dataplane::IpAddress> addresses;
  for (const Source& source : sources_) addresses.push_back(source.address.address);
  return addresses;
}

}  // namespace noisegate::controlplane
