// Text as the bytes of a message, and back.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_BYTES_H_
#define NOISEGATE_TESTS_CONTROLPLANE_BYTES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace noisegate::controlplane {

inline std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }
inline std::string Text(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_TESTS_CONTROLPLANE_BYTES_H_
