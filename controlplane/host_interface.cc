#include "controlplane/host_interface.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/log.h"
#include "dataplane/header_template.h"

namespace noisegate::controlplane {

absl::StatusOr<std::unique_ptr<HostInterface>> HostInterface::Open(const config::Port& port,
                                                                   uint16_t mtu) {
  const auto annotate = [&](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("port ", port.name, " (", port.device_name,
                                                    "): ", status.message()));
  };
  auto netlink = Netlink::Open();
  if (!netlink.ok()) return annotate(netlink.status());
  auto index = Netlink::InterfaceIndex(port.device_name);
  if (!index.ok()) return annotate(index.status());
  if (auto up = (*netlink)->SetLinkUp(*index, mtu); !up.ok()) return annotate(up);
  for (const dataplane::Prefix& address : port.host_addresses) {
    if (auto added = (*netlink)->AddAddress(*index, address); !added.ok()) return annotate(added);
  }
  return std::unique_ptr<HostInterface>(new HostInterface(port, *std::move(netlink), *index));
}

const dataplane::IpAddress* HostInterface::Via(const dataplane::Prefix& prefix) const {
  for (const dataplane::Prefix& address : port_.addresses) {
    if (address.address.is_v4() == prefix.address.is_v4()) return &address.address;
  }
  return nullptr;
}

void HostInterface::SetRoutes(std::span<const dataplane::Prefix> prefixes) {
  if (!port_.host_routes) return;
  std::set<dataplane::Prefix> wanted;
  for (const dataplane::Prefix& prefix : prefixes) wanted.insert(prefix.Masked());

  for (auto route = routes_.begin(); route != routes_.end();) {
    if (wanted.contains(*route)) {
      ++route;
      continue;
    }
    const absl::Status removed = netlink_->RemoveRoute(index_, *route, *Via(*route));
    if (!removed.ok() && !absl::IsNotFound(removed)) {
      Log(LogLevel::kWarning, absl::StrCat("port ", port_.name, ": ", removed.message()));
    }
    route = routes_.erase(route);
  }
  for (const dataplane::Prefix& prefix : wanted) {
    if (routes_.contains(prefix)) continue;
    const dataplane::IpAddress* via = Via(prefix);
    if (via == nullptr) {
      Log(LogLevel::kInfo,
          absl::StrCat("port ", port_.name, ": no kernel route to ", prefix.ToString(),
                       ": the port has no address of that family"));
      continue;
    }
    const absl::Status added = netlink_->AddRoute(index_, prefix, *via);
    if (added.ok()) {
      routes_.insert(prefix);
    } else {
      Log(LogLevel::kWarning, absl::StrCat("port ", port_.name, ": ", added.message()));
    }
  }
}

uint16_t OverlayMtu(const config::Config& config) {
  uint32_t mtu = UINT16_MAX;
  for (const config::Port& port : config.ports) {
    if (port.side != config::Side::kUnderlay) continue;
    const bool v6 = std::any_of(port.addresses.begin(), port.addresses.end(),
                                [](const auto& address) { return !address.address.is_v4(); });
    mtu = std::min(mtu, dataplane::MaxInnerSize(port.mtu, v6));
  }
  return static_cast<uint16_t>(mtu);
}

}  // namespace noisegate::controlplane
