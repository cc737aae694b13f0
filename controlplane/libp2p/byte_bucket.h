// A byte rate with a bounded burst: how relayed circuits are shaped.
//
//   const uint64_t now_allowed = bucket.Available(now);
//   if (now_allowed == 0) WaitUntil(bucket.ReadyAt(now));
//   bucket.Take(now, sent);
//
// Takes may overdraw: a chunk that several buckets must pass goes when all have something, and the
// debt is waited off. So a small rate delays, and never cuts, what is larger than its burst.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_BUCKET_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_BUCKET_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace noisegate::libp2p {

// One thread.
class ByteBucket {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr uint64_t kMinBurst = 16'384;  // bytes; what a frame carries

  // 0 bytes a second: no limit.
  explicit ByteBucket(uint64_t bytes_per_second = 0) : rate_(bytes_per_second) {}

  // The bytes gathered so far stay, up to the new burst.
  void SetRate(uint64_t bytes_per_second) { rate_ = bytes_per_second; }

  // Bytes that may go now; UINT64_MAX without a limit.
  uint64_t Available(TimePoint now) {
    if (rate_ == 0) return UINT64_MAX;
    Refill(now);
    return tokens_ > 0 ? static_cast<uint64_t>(tokens_) : 0;
  }

  void Take(TimePoint now, uint64_t bytes) {
    if (rate_ == 0) return;
    Refill(now);
    tokens_ -= static_cast<double>(bytes);
  }

  // When there will be enough to be worth waking for: a quarter of the burst.
  TimePoint ReadyAt(TimePoint now) {
    if (rate_ == 0) return now;
    Refill(now);
    const double missing = Burst() / 4 - tokens_;
    if (missing <= 0) return now;
    const auto wait = std::chrono::duration<double>(missing / static_cast<double>(rate_));
    return now + std::chrono::ceil<std::chrono::microseconds>(wait);
  }

 private:
  // A tenth of a second's worth.
  double Burst() const {
    return static_cast<double>(std::max<uint64_t>(rate_ / 10, kMinBurst));
  }
  void Refill(TimePoint now) {
    if (!started_) {
      started_ = true;
      tokens_ = Burst();
    } else if (now > filled_at_) {
      const double seconds = std::chrono::duration<double>(now - filled_at_).count();
      tokens_ = std::min(Burst(), tokens_ + seconds * static_cast<double>(rate_));
    }
    filled_at_ = std::max(filled_at_, now);
  }

  uint64_t rate_;
  bool started_ = false;
  double tokens_ = 0;  // bytes; negative while a debt is waited off
  TimePoint filled_at_{};
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_BUCKET_H_
