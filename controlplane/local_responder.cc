#include "controlplane/local_responder.h"

#include <cstring>
#include <optional>
#include <vector>

#include "dataplane/control_packet.h"
#include "dataplane/packet.h"

namespace noisegate::controlplane {

using dataplane::MacAddress;
using dataplane::PortIndex;

void LocalResponder::HandleFrame(PortIndex port, std::span<const uint8_t> frame) {
  if (HandleArp(port, frame) || HandleNeighbour(port, frame) || HandleEcho(port, frame)) return;
  dataplane_.CountDrop(dataplane::DropReason::kUnsupported);
}

bool LocalResponder::HandleArp(PortIndex port, std::span<const uint8_t> frame) {
  const auto message = dataplane::ParseArp(frame);
  if (!message) return false;
  neighbours_.Learn(port, *message);
  if (message->operation == dataplane::ArpMessage::Operation::kRequest &&
      addresses_.OnPort(port, message->target)) {
    Transmit(port, dataplane::BuildArpReply(*message, addresses_.ports()[port].mac));
  }
  return true;
}

bool LocalResponder::HandleNeighbour(PortIndex port, std::span<const uint8_t> frame) {
  const auto message = dataplane::ParseNeighbour(frame);
  if (!message) return false;
  neighbours_.Learn(port, *message);
  if (message->kind == dataplane::NeighbourMessage::Kind::kSolicitation &&
      addresses_.OnPort(port, message->target)) {
    Transmit(port, dataplane::BuildAdvertisement(*message, addresses_.ports()[port].mac));
  }
  return true;
}

bool LocalResponder::HandleEcho(PortIndex port, std::span<const uint8_t> frame) {
  dataplane::EthernetFrame ethernet;
  dataplane::IpPacket ip;
  const auto size = static_cast<uint32_t>(frame.size());
  if (!dataplane::ParseEthernet(frame.data(), size, &ethernet)) return false;
  const uint8_t* packet = frame.data() + ethernet.l3_offset;
  if (!dataplane::ParseIp(packet, size - ethernet.l3_offset, &ip)) return false;
  if (!addresses_.OnSide(addresses_.ports()[port].side,
                         dataplane::DestinationAddress(packet, ip))) {
    return false;
  }
  const std::vector<uint8_t> reply = dataplane::BuildEchoReply({packet, ip.size});
  if (reply.empty()) return false;
  // Straight back to whoever handed it over: right on every link, and nothing to resolve.
  MacAddress asker;
  std::memcpy(asker.bytes.data(), frame.data() + asker.bytes.size(), asker.bytes.size());
  Transmit(port,
           dataplane::BuildFrame(asker, addresses_.ports()[port].mac, ethernet.ether_type, reply));
  return true;
}

void LocalResponder::HandleInner(std::span<const uint8_t> packet) {
  const std::vector<uint8_t> reply = dataplane::BuildEchoReply(packet);
  if (reply.empty()) {
    dataplane_.CountDrop(dataplane::DropReason::kUnsupported);
    return;
  }
  (void)dataplane_.Reinject(reply, dataplane::kNoPeer, {});
}

void LocalResponder::Announce() {
  for (PortIndex port = 0; port < addresses_.ports().size(); ++port) {
    const LocalAddresses::Port& local = addresses_.ports()[port];
    for (const dataplane::Prefix& own : local.addresses) {
      Transmit(port, own.address.is_v4()
                         ? dataplane::BuildArpRequest(local.mac, own.address, own.address)
                         : dataplane::BuildUnsolicitedAdvertisement(local.mac, own.address));
    }
  }
}

void LocalResponder::Transmit(PortIndex port, std::span<const uint8_t> frame) {
  // Best effort, and counted by the data plane: whoever asked asks again.
  if (!frame.empty()) (void)dataplane_.TransmitFrame(port, frame);
}

}  // namespace noisegate::controlplane
