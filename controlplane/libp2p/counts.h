// Maps from something to how many there are of it, without entries for none.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_COUNTS_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_COUNTS_H_

#include <cstdint>

namespace noisegate::libp2p {

template <typename Map, typename Key>
uint32_t CountOf(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? 0 : found->second;
}

template <typename Map, typename Key>
void CountDown(Map& map, const Key& key) {
  const auto found = map.find(key);
  if (found != map.end() && --found->second == 0) map.erase(found);
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_COUNTS_H_
