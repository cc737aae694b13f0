// Unsigned varints as multiformats define them: little-endian groups of 7 bits, shortest form only.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_VARINT_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_VARINT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace noisegate::libp2p {

inline constexpr size_t kMaxVarintSize = 9;  // bytes: values below 2^63

struct Varint {
  enum class State : uint8_t {
    kOk,
    kIncomplete,  // every byte so far says that more follow
    kMalformed,   // longer than kMaxVarintSize, or longer than it needs to be
  };
  State state = State::kIncomplete;
  uint64_t value = 0;
  size_t size = 0;  // bytes that it took
};

// The varint that `bytes` starts with.
Varint ReadVarint(std::span<const uint8_t> bytes);

// Requires value < 2^63.
void AppendVarint(uint64_t value, std::vector<uint8_t>& out);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_VARINT_H_
