// Messages behind a uvarint of their size, as identify and circuit relay frame their protobufs.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_LENGTH_PREFIXED_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_LENGTH_PREFIXED_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace noisegate::libp2p {

inline constexpr size_t kMaxCircuitMessage = 4096;   // bytes, hop and stop
inline constexpr size_t kMaxIdentifyMessage = 8192;  // bytes, all parts of one answer

std::vector<uint8_t> WithLengthPrefix(std::span<const uint8_t> message);

// Reads one message without I/O. Memory is bounded by the largest message.
class LengthPrefixedReader {
 public:
  enum class State : uint8_t {
    kRunning,
    kDone,
    kMalformedLength,
    kTooLong,    // more than max_size was announced
    kTruncated,  // the stream ended inside the message, or before it
  };

  explicit LengthPrefixedReader(size_t max_size = kMaxCircuitMessage) : max_size_(max_size) {}

  // Takes what belongs to the message and returns how many bytes that was; the rest is the
  // caller's.
  size_t Receive(std::span<const uint8_t> bytes);
  // The stream ended.
  void ReceiveEnd();

  State state() const { return state_; }
  // Requires kDone. Begins anew with the next message.
  std::vector<uint8_t> TakeMessage();

 private:
  const size_t max_size_;
  std::vector<uint8_t> prefix_;
  std::vector<uint8_t> message_;
  size_t size_ = 0;
  bool size_known_ = false;
  State state_ = State::kRunning;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_LENGTH_PREFIXED_H_
