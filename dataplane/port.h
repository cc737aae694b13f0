// A port: one Ethernet device, with what the packet path must know of it.
#ifndef NOISEGATE_DATAPLANE_PORT_H_
#define NOISEGATE_DATAPLANE_PORT_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/address_words.h"
#include "dataplane/bytes.h"
#include "dataplane/dataplane.h"
#include "dataplane/ring_wire.h"

struct rte_mempool;

namespace noisegate::dataplane {

// What a port needs to know of the data plane that it belongs to.
struct PortContext {
  std::string gateway;  // DataplaneOptions::name
  std::string unique;   // distinguishes this data plane's devices from others' in the process
  uint16_t workers = 1;
  uint16_t listen_port = 0;
  rte_mempool* pool = nullptr;
  bool one_pool = false;  // every frame that is sent comes from `pool`
};

// Opened, started and closed by the control thread; the const members are for any thread.
class Port {
 public:
  // Plugs the device in, configures its queues and starts it. The message names port and device.
  // An interface that had an AF_XDP port can have one again only in another process, because DPDK's
  // driver does not let go of the socket before.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const PortOptions& options, PortIndex index,
                                                    const PortContext& context);
  // Stops the device and unplugs it: a tap disappears, an XDP program is detached. No worker may
  // use it any more.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const PortOptions& options() const { return options_; }
  PortIndex index() const { return index_; }
  Side side() const { return options_.side; }
  uint16_t device_id() const { return device_id_; }  // DPDK's
  // As many receive as transmit queues. Receive queue q is polled by worker q % workers. Transmit
  // queue q belongs to worker q; a worker from `queues` on hands its frames to TransmitWorker().
  uint16_t queues() const { return queues_; }
  WorkerIndex TransmitWorker(WorkerIndex worker) const {
    return worker < queues_ ? worker : static_cast<WorkerIndex>(worker % queues_);
  }
  const MacAddress& mac() const { return mac_; }
  uint16_t vlan() const { return options_.vlan; }
  bool udp_checksum_offload() const { return udp_checksum_offload_; }
  uint8_t ethernet_size() const { return options_.vlan != 0 ? 18 : 14; }  // bytes

  bool IsOwnMac(const uint8_t* mac) const {
    return LoadRaw<uint32_t>(mac) == mac_low_ && LoadRaw<uint16_t>(mac + 4) == mac_high_;
  }
  bool IsOwnAddress(const AddressWords& address) const {
    for (const AddressWords& own : own_addresses_) {
      if (own == address) return true;
    }
    return false;
  }

  // Writes the header of a frame to `mac`; returns its size.
  uint32_t WriteEthernet(uint8_t* frame, const MacAddress& mac, uint16_t ether_type) const {
    std::memcpy(frame, mac.bytes.data(), 6);
    std::memcpy(frame + 6, mac_.bytes.data(), 6);
    if (options_.vlan == 0) {
      StoreBe16(frame + 12, ether_type);
      return 14;
    }
    StoreBe16(frame + 12, 0x8100);  // 802.1Q
    StoreBe16(frame + 14, options_.vlan);
    StoreBe16(frame + 16, ether_type);
    return 18;
  }

  PortInfo Info() const;
  PortCounters Counters() const;

 private:
  Port(const PortOptions& options, PortIndex index, const PortContext& context);
  absl::Status Plug();
  absl::Status Configure();
  absl::Status SetUpQueues();
  void TakeMulticast();
  void ChooseMac();
  absl::Status Error(const char* what, int error) const;

  const PortOptions options_;
  const PortIndex index_;
  const PortContext context_;
  RingQueues ring_;                // kRing only
  std::string bus_, device_name_;  // for unplugging; empty bus where there is nothing to unplug
  uint16_t device_id_ = UINT16_MAX;
  uint16_t queues_ = 0;
  uint16_t queue_limit_ = 0;   // of this kind of device
  uint16_t fixed_queues_ = 0;  // 0: the device is asked
  MacAddress mac_;
  uint32_t mac_low_ = 0;  // mac_ as the comparison wants it
  uint16_t mac_high_ = 0;
  std::vector<AddressWords> own_addresses_;
  bool udp_checksum_offload_ = false;
  bool hardware_steering_ = false;
  bool started_ = false;
  int multicast_ = -1;  // the socket for whose sake the kernel lets multicast in; -1 where none is needed
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PORT_H_
