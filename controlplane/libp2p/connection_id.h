// How a host names its connections.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_ID_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_ID_H_

#include <cstdint>

namespace noisegate::libp2p {

using ConnectionId = uint64_t;  // never used twice, and never 0

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_CONNECTION_ID_H_
