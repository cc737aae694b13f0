// What the sources that read and write wire.proto share. For .cc files of this folder only.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_PROTOBUF_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_PROTOBUF_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "controlplane/libp2p/multiaddr.h"
#include "controlplane/libp2p/peer_id.h"

namespace noisegate::libp2p {

inline std::span<const uint8_t> BytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::vector<uint8_t> CopyOf(const std::string& text) { return {text.begin(), text.end()}; }

inline std::string TextOf(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

template <typename Message>
std::vector<uint8_t> Serialize(const Message& message) {
  std::vector<uint8_t> bytes(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(bytes.data());
  return bytes;
}

template <typename Message>
bool ParseMessage(std::span<const uint8_t> bytes, Message& message) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// The first `limit` of those that we can read.
template <typename Field>
std::vector<Multiaddr> ReadAddresses(const Field& field, size_t limit) {
  std::vector<Multiaddr> addresses;
  for (const std::string& bytes : field) {
    if (addresses.size() == limit) break;
    absl::StatusOr<Multiaddr> address = Multiaddr::FromBytes(BytesOf(bytes));
    if (address.ok()) addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_PROTOBUF_H_
