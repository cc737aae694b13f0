// AuthIntro: the identity that a sig message carries, as bytes and as values (docs/protocol.md).
#ifndef NOISEGATE_CONTROLPLANE_AUTH_INTRO_H_
#define NOISEGATE_CONTROLPLANE_AUTH_INTRO_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/capabilities.h"

namespace noisegate::controlplane {

// Bounds of what is parsed: an RSA key of 4,096 bits and its signature fit.
inline constexpr size_t kMaxPublicKeySize = 1024;  // bytes of PKIX DER
inline constexpr size_t kMaxSignatureSize = 512;   // bytes
inline constexpr size_t kMaxAuthIntroSize = kMaxPublicKeySize + kMaxSignatureSize + 256;
inline constexpr uint32_t kMaxStripes = 4096;

struct AuthIntro {
  std::vector<uint8_t> public_key;  // PKIX DER, not looked into
  std::vector<uint8_t> signature;
  Capabilities capabilities;        // version 0 is not written
  bool operator==(const AuthIntro&) const = default;
};

std::vector<uint8_t> SerializeAuthIntro(const AuthIntro& intro);

// nullopt for what is not protobuf, lacks a key or a signature, or exceeds the bounds. Unknown fields
// are skipped, for peers that are newer than we are. Stripes come out as 1 … kMaxStripes.
std::optional<AuthIntro> ParseAuthIntro(std::span<const uint8_t> bytes);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_AUTH_INTRO_H_
