// An IP address as two machine words, for keys and comparisons on the packet path.
//
// The bytes are IpAddress's, so that IPv4 is IPv4-mapped. Built straight from a packet: an
// IpAddress that is written piece by piece and then read as words stalls the processor, because it
// cannot forward several small stores to one larger load.
#ifndef NOISEGATE_DATAPLANE_ADDRESS_WORDS_H_
#define NOISEGATE_DATAPLANE_ADDRESS_WORDS_H_

#include <cstdint>
#include <cstring>

#include "dataplane/address.h"
#include "dataplane/bytes.h"

namespace noisegate::dataplane {

struct AddressWords {
  uint64_t first = 0, second = 0;  // bytes 0 … 7 and 8 … 15, in memory order

  static AddressWords V4(const uint8_t* four_bytes) {
    // Bytes 10 and 11 are ff, 12 to 15 the address.
    return {0, uint64_t{0xffff0000} | uint64_t{LoadRaw<uint32_t>(four_bytes)} << 32};
  }
  static AddressWords V6(const uint8_t* sixteen_bytes) {
    return {LoadRaw<uint64_t>(sixteen_bytes), LoadRaw<uint64_t>(sixteen_bytes + 8)};
  }
  static AddressWords Of(const IpAddress& address) { return V6(address.bytes.data()); }

  IpAddress ToAddress() const {
    IpAddress address;
    StoreRaw(address.bytes.data(), first);
    StoreRaw(address.bytes.data() + 8, second);
    return address;
  }
  bool operator==(const AddressWords& other) const {
    return ((first ^ other.first) | (second ^ other.second)) == 0;
  }
};

// Of a packet that ParseIp() took.
inline AddressWords SourceWords(const uint8_t* packet, bool is_v4) {
  return is_v4 ? AddressWords::V4(packet + 12) : AddressWords::V6(packet + 8);
}
inline AddressWords DestinationWords(const uint8_t* packet, bool is_v4) {
  return is_v4 ? AddressWords::V4(packet + 16) : AddressWords::V6(packet + 24);
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_ADDRESS_WORDS_H_
