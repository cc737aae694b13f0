// Where the datagrams of a session go and come from.
#ifndef NOISEGATE_CONTROLPLANE_PATH_H_
#define NOISEGATE_CONTROLPLANE_PATH_H_

#include <compare>
#include <cstdint>
#include <utility>

#include "dataplane/address.h"

namespace noisegate::controlplane {

// One stripe: a local UDP port (by its offset from the first) and a remote endpoint.
struct Path {
  uint16_t stripe = 0;
  dataplane::Endpoint remote;
  auto operator<=>(const Path&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Path& p) {
    return H::combine(std::move(h), p.stripe, p.remote);
  }
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_PATH_H_
