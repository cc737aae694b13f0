// The frame header of yamux (specification: yamux, and HashiCorp's): version u8 (0), type u8, flags
// u16, stream u32, length u32, all big-endian, 12 bytes.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_FRAME_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace noisegate::libp2p {

inline constexpr size_t kYamuxHeaderSize = 12;               // bytes
inline constexpr uint32_t kYamuxInitialWindow = 256 * 1024;  // bytes, fixed by the specification

enum class YamuxType : uint8_t { kData = 0, kWindowUpdate = 1, kPing = 2, kGoAway = 3 };

inline constexpr uint16_t kYamuxSyn = 1;
inline constexpr uint16_t kYamuxAck = 2;
inline constexpr uint16_t kYamuxFin = 4;
inline constexpr uint16_t kYamuxRst = 8;

// The length of a GoAway frame.
enum class YamuxGoAway : uint32_t { kNormal = 0, kProtocolError = 1, kInternalError = 2 };

struct YamuxHeader {
  uint8_t version = 0;
  YamuxType type = YamuxType::kData;
  uint16_t flags = 0;
  uint32_t stream = 0;
  uint32_t length = 0;  // Data: bytes that follow; WindowUpdate: credit; Ping: opaque; GoAway: why
  bool operator==(const YamuxHeader&) const = default;
};

// Any 12 bytes; the type may be one that does not exist.
YamuxHeader DecodeYamuxHeader(std::span<const uint8_t, kYamuxHeaderSize> bytes);
void EncodeYamuxHeader(const YamuxHeader& header, std::span<uint8_t, kYamuxHeaderSize> bytes);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_FRAME_H_
