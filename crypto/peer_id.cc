#include "crypto/peer_id.h"

#include <sodium.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/shake.h"

namespace noisegate::crypto {
namespace {

constexpr size_t kTextSize = 43;  // characters: 256 bits at 6 each, the last one's low 2 bits zero
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

}  // namespace

PeerId PeerId::OfPkixDer(std::span<const uint8_t> der) {
  PeerId id;
  Shake256(der, id.bytes);
  return id;
}

absl::StatusOr<PeerId> PeerId::Parse(std::string_view text) {
  if (text.size() != kTextSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("a peer id has ", kTextSize, " characters, this one has ", text.size()));
  }
  PeerId id;
  size_t size = 0;
  const bool decoded = sodium_base642bin(id.bytes.data(), id.bytes.size(), text.data(), text.size(),
                                         nullptr, &size, nullptr, kBase64) == 0;
  // libsodium takes bytes above 127 for digits, hence the look back.
  if (!decoded || size != id.bytes.size() || id.ToString() != text) {
    return absl::InvalidArgumentError(
        "a peer id is base64url (A-Z a-z 0-9 - _) without padding, and this text is not how any "
        "peer "
        "id is written");
  }
  return id;
}

std::string PeerId::ToString() const {
  std::array<char, kTextSize + 1> text;
  static_assert(sodium_base64_ENCODED_LEN(sizeof(bytes), kBase64) == text.size());
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kBase64);
  return std::string(text.data(), kTextSize);
}

}  // namespace noisegate::crypto
