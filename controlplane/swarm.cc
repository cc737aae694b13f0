#include "controlplane/swarm.h"

namespace noisegate::controlplane {

std::string PeerAddress::ToString() const { return peer.ToString() + "@" + endpoint.ToString(); }

absl::StatusOr<PeerAddress> PeerAddress::Parse(std::string_view text) {
  // '@' is in neither alphabet, so the first one is the only one that a good address has.
  const size_t at = text.find('@');
  if (at == std::string_view::npos) {
    return absl::InvalidArgumentError("expected PEERID@ip:port");
  }
  auto peer = crypto::PeerId::Parse(text.substr(0, at));
  if (!peer.ok()) return peer.status();
  auto endpoint = dataplane::Endpoint::Parse(text.substr(at + 1));
  if (!endpoint.ok()) return endpoint.status();
  return PeerAddress{*peer, *endpoint};
}

}  // namespace noisegate::controlplane
