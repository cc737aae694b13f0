// The Internet checksum (RFC 1071), and its update in place (RFC 1624).
//
// A sum is the one's complement sum of 16-bit words as they lie in memory. It comes out right
// whatever the machine's byte order, so nothing is swapped: fields are loaded with LoadRaw() and a
// finished checksum is stored with StoreRaw().
#ifndef NOISEGATE_DATAPLANE_CHECKSUM_H_
#define NOISEGATE_DATAPLANE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/bytes.h"

namespace noisegate::dataplane {

// Adds two sums, of 64 bits each, with the carry brought round.
inline uint64_t AddSums(uint64_t a, uint64_t b) {
  uint64_t sum;
  const bool carry = __builtin_add_overflow(a, b, &sum);
  return sum + carry;
}

// Sum of `size` bytes added to `sum`. An odd last byte counts as if a zero followed, so only the
// last of several pieces may have an odd size.
inline uint64_t AddBytes(uint64_t sum, const uint8_t* data, size_t size) {
  for (; size >= 8; data += 8, size -= 8) sum = AddSums(sum, LoadRaw<uint64_t>(data));
  if (size == 0) return sum;
  uint64_t tail = 0;
  std::memcpy(&tail, data, size);
  return AddSums(sum, tail);
}

// The 16-bit sum: what a checksum is the complement of.
inline uint16_t FoldSum(uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(sum);
}

inline uint16_t FinishSum(uint64_t sum) { return static_cast<uint16_t>(~FoldSum(sum)); }

// As FinishSum() for UDP, where 0 says "no checksum" and is sent as its other form, 0xffff.
inline uint16_t FinishUdpSum(uint64_t sum) {
  const uint16_t checksum = FinishSum(sum);
  return checksum == 0 ? 0xffff : checksum;
}

// True where the bytes, with the checksum among them, add up.
inline bool ChecksumOk(uint64_t sum) { return FoldSum(sum) == 0xffff; }

// Brings a checksum in place up to date after one 16-bit word (raw, at an even offset from where
// the sum began) has changed: RFC 1624, equation 3.
inline void UpdateChecksum(uint8_t* checksum, uint16_t old_word, uint16_t new_word) {
  const uint64_t sum = uint64_t{static_cast<uint16_t>(~LoadRaw<uint16_t>(checksum))} +
                       static_cast<uint16_t>(~old_word) + new_word;
  StoreRaw(checksum, FinishSum(sum));
}

// Sum of the pseudo-header of TCP, UDP and ICMPv6 (RFC 768, RFC 8200 8.1). `source` and
// `destination` have `address_size` bytes, 4 or 16; `size` is that of the upper-layer packet.
inline uint64_t PseudoHeaderSum(const uint8_t* source, const uint8_t* destination,
                                size_t address_size, uint8_t protocol, uint32_t size) {
  uint64_t sum = AddBytes(0, source, address_size);
  sum = AddBytes(sum, destination, address_size);
  sum = AddSums(sum, __builtin_bswap32(size));
  return AddSums(sum, __builtin_bswap16(protocol));
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_CHECKSUM_H_
