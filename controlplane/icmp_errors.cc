#include "controlplane/icmp_errors.h"

#include <algorithm>
#include <optional>

#include "dataplane/packet.h"

namespace noisegate::controlplane {

void IcmpErrors::Send(TimePoint now, dataplane::IcmpError error, uint16_t mtu,
                      std::span<const uint8_t> packet) {
  dataplane::IpPacket ip;
  if (!dataplane::ParseIp(packet.data(), static_cast<uint32_t>(packet.size()), &ip)) return;
  std::optional<dataplane::IpAddress> source = addresses_.OnOverlay(ip.is_v4());
  if (!source && error == dataplane::IcmpError::kTooBig) {
    // A relay without an overlay address of its own. Silence would be a black hole, and any address
    // but this one would fall to the receiving gateway's source check.
    source = dataplane::DestinationAddress(packet.data(), ip);
  }
  if (!source || !TakeToken(now)) return;
  const std::vector<uint8_t> answer = dataplane::BuildIcmpError(error, mtu, *source, packet);
  // Best effort: an error about an error is never sent.
  if (!answer.empty()) (void)dataplane_.Reinject(answer, dataplane::kNoPeer, {});
}

bool IcmpErrors::TakeToken(TimePoint now) {
  const std::chrono::duration<double> elapsed = now - filled_;
  filled_ = now;
  tokens_ = std::min(kBurst, tokens_ + elapsed.count() * kPerSecond);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

}  // namespace noisegate::controlplane
