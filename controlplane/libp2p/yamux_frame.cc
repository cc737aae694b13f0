#include "controlplane/libp2p/yamux_frame.h"

#include "dataplane/bytes.h"

namespace noisegate::libp2p {

YamuxHeader DecodeYamuxHeader(std::span<const uint8_t, kYamuxHeaderSize> bytes) {
  return {.version = bytes[0],
          .type = static_cast<YamuxType>(bytes[1]),
          .flags = dataplane::LoadBe16(&bytes[2]),
          .stream = dataplane::LoadBe32(&bytes[4]),
          .length = dataplane::LoadBe32(&bytes[8])};
}

void EncodeYamuxHeader(const YamuxHeader& header, std::span<uint8_t, kYamuxHeaderSize> bytes) {
  bytes[0] = header.version;
  bytes[1] = static_cast<uint8_t>(header.type);
  dataplane::StoreBe16(&bytes[2], header.flags);
  dataplane::StoreBe32(&bytes[4], header.stream);
  dataplane::StoreBe32(&bytes[8], header.length);
}

}  // namespace noisegate::libp2p
