// Secret<N>: N bytes that wipe themselves, cannot be copied by accident and cannot be printed.
#ifndef NOISEGATE_CRYPTO_SECRET_H_
#define NOISEGATE_CRYPTO_SECRET_H_

#include <sodium.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace noisegate::crypto {

// A move leaves zeros behind. Comparison is in constant time.
template <size_t N>
class Secret {
 public:
  static constexpr size_t kSize = N;

  Secret() { bytes_.fill(0); }
  explicit Secret(std::span<const uint8_t, N> bytes) {
    std::memcpy(bytes_.data(), bytes.data(), N);
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.Wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.Wipe();
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  // The one way to copy, so that every copy can be found by its name.
  Secret Clone() const { return Secret(std::span<const uint8_t, N>(bytes_)); }

  void Wipe() { sodium_memzero(bytes_.data(), N); }

  const uint8_t* data() const { return bytes_.data(); }
  uint8_t* data() { return bytes_.data(); }
  static constexpr size_t size() { return N; }
  std::span<const uint8_t, N> span() const { return bytes_; }
  std::span<uint8_t, N> span() { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return sodium_memcmp(a.bytes_.data(), b.bytes_.data(), N) == 0;
  }

 private:
  std::array<uint8_t, N> bytes_;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_SECRET_H_
