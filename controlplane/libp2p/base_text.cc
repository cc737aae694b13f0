#include "controlplane/libp2p/base_text.h"

#include <algorithm>

namespace noisegate::libp2p {
namespace {

constexpr std::string_view kAlphabet58 =
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kAlphabet36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kAlphabet32 = "abcdefghijklmnopqrstuvwxyz234567";

std::string_view AlphabetOf(Base base) {
  switch (base) {
    case Base::k58:
      return kAlphabet58;
    case Base::k36:
      return kAlphabet36;
    case Base::k32:
      return kAlphabet32;
  }
  return {};
}

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

std::vector<uint8_t> EncodeBits(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> digits;
  uint32_t bits = 0;
  int count = 0;
  for (uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) digits.push_back(bits >> (count - 5) & 31);
  }
  if (count > 0) digits.push_back(bits << (5 - count) & 31);
  return digits;
}

std::optional<std::vector<uint8_t>> DecodeBits(std::span<const uint8_t> digits) {
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (uint8_t digit : digits) {
    bits = bits << 5 | digit;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
  }
  // What is left is less than a digit, and zero.
  if (count >= 5 || (bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace

std::string EncodeBase(Base base, std::span<const uint8_t> bytes) {
  const std::string_view alphabet = AlphabetOf(base);
  const std::vector<uint8_t> digits =
      base == Base::k32 ? EncodeBits(bytes)
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
  if (base == Base::k32) return DecodeBits(digits);
  return Rebase(digits, static_cast<uint32_t>(alphabet.size()), 256);
}

}  // namespace noisegate::libp2p
