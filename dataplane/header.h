// The 4-byte header of every Noise Swarm datagram (docs/protocol.md): big-endian, bit 31 direction,
// bits 30..0 counter.
#ifndef NOISEGATE_DATAPLANE_HEADER_H_
#define NOISEGATE_DATAPLANE_HEADER_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/bytes.h"

namespace noisegate::dataplane {

inline constexpr size_t kHeaderSize = 4;  // bytes
inline constexpr size_t kTagSize = 16;    // bytes
inline constexpr size_t kOverhead = kHeaderSize + kTagSize;

enum class Direction : uint8_t { kInitiatorToResponder = 0, kResponderToInitiator = 1 };
enum class Role : uint8_t { kInitiator = 0, kResponder = 1 };

inline constexpr uint32_t kCounterInit = 0;
inline constexpr uint32_t kCounterResp = 1;
inline constexpr uint32_t kCounterSigInitiator = 2;
inline constexpr uint32_t kCounterSigResponder = 3;
inline constexpr uint32_t kCounterFirstMessage = 4;
inline constexpr uint32_t kCounterLastMessage = 0x7ffffffe;  // 2^31-2
inline constexpr uint32_t kCounterClose = 0x7fffffff;        // 2^31-1

struct Header {
  Direction direction;
  uint32_t counter;

  constexpr bool is_message() const {
    return counter >= kCounterFirstMessage && counter <= kCounterLastMessage;
  }
  bool operator==(const Header&) const = default;
};

constexpr uint32_t EncodeHeader(Header h) {
  return (static_cast<uint32_t>(h.direction) << 31) | h.counter;
}
constexpr Header DecodeHeader(uint32_t word) {
  return {static_cast<Direction>(word >> 31), word & 0x7fffffff};
}

// The direction in which a session of this role sends; it receives in the other.
constexpr Direction SendDirection(Role role) {
  return role == Role::kInitiator ? Direction::kInitiatorToResponder
                                  : Direction::kResponderToInitiator;
}
constexpr Direction ReceiveDirection(Role role) {
  return role == Role::kInitiator ? Direction::kResponderToInitiator
                                  : Direction::kInitiatorToResponder;
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_HEADER_H_
