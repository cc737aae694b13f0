#include "controlplane/hints.h"

#include "absl/hash/hash.h"
#include "controlplane/sealed_datagram.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Direction;
using dataplane::Header;
using dataplane::kHeaderSize;

constexpr uint8_t kTypeNoSession = 2;
constexpr size_t kHintSize = kHeaderSize + 1 + kHeaderSize;

Direction Opposite(Direction direction) {
  return direction == Direction::kInitiatorToResponder ? Direction::kResponderToInitiator
                                                       : Direction::kInitiatorToResponder;
}

}  // namespace

std::vector<uint8_t> BuildNoSessionHint(Header refused) {
  std::vector<uint8_t> hint =
      BareDatagram({Opposite(refused.direction), dataplane::kCounterResp});
  hint.push_back(kTypeNoSession);
  hint.resize(kHintSize);
  dataplane::StoreBe32(&hint[kHeaderSize + 1], dataplane::EncodeHeader(refused));
  return hint;
}

std::optional<Header> ParseNoSessionHint(std::span<const uint8_t> datagram) {
  if (datagram.size() != kHintSize || datagram[kHeaderSize] != kTypeNoSession) return std::nullopt;
  const Header header = HeaderOf(datagram);
  const Header refused = HeaderOf(datagram.subspan(kHeaderSize + 1));
  if (header != Header{Opposite(refused.direction), dataplane::kCounterResp}) return std::nullopt;
  if (!refused.is_message()) return std::nullopt;
  return refused;
}

bool HintLimiter::Allow(TimePoint now, const Path& path) {
  TimePoint& last = last_[absl::HashOf(path) % kCells];
  if (last != TimePoint::min() && now - last < interval_) return false;
  if (second_ == TimePoint::min() || now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    used_ = 0;
  }
  if (used_ == kPerSecond) return false;
  ++used_;
  last = now;
  return true;
}

}  // namespace noisegate::controlplane
