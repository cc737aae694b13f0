// From a bare pipe to a secured one with a known peer: multistream-select, Noise, and where the
// handshake did not settle it, the muxer by multistream-select inside Noise.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_UPGRADE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_UPGRADE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/noise_channel.h"
#include "controlplane/libp2p/noise_handshake.h"
#include "controlplane/libp2p/peer_id.h"

namespace noisegate::libp2p {

enum class UpgradeStep : uint8_t { kNegotiation, kHandshake, kMuxer };

struct UpgradeOptions {
  crypto::NoiseRole role = crypto::NoiseRole::kInitiator;
  const NoiseIdentity* identity = nullptr;  // outlives the upgrade
  crypto::AeadEngine* engine = nullptr;     // outlives what comes of it
  NoiseChannelOptions channel;
  std::optional<PeerId> expected_peer;
  std::chrono::milliseconds step_timeout{10'000};
  // Told about each step when it is done; may be empty.
  std::function<void(UpgradeStep, std::string detail)> done;
};

struct Upgraded {
  std::unique_ptr<Transport> transport;
  PeerId peer;
  crypto::PublicKey peer_key;
  NoiseSealer sealer;
  NoiseOpener opener;
  std::vector<uint8_t> text;  // opened already; belongs to the muxer
};

// Errors name the step and what went wrong in it: Unavailable where the pipe broke, DeadlineExceeded,
// Unauthenticated for whatever is wrong with the peer's proof, InvalidArgument where it does not
// speak the protocol. The pipe is closed then.
Task<absl::StatusOr<Upgraded>> Upgrade(std::unique_ptr<Transport> transport,
                                       UpgradeOptions options);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_UPGRADE_H_
