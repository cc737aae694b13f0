// What /ipfs/id/1.0.0 and /ipfs/id/push/1.0.0 carry (specification: identify).
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_IDENTIFY_MESSAGE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_IDENTIFY_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/multiaddr.h"

namespace noisegate::libp2p {

inline constexpr std::string_view kIdentifyProtocol = "/ipfs/id/1.0.0";
inline constexpr std::string_view kIdentifyPushProtocol = "/ipfs/id/push/1.0.0";
inline constexpr size_t kMaxIdentifyEntries = 256;  // addresses or protocols; more are left out

struct IdentifyMessage {
  std::string protocol_version = {};
  std::string agent_version = {};
  std::vector<uint8_t> public_key = {};  // protobuf PublicKey; compare with the connection's
  std::vector<Multiaddr> listen_addresses = {};
  std::optional<Multiaddr> observed_address = std::nullopt;
  std::vector<std::string> protocols = {};
  std::vector<uint8_t> signed_peer_record = {};  // envelope; empty if there is none
  bool operator==(const IdentifyMessage&) const = default;
};

// Protobuf body, without size in front.
std::vector<uint8_t> SerializeIdentify(const IdentifyMessage& message);

// `body` may be several bodies one behind the other, which is how a long answer is sent: later
// single fields win, lists add up. Addresses that we cannot read are left out. InvalidArgument if
// it is not protobuf or exceeds kMaxIdentifyMessage.
absl::StatusOr<IdentifyMessage> ParseIdentify(std::span<const uint8_t> body);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_IDENTIFY_MESSAGE_H_
