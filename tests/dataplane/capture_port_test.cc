// Ports that need nothing of the kernel and nobody at the other end: captures, and null.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

// A file of the test's own.
class TemporaryFile {
 public:
  explicit TemporaryFile(const char* name)
      : path_(absl::StrCat(testing::TempDir(), "/noisegate-", getpid(), "-", name)) {}
  ~TemporaryFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  void Write(const Bytes& bytes) const {
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()),
                                                 static_cast<std::streamsize>(bytes.size()));
  }
  Bytes Read() const {
    std::ifstream file(path_, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }

 private:
  const std::string path_;
};

void Put32Le(Bytes* out, uint32_t v) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<uint8_t>(v >> shift));
}

// A pcap file with one Ethernet frame.
Bytes CaptureOf(const Bytes& frame) {
  Bytes file;
  const uint32_t size = static_cast<uint32_t>(frame.size());
  for (const uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) Put32Le(&file, word);
  for (const uint32_t word : {1u, 0u, size, size}) Put32Le(&file, word);
  naive::Put(&file, frame);
  return file;
}

TEST(CapturePort, ReadsOneFileAndWritesAnother) {
  const TemporaryFile in("in.pcap"), out("out.pcap");
  // Only a port knows its MAC, and a capture must be there before its port.
  GatewayRig::Options options;
  options.change = [](DataplaneOptions* dp) {
    dp->name = "captures";  // of which the MAC is made
    dp->ports[GatewayRig::kOverlay].kind = DeviceKind::kNull;
  };
  in.Write(CaptureOf(GatewayRig(options).HostFrame(UdpPacket("10.0.0.5", "10.1.0.7"))));

  options.start = false;
  options.change = [&](DataplaneOptions* dp) {
    dp->name = "captures";
    dp->ports[GatewayRig::kOverlay].kind = DeviceKind::kPcap;
    dp->ports[GatewayRig::kOverlay].device = absl::StrCat(in.path(), ",", out.path());
  };
  Bytes delivered;
  {
    GatewayRig rig(options);
    FarEnd far;
    rig.Publish(far);
    ASSERT_TRUE(rig.dp().Start().ok());
    const std::optional<Bytes> datagram = rig.FarReceives(far);
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(far.Open(*datagram), OneHopLess(UdpPacket("10.0.0.5", "10.1.0.7")));
    delivered = UdpPacket("10.1.0.7", "10.0.0.5");
    rig.FarSends(far, far.Seal(delivered));
    ASSERT_TRUE(rig.Wait([&] { return rig.Counters().delivered == 1; }));
  }
  const Bytes written = out.Read(), want = OneHopLess(delivered);
  EXPECT_NE(std::search(written.begin(), written.end(), want.begin(), want.end()), written.end());
}

TEST(NullPort, SwallowsWhatItIsGivenAndReceivesNothing) {
  GatewayRig::Options options;
  options.change = [](DataplaneOptions* dp) {
    dp->ports[GatewayRig::kOverlay].kind = DeviceKind::kNull;
  };
  GatewayRig rig(options);
  FarEnd far;
  rig.Publish(far);
  for (int i = 0; i < 100; ++i) rig.FarSends(far, far.Seal(UdpPacket("10.1.0.7", "10.0.0.5")));
  rig.Settle();
  EXPECT_EQ(rig.Counters().delivered, 100);
  EXPECT_EQ(rig.AllDrops(), 0);
  EXPECT_EQ(rig.dp().ReadPorts()[GatewayRig::kOverlay].rx_packets, 0);
}

}  // namespace
}  // namespace noisegate::dataplane
