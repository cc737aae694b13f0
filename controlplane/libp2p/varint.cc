#include "controlplane/libp2p/varint.h"

#include <cassert>

namespace noisegate::libp2p {

Varint ReadVarint(std::span<const uint8_t> bytes) {
  Varint varint;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == kMaxVarintSize) break;
    varint.value |= static_cast<uint64_t>(bytes[i] & 0x7f) << (7 * i);
    if ((bytes[i] & 0x80) != 0) continue;
    // A last group of zeros adds nothing: the same value has a shorter form.
    const bool shortest = i == 0 || bytes[i] != 0;
    varint.state = shortest ? Varint::State::kOk : Varint::State::kMalformed;
    varint.size = i + 1;
    return varint;
  }
  const bool too_long = bytes.size() >= kMaxVarintSize;
  return {.state = too_long ? Varint::State::kMalformed : Varint::State::kIncomplete};
}

void AppendVarint(uint64_t value, std::vector<uint8_t>& out) {
  assert(value >> 63 == 0);
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

}  // namespace noisegate::libp2p
