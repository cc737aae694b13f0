#include "controlplane/datapath_swarm.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/bytes.h"
#include "dataplane/header_template.h"

namespace noisegate::controlplane {
namespace {

using dataplane::HeaderTemplate;

// The frame of one datagram, for a destination MAC that is filled in later.
std::vector<uint8_t> BuildFrame(const HeaderTemplate& headers, std::span<const uint8_t> datagram) {
  std::vector<uint8_t> room(HeaderTemplate::kRoom + datagram.size() - dataplane::kHeaderSize);
  uint8_t* body = room.data() + HeaderTemplate::kRoom;
  const std::span<const uint8_t> rest = datagram.subspan(dataplane::kHeaderSize);
  std::copy(rest.begin(), rest.end(), body);
  const uint8_t* frame = dataplane::StampHeader(headers, body, static_cast<uint32_t>(rest.size()),
                                                dataplane::LoadBe32(datagram.data()), /*ecn=*/0,
                                                dataplane::UdpChecksum::kFull);
  return {frame, static_cast<const uint8_t*>(room.data()) + room.size()};
}

}  // namespace

DataPathSwarm::DataPathSwarm(dataplane::Dataplane& dataplane, const UnderlayRoutes& routes,
                             const LocalAddresses& addresses, Neighbours& neighbours,
                             uint16_t listen_port, uint16_t stripes, PuntHandler others)
    : dataplane_(dataplane),
      routes_(routes),
      addresses_(addresses),
      neighbours_(neighbours),
      listen_port_(listen_port),
      stripes_(stripes),
      others_(std::move(others)) {}

absl::Status DataPathSwarm::Tell(uint16_t stripe, const dataplane::Endpoint& destination,
                                 std::span<const uint8_t> datagram) {
  if (stripe >= stripes_) {
    return absl::InvalidArgumentError(absl::StrCat("there is no stripe ", stripe));
  }
  const std::optional<UnderlayRoutes::Hop> hop = HopTo({stripe, destination});
  if (!hop) {
    return absl::NotFoundError(absl::StrCat("no underlay port leads to ", destination.ToString()));
  }
  if (datagram.size() < dataplane::kHeaderSize || datagram.size() > Mtu(destination)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a datagram of ", datagram.size(), " bytes cannot be sent"));
  }
  dataplane::HeaderTemplateOptions options;
  options.source_mac = addresses_.ports()[hop->port].mac;
  options.local_address = hop->local_address;
  options.local_port = static_cast<uint16_t>(listen_port_ + stripe);
  options.remote = destination;
  neighbours_.Send(hop->port, hop->next_hop,
                   BuildFrame(dataplane::BuildHeaderTemplate(options), datagram));
  return absl::OkStatus();
}

size_t DataPathSwarm::Receive(size_t limit, const Receiver& receiver) {
  return dataplane_.DrainPunts(limit, [&](const dataplane::Punt& punt) {
    if (punt.kind != dataplane::PuntKind::kHandshake &&
        punt.kind != dataplane::PuntKind::kNoSession) {
      others_(punt);
      return;
    }
    receiving_ = Receiving{{punt.worker, punt.source}, {punt.port, punt.local_address}};
    receiver(punt.source, punt.worker, punt.bytes);
    receiving_.reset();
  });
}

size_t DataPathSwarm::Mtu(const dataplane::Endpoint& destination) const {
  const std::optional<UnderlayRoutes::Hop> hop = routes_.To(destination.address);
  if (!hop) return 0;
  const bool v6 = !destination.address.is_v4();
  return dataplane::MaxInnerSize(hop->mtu, v6) + dataplane::kOverhead;
}

std::vector<dataplane::Endpoint> DataPathSwarm::LocalEndpoints() const {
  std::vector<dataplane::Endpoint> endpoints;
  for (const dataplane::IpAddress& address : routes_.LocalAddresses()) {
    for (uint16_t stripe = 0; stripe < stripes_; ++stripe) {
      endpoints.push_back({address, static_cast<uint16_t>(listen_port_ + stripe)});
    }
  }
  return endpoints;
}

std::optional<UnderlayRoutes::Hop> DataPathSwarm::HopTo(const Path& path) const {
  const Here* here = nullptr;
  if (receiving_ && receiving_->path == path) {
    here = &receiving_->here;
  } else if (const auto pinned = pinned_.find(path); pinned != pinned_.end()) {
    here = &pinned->second.here;
  }
  if (here != nullptr) {
    const auto hop = routes_.From(here->port, here->local_address, path.remote.address);
    if (hop) return hop;
  }
  return routes_.To(path.remote.address);
}

void DataPathSwarm::Pin(const Path& path, const UnderlayRoutes::Hop& hop) {
  Pinned& pinned = pinned_[path];
  pinned.here = {hop.port, hop.local_address};
  ++pinned.sessions;
}

void DataPathSwarm::Unpin(const Path& path) {
  const auto pinned = pinned_.find(path);
  if (pinned != pinned_.end() && --pinned->second.sessions == 0) pinned_.erase(pinned);
}

}  // namespace noisegate::controlplane
