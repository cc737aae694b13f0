#include "dataplane/eal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/device_args.h"
#include "dataplane/idle_backoff.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

bool Has(const std::vector<std::string>& arguments, const std::string& wanted) {
  return std::find(arguments.begin(), arguments.end(), wanted) != arguments.end();
}

TEST(Eal, LeavesThreadsToTheSchedulerUnlessCpusAreNamed) {
  EalOptions options;
  options.workers = 2;
  EXPECT_TRUE(Has(EalArguments(options, false, {0, 3}), "--lcores=0@(0,3),1@(0,3),2@(0,3)"));
  options.worker_cpus = {3, 3};
  options.control_cpu = 0;
  EXPECT_TRUE(Has(EalArguments(options, false, {0, 3}), "--lcores=0@0,1@3,2@3"));
}

TEST(Eal, NeverMixesHugepagesAndNone) {
  EalOptions options;
  const std::vector<std::string> with = EalArguments(options, true, {0});
  EXPECT_TRUE(Has(with, "--in-memory"));
  EXPECT_FALSE(Has(with, "--no-huge"));
  const std::vector<std::string> without = EalArguments(options, false, {0});
  EXPECT_FALSE(Has(without, "--in-memory"));
  EXPECT_TRUE(Has(without, "--no-huge"));
  EXPECT_TRUE(Has(without, "512"));
  EXPECT_TRUE(Has(without, "--no-pci"));
  options.pci = true;
  EXPECT_FALSE(Has(EalArguments(options, true, {0}), "--no-pci"));
}

TEST(Eal, StartsOnce) {
  const EalInfo& first = TestEal();
  EXPECT_EQ(first.worker_lcores.size(), 4);
  EalOptions options;
  options.workers = 4;
  absl::StatusOr<const EalInfo*> again = StartEal(options);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, &first);
  options.workers = 5;
  EXPECT_TRUE(absl::IsFailedPrecondition(StartEal(options).status()));
}

TEST(DeviceArguments, SayWhatTheDriverWants) {
  struct Case {
    DeviceKind kind;
    const char *device, *more, *bus, *name, *arguments;
    uint16_t pairs;
  };
  for (const Case& c : {
           Case{DeviceKind::kPci, "0000:03:00.0", "", "pci", "0000:03:00.0", "", 0},
           Case{DeviceKind::kAfXdp, "lo", "", "vdev", "net_af_xdp_x",
                "iface=lo,start_queue=0,queue_count=1", 1},
           Case{DeviceKind::kAfXdp, "lo", "force_copy=1", "vdev", "net_af_xdp_x",
                "iface=lo,start_queue=0,queue_count=1,force_copy=1", 1},
           Case{DeviceKind::kAfPacket, "lo", "", "vdev", "net_af_packet_x",
                "iface=lo,qpairs=2,framesz=2048,blocksz=4096", 2},
           Case{DeviceKind::kTap, "ng0", "", "vdev", "net_tap_x", "iface=ng0", 0},
           Case{DeviceKind::kMemif, "/run/m.sock", "role=server", "vdev", "net_memif_x",
                "socket=/run/m.sock,socket-abstract=no,role=server", 0},
           Case{DeviceKind::kVirtioUser, "/run/v.sock", "queues=2", "vdev", "net_virtio_user_x",
                "path=/run/v.sock,queues=2", 0},
           Case{DeviceKind::kPcap, "a.pcap,b.pcap", "", "vdev", "net_pcap_x",
                "rx_pcap=a.pcap,tx_pcap=b.pcap", 1},
           Case{DeviceKind::kNull, "", "", "vdev", "net_null_x", "no-rx=1", 0},
       }) {
    PortOptions options;
    options.name = "p";
    options.kind = c.kind;
    options.device = c.device;
    options.device_args = c.more;
    const absl::StatusOr<DeviceArguments> made = MakeDeviceArguments(options, "x", 2);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->bus, c.bus);
    EXPECT_EQ(made->name, c.name);
    EXPECT_EQ(made->arguments, c.arguments);
    EXPECT_EQ(made->queue_pairs, c.pairs);
  }
}

TEST(DeviceArguments, MakesRoomForLargeFrames) {
  PortOptions options;
  options.kind = DeviceKind::kAfPacket;
  options.device = "lo";
  options.mtu = 9000;
  EXPECT_EQ(MakeDeviceArguments(options, "x", 1)->arguments,
            "iface=lo,qpairs=1,framesz=16384,blocksz=16384");
}

TEST(DeviceArguments, RefuseWhatCannotBe) {
  for (const auto& [kind, device] : std::initializer_list<std::pair<DeviceKind, const char*>>{
           {DeviceKind::kAfXdp, ""},
           {DeviceKind::kAfXdp, "nosuch0"},
           {DeviceKind::kAfPacket, "nosuch0"},
           {DeviceKind::kTap, "a-name-that-is-too-long"},
           {DeviceKind::kTap, "ng0,remote=eth0"},
           {DeviceKind::kMemif, ""},
           {DeviceKind::kMemif, "/run/m,secret=x"},
           {DeviceKind::kVirtioUser, ""},
           {DeviceKind::kPcap, "one.pcap"},
           {DeviceKind::kPcap, "one.pcap,"},
           {DeviceKind::kPcap, "a,b,c"},
       }) {
    PortOptions options;
    options.name = "wan";
    options.kind = kind;
    options.device = device;
    const absl::StatusOr<DeviceArguments> made = MakeDeviceArguments(options, "x", 1);
    ASSERT_FALSE(made.ok()) << device;
    EXPECT_NE(std::string(made.status().message()).find("port wan"), std::string::npos);
  }
}

TEST(IdleBackoff, PollsOnForAWhileAndThenSleepsLongerEachTime) {
  IdleBackoff backoff({.busy_poll = false, .poll_ticks = 100, .max_sleep_ns = 30'000});
  EXPECT_EQ(backoff.AfterTurn(1000, 5), 0);
  EXPECT_EQ(backoff.AfterTurn(1099, 0), 0);
  EXPECT_EQ(backoff.AfterTurn(1100, 0), 5'000);
  EXPECT_EQ(backoff.AfterTurn(1200, 0), 10'000);
  EXPECT_EQ(backoff.AfterTurn(1300, 0), 20'000);
  EXPECT_EQ(backoff.AfterTurn(1400, 0), 30'000);
  EXPECT_EQ(backoff.AfterTurn(1500, 0), 30'000);
  EXPECT_EQ(backoff.AfterTurn(1600, 1), 0);
  EXPECT_EQ(backoff.AfterTurn(1650, 0), 0);
  EXPECT_EQ(backoff.AfterTurn(1700, 0), 5'000);
}

TEST(IdleBackoff, NeverSleepsWhereItMayNot) {
  IdleBackoff busy({.busy_poll = true, .poll_ticks = 0, .max_sleep_ns = 1000});
  IdleBackoff zero({.busy_poll = false, .poll_ticks = 0, .max_sleep_ns = 0});
  for (uint64_t now = 0; now < 10'000; now += 1000) {
    EXPECT_EQ(busy.AfterTurn(now, 0), 0);
    EXPECT_EQ(zero.AfterTurn(now, 0), 0);
  }
}

}  // namespace
}  // namespace noisegate::dataplane
