// The handshake patterns of the Noise Protocol Framework, revision 34, sections 7 and 18, without
// psk.
#ifndef NOISEGATE_CRYPTO_NOISE_PATTERN_H_
#define NOISEGATE_CRYPTO_NOISE_PATTERN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace noisegate::crypto {

enum class NoiseToken : uint8_t { kNone, kE, kS, kEe, kEs, kSe, kSs };

inline constexpr size_t kMaxNoiseMessages = 4;  // X1X1 and its like
inline constexpr size_t kMaxNoiseTokens =
    5;  // the first message of IK and X: e, es, s, ss; XX: e, ee, s, es

// The tokens of one message; kNone pads behind them.
using NoiseMessagePattern = std::array<NoiseToken, kMaxNoiseTokens>;

struct NoisePattern {
  std::string_view name;
  bool initiator_static_known;  // pre-message "-> s"
  bool responder_static_known;  // pre-message "<- s"
  uint8_t message_count;
  // Message 0 is the initiator's; they take turns.
  std::array<NoiseMessagePattern, kMaxNoiseMessages> messages;

  // N, K and X: only the initiator ever sends, handshake and transport.
  bool one_way() const { return message_count == 1; }
};

// Every pattern that there is, in the order of the specification.
std::span<const NoisePattern> NoisePatterns();

// By its name, such as "NN" or "XX"; nullptr if there is none. Points into static storage.
const NoisePattern* FindNoisePattern(std::string_view name);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_NOISE_PATTERN_H_
