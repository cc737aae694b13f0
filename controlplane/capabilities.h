// What the other side of a session says it can do.
#ifndef NOISEGATE_CONTROLPLANE_CAPABILITIES_H_
#define NOISEGATE_CONTROLPLANE_CAPABILITIES_H_

#include <cstdint>

namespace noisegate::controlplane {

// AuthIntro field 15; the zero value is an original peer (docs/protocol.md).
struct Capabilities {
  uint32_t version = 0;   // 0: it sent none, an original peer
  uint32_t stripes = 1;
  uint64_t features = 0;
  static constexpr uint64_t kPassiveKeepAlive = 1;  // answers data with an empty message within 1 s

  bool is_original() const { return version == 0; }
  bool has(uint64_t feature) const { return (features & feature) != 0; }
  bool operator==(const Capabilities&) const = default;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_CAPABILITIES_H_
