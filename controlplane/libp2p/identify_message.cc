#include "controlplane/libp2p/identify_message.h"

#include "absl/status/status.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/protobuf.h"
#include "controlplane/libp2p/wire.pb.h"

namespace noisegate::libp2p {

std::vector<uint8_t> SerializeIdentify(const IdentifyMessage& message) {
  wire::Identify wire;
  wire.set_protocol_version(message.protocol_version);
  wire.set_agent_version(message.agent_version);
  wire.set_public_key(TextOf(message.public_key));
  for (const Multiaddr& address : message.listen_addresses) {
    wire.add_listen_addrs(TextOf(address.ToBytes()));
  }
  if (message.observed_address) {
    wire.set_observed_addr(TextOf(message.observed_address->ToBytes()));
  }
  for (const std::string& protocol : message.protocols) wire.add_protocols(protocol);
  if (!message.signed_peer_record.empty()) {
    wire.set_signed_peer_record(TextOf(message.signed_peer_record));
  }
  return Serialize(wire);
}

absl::StatusOr<IdentifyMessage> ParseIdentify(std::span<const uint8_t> body) {
  wire::Identify wire;
  if (body.size() > kMaxIdentifyMessage || !ParseMessage(body, wire)) {
    return absl::InvalidArgumentError("not an identify message");
  }
  IdentifyMessage message{
      .protocol_version = wire.protocol_version(),
      .agent_version = wire.agent_version(),
      .public_key = CopyOf(wire.public_key()),
      .listen_addresses = ReadAddresses(wire.listen_addrs(), kMaxIdentifyEntries),
      .observed_address = std::nullopt,
      .protocols = {},
      .signed_peer_record = CopyOf(wire.signed_peer_record())};
  absl::StatusOr<Multiaddr> observed = Multiaddr::FromBytes(BytesOf(wire.observed_addr()));
  if (observed.ok()) message.observed_address = *std::move(observed);
  for (const std::string& protocol : wire.protocols()) {
    if (message.protocols.size() == kMaxIdentifyEntries) break;
    message.protocols.push_back(protocol);
  }
  return message;
}

}  // namespace noisegate::libp2p
