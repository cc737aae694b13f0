// How each kind of device is named and parametrised for DPDK's hot-plug.
#ifndef NOISEGATE_DATAPLANE_DEVICE_ARGS_H_
#define NOISEGATE_DATAPLANE_DEVICE_ARGS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/dataplane.h"

namespace noisegate::dataplane {

struct DeviceArguments {
  std::string bus;   // "vdev" or "pci"
  std::string name;  // of the device on that bus, unique in the process
  std::string arguments;
  // Queue pairs that the arguments fix; 0 where the device is asked once it is there.
  uint16_t queue_pairs = 0;
  uint16_t max_queue_pairs = UINT16_MAX;  // more are useless or harmful on this kind
};

// `unique` makes the device's name unique in the process. `workers` bounds the queues worth having.
// Not for kRing (ring_wire.h). InvalidArgument where `options.device` is not of the kind's form.
absl::StatusOr<DeviceArguments> MakeDeviceArguments(const PortOptions& options,
                                                    const std::string& unique, uint16_t workers);

// Combined channels that an interface has now (ETHTOOL_GCHANNELS); 1 where its driver has none.
uint16_t CombinedChannels(const std::string& interface);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_DEVICE_ARGS_H_
