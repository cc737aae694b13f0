#include "controlplane/icmp_errors.h"

#include <optional>

#include "absl/hash/hash.h"
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
  if (!source || !TakeToken(now, error, dataplane::SourceAddress(packet.data(), ip))) return;
  const std::vector<uint8_t> answer = dataplane::BuildIcmpError(error, mtu, *source, packet);
  // Best effort: an error about an error is never sent.
  if (!answer.empty()) (void)dataplane_.Reinject(answer, dataplane::kNoPeer, {});
}

bool IcmpErrors::TakeToken(TimePoint now, dataplane::IcmpError error,
                           const dataplane::IpAddress& sender) {
  constexpr uint64_t kSecond = 1'000'000'000;  // ns
  const auto ns = static_cast<uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count());
  // The sender is asked first: what it is refused must not cost the others a token.
  return senders_[absl::HashOf(sender) % kCells].Take(ns, kSecond / kPerSecondOfSender, kSecond) &&
         kinds_[static_cast<size_t>(error)].Take(ns, kSecond / kPerSecond, kSecond);
}

}  // namespace noisegate::controlplane
