// Bytes for tests: hex in and out, and random sources that repeat.
#ifndef NOISEGATE_TESTS_CRYPTO_TEST_BYTES_H_
#define NOISEGATE_TESTS_CRYPTO_TEST_BYTES_H_

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/random.h"

namespace noisegate::crypto {

using Bytes = std::vector<uint8_t>;

inline Bytes FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) std::abort();
  Bytes bytes(hex.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::string digits(hex.substr(2 * i, 2));
    char* end = nullptr;
    bytes[i] = static_cast<uint8_t>(std::strtoul(digits.c_str(), &end, 16));
    if (*end != '\0') std::abort();
  }
  return bytes;
}

inline std::string ToHex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

inline std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

template <size_t N>
std::span<const uint8_t, N> Fixed(const Bytes& bytes) {
  if (bytes.size() != N) std::abort();
  return std::span<const uint8_t, N>(bytes.data(), N);
}

// Gives out exactly these bytes, and ends the test if more are asked for.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void Fill(std::span<uint8_t> out) override {
    if (bytes_.size() - used_ < out.size()) std::abort();
    std::copy_n(bytes_.begin() + static_cast<long>(used_), out.size(), out.begin());
    used_ += out.size();
  }
  size_t left() const { return bytes_.size() - used_; }

 private:
  const Bytes bytes_;
  size_t used_ = 0;
};

// The same sequence for the same seed, on every machine.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : generator_(seed) {}
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(generator_() >> 56);
  }
  Bytes Get(size_t size) {
    Bytes bytes(size);
    Fill(bytes);
    return bytes;
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_TESTS_CRYPTO_TEST_BYTES_H_
