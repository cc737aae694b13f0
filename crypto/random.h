// Randomness as an argument, so that handshakes can be replayed from vectors and simulations from
// seeds.
#ifndef NOISEGATE_CRYPTO_RANDOM_H_
#define NOISEGATE_CRYPTO_RANDOM_H_

#include <cstdint>
#include <span>

namespace noisegate::crypto {

class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;

  uint64_t Uint64();
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound);
};

// The operating system's generator. Thread-safe; never deleted.
Random& SystemRandom();

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_RANDOM_H_
