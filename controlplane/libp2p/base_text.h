// Bytes as text in the bases that peer ids and multiaddrs use: base58btc, base36, base32 and
// base64url (multibase).
//
// Decoding is strict: lower case only where an alphabet has one case, no padding, no left-over
// bits.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_BASE_TEXT_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_BASE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace noisegate::libp2p {

enum class Base : uint8_t {
  k58,  // Bitcoin's alphabet; big-endian number, a leading zero byte is a leading '1'
  k36,  // 0-9 a-z; big-endian number, a leading zero byte is a leading '0'
  k32,  // RFC 4648 in lower case, no padding
  k64,  // RFC 4648 for URLs, no padding
};

// 58 and 36 take time in the square of the size, so longer text is refused by DecodeBase.
inline constexpr size_t kMaxBaseTextSize = 128;  // characters

// 'z', 'k', 'b' and 'u': how multibase text says its base. nullopt for other letters.
std::optional<Base> BaseOfPrefix(char prefix);

std::string EncodeBase(Base base, std::span<const uint8_t> bytes);
std::optional<std::vector<uint8_t>> DecodeBase(Base base, std::string_view text);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_BASE_TEXT_H_
