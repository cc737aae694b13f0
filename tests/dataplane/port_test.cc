// Ports on real interfaces, in a network namespace of the test's own:
//
//   gateway's port ── veth ng-a ═══ veth ng-b ── the test's packet socket
//   gateway's port ── tap ng-tap ── the test's packet socket

#include "dataplane/port.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "dataplane/packet_pool.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

constexpr auto kLinkPatience = std::chrono::seconds(20);

bool Shell(const std::string& command) { return std::system(command.c_str()) == 0; }

// Before the EAL makes threads, which would stay behind in the old namespace.
bool EnterNamespace() {
  static const bool entered = geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
                              Shell("mount -t sysfs sysfs /sys 2>/dev/null") &&
                              Shell("ip link set lo up");
  return entered;
}

// Sends and receives whole frames on an interface of the kernel's.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& interface)
      : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x0003))) {
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(0x0003);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    ok_ = fd_ >= 0 &&
          bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~PacketSocket() { close(fd_); }
  bool ok() const { return ok_; }
  bool Send(const Bytes& frame) const {
    return send(fd_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }
  // The next incoming frame of our test EtherType.
  bool Receive(Bytes* frame) const {
    sockaddr_ll from = {};
    socklen_t size = sizeof(from);
    frame->resize(4096);
    const ssize_t n = recvfrom(fd_, frame->data(), frame->size(), 0,
                               reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 14) return false;
    frame->resize(static_cast<size_t>(n));
    return from.sll_pkttype != PACKET_OUTGOING && naive::Get16(*frame, 12) == 0x88b5;
  }

 private:
  const int fd_;
  bool ok_ = false;
};

struct Kind {
  DeviceKind kind;
  const char* name;
  const char* device;
  const char* other_end;
};

class PortTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!EnterNamespace()) GTEST_SKIP() << "needs root and a network namespace";
    TestEal();
    MakeVeth();
  }
  void TearDown() override { Shell("ip link del ng-a 2>/dev/null"); }

  // A new pair: an old one may have had an AF_XDP port, and cannot have another in this process.
  void MakeVeth() {
    Shell("ip link del ng-a 2>/dev/null");
    ASSERT_TRUE(Shell("ip link add ng-a type veth peer name ng-b && ip link set ng-a up && "
                      "ip link set ng-b up"));
  }

  std::unique_ptr<Dataplane> Make(uint16_t workers, uint16_t mtu = 1500) {
    DataplaneOptions options;
    options.name = "port-test";
    options.worker_lcores.assign(TestEal().worker_lcores.begin(),
                                 TestEal().worker_lcores.begin() + workers);
    options.ports.resize(1);
    options.ports[0].name = "p";
    options.ports[0].kind = GetParam().kind;
    options.ports[0].device = GetParam().device;
    options.ports[0].side = Side::kOverlay;
    options.ports[0].mtu = mtu;
    options.max_sessions = options.max_peers = options.max_neighbours = 16;
    absl::StatusOr<std::unique_ptr<Dataplane>> dp = Dataplane::Create(options);
    EXPECT_TRUE(dp.ok()) << dp.status();
    return dp.ok() ? std::move(*dp) : nullptr;
  }
};

bool Wait(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kLinkPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    usleep(1000);
  }
  return true;
}

TEST_P(PortTest, SendsAndReceives) {
  for (const uint16_t workers : {1, 2}) {
    MakeVeth();
    std::unique_ptr<Dataplane> dp = Make(workers);
    ASSERT_NE(dp, nullptr);
    ASSERT_TRUE(dp->Start().ok());
    const PacketSocket socket(GetParam().other_end);
    ASSERT_TRUE(socket.ok());

    // Out: a frame of the control thread's.
    Bytes frame(12, 0xff), received;
    naive::Put(&frame, {0x88, 0xb5});
    naive::Put(&frame, Bytes(1500, 0x42));
    ASSERT_TRUE(Wait([&] {
      // A link may take a moment to come up, and what is sent before is lost.
      EXPECT_TRUE(dp->TransmitFrame(0, frame).ok());
      usleep(10000);
      return socket.Receive(&received);
    })) << workers;
    EXPECT_EQ(received, frame);

    // In: ARP goes to the control thread as it came.
    Bytes arp(6, 0xff);
    naive::Put(&arp, {2, 0, 0, 0, 0, 9, 0x08, 0x06});
    naive::Put(&arp, Bytes(46, 7));
    bool seen = false;
    ASSERT_TRUE(Wait([&] {
      EXPECT_TRUE(socket.Send(arp));
      usleep(10000);
      dp->DrainPunts(100, [&](const Punt& punt) {
        seen = seen || (punt.kind == PuntKind::kControl &&
                        Bytes(punt.bytes.begin(), punt.bytes.end()) == arp);
      });
      return seen;
    })) << workers;
    EXPECT_TRUE(dp->port_info(0).link_up);
    EXPECT_GE(dp->port_info(0).rx_queues, 1);
    EXPECT_GT(dp->ReadPorts()[0].rx_packets, 0);
    dp->Stop();
  }
}

TEST_P(PortTest, LeavesTheInterfaceAsItWas) {
  std::unique_ptr<Dataplane> dp = Make(1);
  ASSERT_NE(dp, nullptr);
  ASSERT_TRUE(dp->Start().ok());
  dp.reset();
  if (GetParam().kind == DeviceKind::kTap) {
    EXPECT_EQ(if_nametoindex(GetParam().device), 0);
  } else {
    EXPECT_TRUE(Shell("! ip link show " + std::string(GetParam().device) + " | grep -q xdp"));
  }
  if (GetParam().kind != DeviceKind::kAfXdp) {
    EXPECT_NE(Make(1), nullptr);
  }
}

TEST_P(PortTest, LetsNeighbourDiscoveryIn) {
  if (GetParam().kind == DeviceKind::kTap) GTEST_SKIP() << "a tap has no filter";
  const auto takes_multicast = [] {
    std::ifstream file("/sys/class/net/ng-a/flags");
    unsigned flags = 0;
    file >> std::hex >> flags;
    return (flags & IFF_ALLMULTI) != 0;
  };
  EXPECT_FALSE(takes_multicast());
  std::unique_ptr<Dataplane> dp = Make(1);
  ASSERT_NE(dp, nullptr);
  EXPECT_TRUE(takes_multicast());
  dp.reset();
  EXPECT_FALSE(takes_multicast());
}

TEST_P(PortTest, TakesTheMtuThatIsAskedFor) {
  std::unique_ptr<Dataplane> dp = Make(1, 1400);
  ASSERT_NE(dp, nullptr);
  EXPECT_TRUE(Shell("ip link show " + std::string(GetParam().device) + " | grep -q 'mtu 1400'"));
}

INSTANTIATE_TEST_SUITE_P(
    Devices, PortTest,
    testing::Values(Kind{DeviceKind::kAfXdp, "AfXdp", "ng-a", "ng-b"},
                    Kind{DeviceKind::kAfPacket, "AfPacket", "ng-a", "ng-b"},
                    Kind{DeviceKind::kTap, "Tap", "ng-tap", "ng-tap"}),
    [](const testing::TestParamInfo<Kind>& info) { return info.param.name; });

}  // namespace
}  // namespace noisegate::dataplane
