#include "crypto/random.h"

#include <sodium.h>

#include <array>
#include <cassert>
#include <cstdlib>

namespace noisegate::crypto {
namespace {

class OsRandom final : public Random {
 public:
  OsRandom() {
    // Also picks libsodium's best code for this CPU. It fails only where there is no entropy source
    // at all, and nothing that follows could be trusted then.
    if (sodium_init() < 0) std::abort();
  }
  void Fill(std::span<uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

}  // namespace

uint64_t Random::Uint64() {
  std::array<uint8_t, 8> bytes;
  Fill(bytes);
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{bytes[i]} << (8 * i);
  return value;
}

uint64_t Random::Below(uint64_t bound) {
  assert(bound > 0);
  // 2^64 is not a multiple of every bound: values below 2^64 mod bound would come up once too
  // often.
  const uint64_t biased = (0 - bound) % bound;
  uint64_t value;
  do {
    value = Uint64();
  } while (value < biased);
  return value % bound;
}

Random& SystemRandom() {
  static OsRandom* const random = new OsRandom;
  return *random;
}

}  // namespace noisegate::crypto
