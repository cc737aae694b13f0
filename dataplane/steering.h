// Tells a NIC to put each stripe's datagrams on the queue of the worker that owns its port.
#ifndef NOISEGATE_DATAPLANE_STEERING_H_
#define NOISEGATE_DATAPLANE_STEERING_H_

#include <cstdint>

namespace noisegate::dataplane {

// For each w < queues: UDP over IPv4 and IPv6 to port first_port + w goes to queue w. All or nothing:
// false, and no rule is left, where the device does not take every one of them; packets are then handed
// over in software. The device has been started. `vlan` is the 802.1Q id that frames carry, or 0.
bool SteerStripes(uint16_t device_id, uint16_t first_port, uint16_t queues, uint16_t vlan);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_STEERING_H_
