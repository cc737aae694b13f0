#include "controlplane/commands/text.h"

#include <cstddef>

namespace noisegate::commands {
namespace {

// The number of bytes of the printable character at the start of `text` (RFC 3629, section 4); 0
// where there is none.
size_t PrintableCharacter(std::span<const uint8_t> text) {
  const uint8_t lead = text[0];
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  uint32_t code = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (text[i] & 0x3f);
  }
  // The smallest that needs so many bytes: a shorter form of the same character is the only one.
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  // C1 controls, and those that turn the direction of text or break lines.
  const bool control = code < 0xa0 || (code >= 0x200b && code <= 0x200f) ||
                       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f);
  if (code < kSmallest[size] || code > 0x10ffff || surrogate || control) return 0;
  return size;
}

bool IsPrintable(std::span<const uint8_t> text) {
  while (!text.empty()) {
    const size_t size = PrintableCharacter(text);
    if (size == 0) return false;
    text = text.subspan(size);
  }
  return true;
}

}  // namespace

absl::StatusOr<dataplane::Endpoint> ParseLocalEndpoint(std::string_view text) {
  if (!text.ends_with(":0")) return dataplane::Endpoint::Parse(text);
  auto endpoint = dataplane::Endpoint::Parse(std::string(text.substr(0, text.size() - 1)) + "1");
  if (endpoint.ok()) endpoint->port = 0;
  return endpoint;
}

std::string MessageText(std::span<const uint8_t> bytes) {
  if (IsPrintable(bytes)) return {bytes.begin(), bytes.end()};
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "hex:";
  text.reserve(text.size() + 2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace noisegate::commands
