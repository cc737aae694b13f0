#include "controlplane/auth_intro.h"

#include <algorithm>
#include <string>

#include "controlplane/auth_intro.pb.h"

namespace noisegate::controlplane {

std::vector<uint8_t> SerializeAuthIntro(const AuthIntro& intro) {
  wire::AuthIntro message;
  message.set_public_key(intro.public_key.data(), intro.public_key.size());
  message.set_signature(intro.signature.data(), intro.signature.size());
  if (!intro.capabilities.is_original()) {
    wire::Capabilities& capabilities = *message.mutable_capabilities();
    capabilities.set_version(intro.capabilities.version);
    capabilities.set_stripes(intro.capabilities.stripes);
    capabilities.set_features(intro.capabilities.features);
  }
  std::vector<uint8_t> bytes(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(bytes.data());
  return bytes;
}

std::optional<AuthIntro> ParseAuthIntro(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMaxAuthIntroSize) return std::nullopt;
  wire::AuthIntro message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  const std::string& key = message.public_key();
  const std::string& signature = message.signature();
  if (key.empty() || key.size() > kMaxPublicKeySize) return std::nullopt;
  if (signature.empty() || signature.size() > kMaxSignatureSize) return std::nullopt;

  AuthIntro intro;
  intro.public_key.assign(key.begin(), key.end());
  intro.signature.assign(signature.begin(), signature.end());
  if (message.has_capabilities() && message.capabilities().version() != 0) {
    const wire::Capabilities& said = message.capabilities();
    intro.capabilities = {.version = said.version(),
                          .stripes = std::clamp(said.stripes(), 1u, kMaxStripes),
                          .features = said.features()};
  }
  return intro;
}

}  // namespace noisegate::controlplane
