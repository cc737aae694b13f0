// Loads and stores at any alignment: big-endian values, and raw words in memory order.
#ifndef NOISEGATE_DATAPLANE_BYTES_H_
#define NOISEGATE_DATAPLANE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>

namespace noisegate::dataplane {

static_assert(std::endian::native == std::endian::little, "the byte swaps below assume it");

// `p` may have any alignment. The value is in memory order, for hashes, sums and comparisons.
template <typename T>
inline T LoadRaw(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}
template <typename T>
inline void StoreRaw(uint8_t* p, T value) {
  std::memcpy(p, &value, sizeof(value));
}

inline uint16_t LoadBe16(const uint8_t* p) { return __builtin_bswap16(LoadRaw<uint16_t>(p)); }
inline uint32_t LoadBe32(const uint8_t* p) { return __builtin_bswap32(LoadRaw<uint32_t>(p)); }
inline uint64_t LoadBe64(const uint8_t* p) { return __builtin_bswap64(LoadRaw<uint64_t>(p)); }
inline void StoreBe16(uint8_t* p, uint16_t v) { StoreRaw(p, __builtin_bswap16(v)); }
inline void StoreBe32(uint8_t* p, uint32_t v) { StoreRaw(p, __builtin_bswap32(v)); }
inline void StoreBe64(uint8_t* p, uint64_t v) { StoreRaw(p, __builtin_bswap64(v)); }

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_BYTES_H_
