#include "crypto/shake.h"

#include <nettle/sha3.h>

#include <array>
#include <cstddef>

namespace noisegate::crypto {
namespace {

constexpr size_t kRate = 136;  // bytes per permutation at 256 bits of security

// The domain bits that stand between the input and the padding, least significant first.
constexpr uint8_t kShakeSuffix = 0x1f;   // 1111, then the first bit of pad10*1
constexpr uint8_t kCShakeSuffix = 0x04;  // 00, then the same

class Sponge {
 public:
  void Absorb(uint8_t byte) {
    Xor(position_, byte);
    if (++position_ == kRate) Permute();
  }
  void Absorb(std::span<const uint8_t> data) {
    for (uint8_t byte : data) Absorb(byte);
  }
  // Zeros up to the end of the block: the `bytepad` of SP 800-185.
  void FillBlock() {
    if (position_ != 0) Permute();
  }
  void Squeeze(uint8_t suffix, std::span<uint8_t> out) {
    Xor(position_, suffix);
    Xor(kRate - 1, 0x80);
    Permute();
    for (uint8_t& byte : out) {
      if (position_ == kRate) Permute();
      byte = static_cast<uint8_t>(state_.a[position_ / 8] >> (8 * (position_ % 8)));
      ++position_;
    }
  }

 private:
  void Xor(size_t index, uint8_t byte) {
    state_.a[index / 8] ^= uint64_t{byte} << (8 * (index % 8));
  }
  void Permute() {
    sha3_permute(&state_);
    position_ = 0;
  }

  sha3_state state_{};
  size_t position_ = 0;
};

// left_encode of SP 800-185: the number, big-endian without leading zeros, behind its length in
// bytes.
void AbsorbLeftEncoded(Sponge& sponge, uint64_t value) {
  uint8_t size = 1;
  while (size < 8 && (value >> (8 * size)) != 0) ++size;
  sponge.Absorb(size);
  for (int i = size - 1; i >= 0; --i) sponge.Absorb(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

void Shake256(std::span<const uint8_t> data, std::span<uint8_t> out) {
  Sponge sponge;
  sponge.Absorb(data);
  sponge.Squeeze(kShakeSuffix, out);
}

void CShake256(std::string_view customization, std::span<const uint8_t> data,
               std::span<uint8_t> out) {
  if (customization.empty()) return Shake256(data, out);
  Sponge sponge;
  AbsorbLeftEncoded(sponge, kRate);
  AbsorbLeftEncoded(sponge, 0);  // N, the function name, is empty
  AbsorbLeftEncoded(sponge, uint64_t{customization.size()} * 8);
  for (char c : customization) sponge.Absorb(static_cast<uint8_t>(c));
  sponge.FillBlock();
  sponge.Absorb(data);
  sponge.Squeeze(kCShakeSuffix, out);
}

}  // namespace noisegate::crypto
