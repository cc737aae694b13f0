// Pieces of 16 bytes, and less: beginnings and ends that fill no block.
#ifndef NOISEGATE_CRYPTO_LANES_CHUNK_H_
#define NOISEGATE_CRYPTO_LANES_CHUNK_H_

#include <cstdint>

namespace noisegate::crypto::lanes {
namespace {

inline constexpr uint32_t kChunkSize = 16;
typedef uint8_t Chunk __attribute__((vector_size(16)));

inline Chunk LoadChunk(const uint8_t* from) {
  Chunk chunk;
  __builtin_memcpy(&chunk, from, sizeof chunk);
  return chunk;
}

inline void StoreChunk(Chunk chunk, uint8_t* to) { __builtin_memcpy(to, &chunk, sizeof chunk); }

// The first `size` bytes at `from`, then zeros; all of it where `size` is 16 or more. All 16 must
// be readable.
inline Chunk LoadFirst(const uint8_t* from, uint32_t size) {
  constexpr Chunk kIndex = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const uint8_t count = static_cast<uint8_t>(size < kChunkSize ? size : kChunkSize);
  return LoadChunk(from) & (Chunk)(kIndex < count);
}

}  // namespace
}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_CHUNK_H_
