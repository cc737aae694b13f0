// The keys of the libp2p service; key_table.h says what a key is.
#ifndef NOISEGATE_CONFIG_LIBP2P_KEYS_H_
#define NOISEGATE_CONFIG_LIBP2P_KEYS_H_

#include "config/key_table.h"

namespace noisegate::config {

extern const Section kLibp2pSection;  // owner: Libp2p

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_LIBP2P_KEYS_H_
