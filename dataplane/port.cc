#include "dataplane/port.h"

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/device_args.h"
#include "dataplane/packet.h"
#include "dataplane/steering.h"

namespace noisegate::dataplane {
namespace {

// The kinds whose address is only a name between the two ends. It must not change when the gateway
// starts again, because the other end remembers it; and a tap must not use the kernel's own.
bool HasMacOfItsOwn(DeviceKind kind) {
  return kind == DeviceKind::kPci || kind == DeviceKind::kAfXdp || kind == DeviceKind::kAfPacket;
}

// The kinds whose MTU the kernel knows, and must be told.
bool IsKernelInterface(DeviceKind kind) {
  return kind == DeviceKind::kAfXdp || kind == DeviceKind::kAfPacket || kind == DeviceKind::kTap;
}

// A memif's server end that was killed leaves its socket behind, and the driver would not make it anew. Only
// where nobody has it open; to try that by connecting would upset a driver that has.
void RemoveStaleSocket(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  std::ifstream sockets("/proc/net/unix");
  if (!sockets) return;
  for (std::string line; std::getline(sockets, line);) {
    if (line.ends_with(" " + path)) return;
  }
  unlink(path.c_str());
}

// A locally administered address made of the names (FNV-1a).
MacAddress MacOfNames(const std::string& gateway, const std::string& port) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : absl::StrCat(gateway, "/", port)) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  }
  MacAddress mac;
  for (size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<uint8_t>(hash >> 8 * i);
  mac.bytes[0] = 0x02;
  return mac;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> Port::Open(const PortOptions& options, PortIndex index,
                                                 const PortContext& context) {
  std::unique_ptr<Port> port(new Port(options, index, context));
  if (absl::Status status = port->Plug(); !status.ok()) return status;
  if (absl::Status status = port->Configure(); !status.ok()) return status;
  if (absl::Status status = port->SetUpQueues(); !status.ok()) return status;
  return port;
}

Port::Port(const PortOptions& options, PortIndex index, const PortContext& context)
    : options_(options), index_(index), context_(context) {
  for (const Prefix& prefix : options.addresses) {
    own_addresses_.push_back(AddressWords::Of(prefix.address));
  }
}

Port::~Port() {
  if (device_id_ != UINT16_MAX) {
    if (started_) rte_eth_dev_stop(device_id_);
    rte_eth_dev_close(device_id_);
  }
  if (multicast_ >= 0) close(multicast_);
  if (!bus_.empty()) rte_eal_hotplug_remove(bus_.c_str(), device_name_.c_str());
  RecallTransmitted(ring_);
}

absl::Status Port::Error(const char* what, int error) const {
  return absl::InternalError(absl::StrCat("port ", options_.name, " (", options_.device, "): ",
                                          what, ": ", rte_strerror(error < 0 ? -error : error)));
}

absl::Status Port::Plug() {
  const std::string unique = absl::StrCat(context_.unique, "_", index_);
  if (options_.kind == DeviceKind::kRing) {
    ring_ = TakeRingEnd(options_.device, context_.workers);
    if (ring_.wire == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("port ", options_.name, ": both ends of ring wire \"", options_.device,
                       "\" are taken, or there is no memory for it"));
    }
    queue_limit_ = fixed_queues_ = static_cast<uint16_t>(ring_.receive.size());
    const int id = rte_eth_from_rings(unique.c_str(), ring_.receive.data(), queue_limit_,
                                      ring_.transmit.data(), queue_limit_, SOCKET_ID_ANY);
    if (id < 0) return Error("no ring device", rte_errno);
    device_id_ = static_cast<uint16_t>(id);
    bus_ = "vdev";
    device_name_ = absl::StrCat("net_ring_", unique);
    return absl::OkStatus();
  }
  absl::StatusOr<DeviceArguments> device = MakeDeviceArguments(options_, unique, context_.workers);
  if (!device.ok()) return device.status();
  const bool serves = options_.device_args.find("role=server") != std::string::npos;
  if (options_.kind == DeviceKind::kMemif && serves) RemoveStaleSocket(options_.device);
  if (const int error =
          rte_eal_hotplug_add(device->bus.c_str(), device->name.c_str(), device->arguments.c_str());
      error != 0) {
    return Error(
        absl::StrCat("DPDK cannot open it as ", device->name, " with \"", device->arguments, "\"")
            .c_str(),
        error);
  }
  bus_ = device->bus;
  device_name_ = device->name;
  queue_limit_ = device->max_queue_pairs;
  fixed_queues_ = device->queue_pairs;
  if (const int error = rte_eth_dev_get_port_by_name(device->name.c_str(), &device_id_);
      error != 0) {
    return Error("it is no Ethernet device", error);
  }
  return absl::OkStatus();
}

absl::Status Port::Configure() {
  rte_eth_dev_info info;
  if (const int error = rte_eth_dev_info_get(device_id_, &info); error != 0) {
    return Error("device information", error);
  }
  queues_ =
      fixed_queues_ != 0
          ? fixed_queues_
          : std::min({context_.workers, info.max_rx_queues, info.max_tx_queues, queue_limit_});
  if (queues_ == 0) return Error("it has no queues", ENODEV);
  if (options_.mtu > info.max_mtu) {
    return absl::InvalidArgumentError(absl::StrCat("port ", options_.name, " (", options_.device,
                                                   "): mtu ", options_.mtu, " is over its ",
                                                   info.max_mtu));
  }
  rte_eth_conf conf = {};
  conf.rxmode.mtu = options_.mtu;
  conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  udp_checksum_offload_ = conf.txmode.offloads != 0;
  if (context_.one_pool && options_.kind == DeviceKind::kPci) {
    conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  }
  if (queues_ > 1 && options_.kind == DeviceKind::kPci && info.flow_type_rss_offloads != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
  }
  if (const int error = rte_eth_dev_configure(device_id_, queues_, queues_, &conf); error != 0) {
    return Error(
        absl::StrCat("it refuses ", queues_, " queues and an mtu of ", options_.mtu).c_str(),
        error);
  }
  if (!IsKernelInterface(options_.kind)) return absl::OkStatus();
  if (const int error = rte_eth_dev_set_mtu(device_id_, options_.mtu); error != 0) {
    return Error(absl::StrCat("the interface refuses an mtu of ", options_.mtu).c_str(), error);
  }
  return absl::OkStatus();
}

absl::Status Port::SetUpQueues() {
  uint16_t rx_descriptors = options_.rx_descriptors, tx_descriptors = options_.tx_descriptors;
  if (const int error =
          rte_eth_dev_adjust_nb_rx_tx_desc(device_id_, &rx_descriptors, &tx_descriptors);
      error != 0) {
    return Error("descriptors", error);
  }
  for (uint16_t q = 0; q < queues_; ++q) {
    if (const int error = rte_eth_rx_queue_setup(device_id_, q, rx_descriptors, SOCKET_ID_ANY,
                                                 nullptr, context_.pool);
        error != 0) {
      return Error(absl::StrCat("receive queue ", q).c_str(), error);
    }
    if (const int error =
            rte_eth_tx_queue_setup(device_id_, q, tx_descriptors, SOCKET_ID_ANY, nullptr);
        error != 0) {
      return Error(absl::StrCat("transmit queue ", q).c_str(), error);
    }
  }
  if (const int error = rte_eth_dev_start(device_id_); error != 0) {
    return Error("it does not start", error);
  }
  started_ = true;
  TakeMulticast();
  ChooseMac();
  if (side() == Side::kUnderlay && queues_ > 1 && options_.kind == DeviceKind::kPci) {
    hardware_steering_ = SteerStripes(device_id_, context_.listen_port,
                                      std::min(queues_, context_.workers), options_.vlan);
  }
  return absl::OkStatus();
}

// Neighbour discovery comes to multicast addresses. DPDK's drivers for interfaces of the kernel's cannot say
// so to a NIC, but a packet socket can, for as long as it is open. Devices without filters refuse, and let
// everything in.
void Port::TakeMulticast() {
  if (rte_eth_allmulticast_enable(device_id_) == 0) return;
  if (options_.kind != DeviceKind::kAfXdp && options_.kind != DeviceKind::kAfPacket) return;
  packet_mreq all = {};
  all.mr_ifindex = static_cast<int>(if_nametoindex(options_.device.c_str()));
  all.mr_type = PACKET_MR_ALLMULTI;
  multicast_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // of no protocol: it receives nothing
  if (multicast_ < 0 ||
      setsockopt(multicast_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0) {
    RTE_LOG(WARNING, USER1, "port %s (%s): the NIC may hold neighbour discovery back: %s\n",
            options_.name.c_str(), options_.device.c_str(), strerror(errno));
  }
}

void Port::ChooseMac() {
  if (rte_ether_addr mac;
      HasMacOfItsOwn(options_.kind) && rte_eth_macaddr_get(device_id_, &mac) == 0) {
    std::copy_n(mac.addr_bytes, mac_.bytes.size(), mac_.bytes.begin());
  } else {
    mac_ = MacOfNames(context_.gateway, options_.name);
  }
  mac_low_ = LoadRaw<uint32_t>(mac_.bytes.data());
  mac_high_ = LoadRaw<uint16_t>(mac_.bytes.data() + 4);
}

PortInfo Port::Info() const {
  PortInfo info;
  info.name = options_.name;
  info.side = options_.side;
  info.mac = mac_;
  info.mtu = options_.mtu;
  info.rx_queues = info.tx_queues = queues_;
  info.hardware_steering = hardware_steering_;
  info.hardware_checksum = udp_checksum_offload_;
  rte_eth_dev_info device;
  if (rte_eth_dev_info_get(device_id_, &device) == 0) info.driver = device.driver_name;
  rte_eth_link link = {};
  info.link_up = rte_eth_link_get_nowait(device_id_, &link) == 0 && link.link_status != 0;
  return info;
}

PortCounters Port::Counters() const {
  rte_eth_stats stats = {};
  if (rte_eth_stats_get(device_id_, &stats) != 0) return {};
  return {.rx_packets = stats.ipackets,
          .rx_bytes = stats.ibytes,
          .tx_packets = stats.opackets,
          .tx_bytes = stats.obytes,
          .rx_missed = stats.imissed + stats.rx_nombuf,
          .rx_errors = stats.ierrors,
          .tx_errors = stats.oerrors};
}

}  // namespace noisegate::dataplane
