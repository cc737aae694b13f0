#include "dataplane/device_args.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace noisegate::dataplane {
namespace {

constexpr uint16_t kMaxTapQueues = 16;  // of DPDK's tap driver
constexpr uint16_t kMaxAfXdpQueues = 64;

absl::Status Invalid(const PortOptions& options, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("port ", options.name, ": device \"", options.device, "\": ", what));
}

// The kernel interface that a port sits on.
absl::Status CheckInterface(const PortOptions& options, bool must_exist) {
  if (options.device.empty() || options.device.size() >= IFNAMSIZ) {
    return Invalid(options, absl::StrCat("an interface name has 1 to ", IFNAMSIZ - 1, " bytes"));
  }
  if (options.device.find_first_of(",= /") != std::string::npos) {
    return Invalid(options, "not an interface name");
  }
  if (must_exist && if_nametoindex(options.device.c_str()) == 0) {
    return Invalid(options, "no such interface");
  }
  return absl::OkStatus();
}

absl::Status CheckPath(const PortOptions& options, const std::string& path) {
  if (path.empty()) return Invalid(options, "a path is missing");
  if (path.find(',') != std::string::npos) return Invalid(options, "a path may not hold a comma");
  return absl::OkStatus();
}

// Every channel of the interface gets a socket, because frames of a channel without one go to the
// kernel. Workers share them out.
absl::Status AfXdp(const PortOptions& options, DeviceArguments* out,
                   std::vector<std::string>* arguments) {
  if (absl::Status status = CheckInterface(options, true); !status.ok()) return status;
  out->queue_pairs = std::min(CombinedChannels(options.device), kMaxAfXdpQueues);
  *arguments = {absl::StrCat("iface=", options.device), "start_queue=0",
                absl::StrCat("queue_count=", out->queue_pairs)};
  return absl::OkStatus();
}

absl::Status AfPacket(const PortOptions& options, uint16_t workers, DeviceArguments* out,
                      std::vector<std::string>* arguments) {
  if (absl::Status status = CheckInterface(options, true); !status.ok()) return status;
  // A frame shares its slot of the mapped ring with the kernel's header, 128 bytes are ample for it.
  uint32_t frame_size = 2048;
  while (frame_size < options.mtu + 128u) frame_size *= 2;
  out->queue_pairs = workers;
  *arguments = {absl::StrCat("iface=", options.device), absl::StrCat("qpairs=", workers),
                absl::StrCat("framesz=", frame_size),
                absl::StrCat("blocksz=", std::max(frame_size, 4096u))};
  return absl::OkStatus();
}

absl::Status Pcap(const PortOptions& options, DeviceArguments* out,
                  std::vector<std::string>* arguments) {
  const size_t comma = options.device.find(',');
  if (comma == std::string::npos) return Invalid(options, "expected \"rx.pcap,tx.pcap\"");
  const std::string rx = options.device.substr(0, comma);
  const std::string tx = options.device.substr(comma + 1);
  if (absl::Status status = CheckPath(options, rx); !status.ok()) return status;
  if (absl::Status status = CheckPath(options, tx); !status.ok()) return status;
  out->queue_pairs = 1;
  *arguments = {absl::StrCat("rx_pcap=", rx), absl::StrCat("tx_pcap=", tx)};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeviceArguments> MakeDeviceArguments(const PortOptions& options,
                                                    const std::string& unique, uint16_t workers) {
  DeviceArguments out;
  out.bus = "vdev";
  std::vector<std::string> arguments;
  absl::Status status;
  std::string driver;
  switch (options.kind) {
    case DeviceKind::kPci:
      out.bus = "pci";
      out.name = options.device;
      break;
    case DeviceKind::kAfXdp:
      driver = "net_af_xdp";
      status = AfXdp(options, &out, &arguments);
      break;
    case DeviceKind::kAfPacket:
      driver = "net_af_packet";
      status = AfPacket(options, workers, &out, &arguments);
      break;
    case DeviceKind::kTap:
      driver = "net_tap";
      status = CheckInterface(options, false);
      arguments = {absl::StrCat("iface=", options.device)};
      out.max_queue_pairs = kMaxTapQueues;
      break;
    case DeviceKind::kMemif:
      driver = "net_memif";
      status = CheckPath(options, options.device);
      arguments = {absl::StrCat("socket=", options.device), "socket-abstract=no"};
      out.max_queue_pairs = 1;  // both ends must agree, and one is what the others begin with
      break;
    case DeviceKind::kVirtioUser:
      driver = "net_virtio_user";
      status = CheckPath(options, options.device);
      arguments = {absl::StrCat("path=", options.device)};
      break;
    case DeviceKind::kPcap:
      driver = "net_pcap";
      status = Pcap(options, &out, &arguments);
      break;
    case DeviceKind::kNull:
      driver = "net_null";
      // Left alone it would receive without end.
      if (options.device_args.empty()) arguments = {"no-rx=1"};
      break;
    case DeviceKind::kRing:
      status = absl::InternalError("rings are not hot-plugged");
      break;
  }
  if (!status.ok()) return status;
  if (!options.device_args.empty()) arguments.push_back(options.device_args);
  if (out.bus == "vdev") out.name = absl::StrCat(driver, "_", unique);
  out.arguments = absl::StrJoin(arguments, ",");
  return out;
}

uint16_t CombinedChannels(const std::string& interface) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 1;
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  ifreq request = {};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&channels);
  const bool known = ioctl(fd, SIOCETHTOOL, &request) == 0 && channels.max_combined > 0;
  close(fd);
  return known ? static_cast<uint16_t>(std::clamp(channels.combined_count, 1u, 1024u)) : 1;
}

}  // namespace noisegate::dataplane
