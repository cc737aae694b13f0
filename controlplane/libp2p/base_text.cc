#include "controlplane/libp2p/base_text.h"

#include <algorithm>

namespace noisegate::libp2p {
namespace {

constexpr std::string_view kAlphabet58 =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kAlphabet36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kAlphabet32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kAlphabet64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string_view AlphabetOf(Base base) {
  switch (base) {
    case Base::k58:
      return kAlphabet58;
    case Base::k36:
      return kAlphabet36;
    case Base::k32:
      return kAlphabet32;
    case Base::k64:
      return kAlphabet64;
  }
  return {};
}

// Bits in a digit, where that is a whole number; else 0.
int BitsOf(Base base) { return base == Base::k32 ? 5 : base == Base::k64 ? 6 : 0; }

// Rewrites a big-endian number from one base to another, digit by digit. Leading zero digits are no
// part of a number; here they stand for leading zero bytes, one for one.
std::vector<uint8_t> Rebase(std::span<const uint8_t> digits, uint32_t from, uint32_t to) {
  const auto first = std::ranges::find_if(digits, [](uint8_t digit) { return digit != 0; });
  std::vector<uint8_t> number;  // least significant digit first
  for (uint32_t carry : std::span(first, digits.end())) {
    for (uint8_t& digit : number) {
      carry += digit * from;
      digit = static_cast<uint8_t>(carry % to);
      carry /= to;
    }
    for (; carry > 0; carry /= to) number.push_back(static_cast<uint8_t>(carry % to));
  }
  number.insert(number.end(), static_cast<size_t>(first - digits.begin()), 0);
  std::ranges::reverse(number);
  return number;
}

// Cuts a row of bits, the first one the highest, from digits of one width into digits of another.
// What is left at the end goes into one more digit if `pad`; else it must be less than a digit, and
// zero.
std::optional<std::vector<uint8_t>> Recut(std::span<const uint8_t> digits, int from, int to,
                                          bool pad) {
  std::vector<uint8_t> out;
  uint32_t bits = 0;
  int count = 0;
  const uint32_t mask = (1u << to) - 1;
  for (uint8_t digit : digits) {
    bits = bits << from | digit;
    for (count += from; count >= to; count -= to) {
      out.push_back(static_cast<uint8_t>(bits >> (count - to) & mask));
    }
  }
  const uint32_t rest = bits & ((1u << count) - 1);
  if (pad && count > 0) out.push_back(static_cast<uint8_t>(rest << (to - count)));
  if (!pad && (count >= from || rest != 0)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<Base> BaseOfPrefix(char prefix) {
  switch (prefix) {
    case 'z':
      return Base::k58;
    case 'k':
      return Base::k36;
    case 'b':
      return Base::k32;
    case 'u':
      return Base::k64;
    default:
      return std::nullopt;
  }
}

std::string EncodeBase(Base base, std::span<const uint8_t> bytes) {
  const std::string_view alphabet = AlphabetOf(base);
  const int width = BitsOf(base);
  const std::vector<uint8_t> digits =
      width > 0 ? *Recut(bytes, 8, width, /*pad=*/true)
                : Rebase(bytes, 256, static_cast<uint32_t>(alphabet.size()));
  std::string text;
  for (uint8_t digit : digits) text += alphabet[digit];
  return text;
}

std::optional<std::vector<uint8_t>> DecodeBase(Base base, std::string_view text) {
  if (text.size() > kMaxBaseTextSize) return std::nullopt;
  const std::string_view alphabet = AlphabetOf(base);
  std::vector<uint8_t> digits;
  for (char c : text) {
    const size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    digits.push_back(static_cast<uint8_t>(digit));
  }
  if (const int width = BitsOf(base); width > 0) return Recut(digits, width, 8, /*pad=*/false);
  return Rebase(digits, static_cast<uint32_t>(alphabet.size()), 256);
}

}  // namespace noisegate::libp2p
