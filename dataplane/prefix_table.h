// PrefixTable: longest-prefix match over IPv4 or IPv6, immutable, built in one go.
//
// A multi-way trie with nodes compressed by population count (Asai and Ohara, "Poptrie", SIGCOMM
// 2015), and for IPv4 a direct first level of 16 bits.
#ifndef NOISEGATE_DATAPLANE_PREFIX_TABLE_H_
#define NOISEGATE_DATAPLANE_PREFIX_TABLE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/address.h"

namespace noisegate::dataplane {

class PrefixTable {
 public:
  static constexpr uint32_t kNoMatch = 0;

  struct Entry {
    Prefix prefix;   // all of one family; no prefix twice
    uint32_t value;  // 1 … 2^24-1
  };
  static PrefixTable BuildV4(std::span<const Entry> entries);
  static PrefixTable BuildV6(std::span<const Entry> entries);

  uint32_t LookupV4(uint32_t host_order) const;       // kNoMatch where nothing covers it
  uint32_t LookupV6(const uint8_t* address) const;    // 16 bytes, network order
  // As many look-ups at once, so that their cache misses overlap.
  void LookupV4Bulk(std::span<const uint32_t> addresses, uint32_t* values) const;
  void LookupV6Bulk(std::span<const uint8_t* const> addresses, uint32_t* values) const;

  size_t memory_bytes() const;

 private:
  // (as the implementation needs)
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PREFIX_TABLE_H_
