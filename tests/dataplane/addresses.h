// Addresses as tests write them.
#ifndef NOISEGATE_TESTS_DATAPLANE_ADDRESSES_H_
#define NOISEGATE_TESTS_DATAPLANE_ADDRESSES_H_

#include "dataplane/address.h"

namespace noisegate::dataplane {

inline IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_TESTS_DATAPLANE_ADDRESSES_H_
