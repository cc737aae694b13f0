#include "dataplane/packet.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;
using naive::kV4;
using naive::kV6;

const Bytes kPayload = {0x80, 0, 0, 4, 1, 2, 3, 4, 5};

// Given memory that ends where the bytes end, so that the sanitizers see every byte too many.
OuterKind Parse(const Bytes& frame, OuterPacket* out, bool verify = true) {
  const std::vector<uint8_t> exact(frame.begin(), frame.end());
  return ParseOuter(exact.data(), static_cast<uint32_t>(exact.size()), verify, out);
}
bool ParseIp(const Bytes& packet, IpPacket* out) {
  const std::vector<uint8_t> exact(packet.begin(), packet.end());
  return dataplane::ParseIp(exact.data(), static_cast<uint32_t>(exact.size()), out);
}

Bytes UdpFrame(const naive::Ip& ip, unsigned vlan = 0) {
  return naive::MakeFrame(ip.source.size() == 4 ? 0x0800 : 0x86dd,
                          MakeIp(ip, MakeUdp(ip, 5000, 4242, kPayload)), vlan);
}

TEST(ParseOuter, FindsUdpOverBothFamiliesWithAndWithoutVlan) {
  for (const naive::Ip& ip : {kV4, kV6}) {
    for (unsigned vlan : {0u, 100u, 4095u}) {
      const Bytes frame = UdpFrame(ip, vlan);
      OuterPacket outer;
      ASSERT_EQ(Parse(frame, &outer), OuterKind::kUdp);
      EXPECT_EQ(outer.vlan, vlan);
      EXPECT_EQ(outer.l3_offset, vlan == 0 ? 14 : 18);
      EXPECT_EQ(outer.source_port, 5000);
      EXPECT_EQ(outer.destination_port, 4242);
      EXPECT_EQ(Bytes(frame.begin() + outer.payload_offset,
                      frame.begin() + outer.payload_offset + outer.payload_size),
                kPayload);
      EXPECT_TRUE(UdpChecksumOk(frame.data(), outer));
      const IpAddress source = SourceAddress(frame.data(), outer);
      EXPECT_EQ(source.ToString(), ip.source.size() == 4 ? "192.0.2.1" : "2001:db8::1");
      const IpAddress destination = DestinationAddress(frame.data(), outer);
      EXPECT_EQ(destination.ToString(), ip.source.size() == 4 ? "198.51.100.2" : "2001:db8:1::2");
      EXPECT_EQ(SourceEndpoint(frame.data(), outer).port, 5000);
    }
  }
}

TEST(ParseOuter, LeavesEthernetPaddingOut) {
  Bytes frame = UdpFrame(kV4);
  frame.resize(60, 0xee);
  OuterPacket outer;
  ASSERT_EQ(Parse(frame, &outer), OuterKind::kUdp);
  EXPECT_EQ(outer.payload_size, kPayload.size());
  EXPECT_TRUE(UdpChecksumOk(frame.data(), outer));
}

TEST(ParseOuter, DropsEveryTruncation) {
  for (const naive::Ip& ip : {kV4, kV6}) {
    const Bytes whole = UdpFrame(ip, 7);
    for (size_t size = 0; size < whole.size(); ++size) {
      OuterPacket outer;
      ASSERT_EQ(Parse(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)), &outer),
                OuterKind::kDrop)
          << size;
      EXPECT_EQ(outer.reason, DropReason::kMalformed);
    }
  }
}

TEST(ParseOuter, ReadsIpOptionsAndExtensionHeaders) {
  naive::Ip v4 = kV4;
  v4.options = {1, 1, 1, 0};
  naive::Ip v6 = kV6;
  v6.protocol = 0;                                                   // hop-by-hop,
  v6.options = {60, 0, 1, 4, 0, 0, 0, 0, 43, 1, 1, 12, 0, 0, 0, 0,   // destination options,
                0,  0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0,  0, 0, 0, 0};  // routing
  for (const naive::Ip& ip : {v4, v6}) {
    OuterPacket outer;
    const Bytes frame = UdpFrame(ip);
    ASSERT_EQ(Parse(frame, &outer), OuterKind::kUdp);
    EXPECT_EQ(outer.payload_size, kPayload.size());
    EXPECT_TRUE(UdpChecksumOk(frame.data(), outer));
  }
}

struct Case {
  const char* name;
  Bytes frame;
  DropReason want;
};

TEST(ParseOuter, DropsForTheReason) {
  const Bytes good = UdpFrame(kV4);
  const Bytes good6 = UdpFrame(kV6);
  const auto with = [](Bytes frame, size_t at, unsigned value) {
    frame.at(at) = static_cast<uint8_t>(value);
    return frame;
  };
  const auto ip_frame = [](naive::Ip ip, unsigned source_port = 5000) {
    const bool v4 = ip.source.size() == 4;
    return naive::MakeFrame(v4 ? 0x0800 : 0x86dd,
                            MakeIp(ip, MakeUdp(ip, source_port, 4242, kPayload)));
  };
  const auto from = [&](naive::Ip ip, Bytes source) {
    ip.source = std::move(source);
    return ip_frame(ip);
  };
  naive::Ip more = kV4, later = kV4, fragment6 = kV6, tcp = kV4, endless = kV6, overrun = kV6;
  more.flags = 0x2000;
  later.flags = 0x0001;
  tcp.protocol = 6;
  fragment6.protocol = 44;
  fragment6.options = {17, 0, 0, 1, 0, 0, 0, 9};
  endless.protocol = 60;
  for (int i = 0; i < 6; ++i) naive::Put(&endless.options, {60, 0, 1, 4, 0, 0, 0, 0});
  overrun.protocol = 0;
  overrun.options = {17, 200, 1, 4, 0, 0, 0, 0};
  Bytes mapped(10, 0);
  naive::Put(&mapped, {0xff, 0xff, 192, 0, 2, 1});

  const Case cases[] = {
      {"version 5", with(good, 14, 0x55), DropReason::kMalformed},
      {"IPv6 in an IPv4 frame", with(with(good6, 12, 0x08), 13, 0x00), DropReason::kMalformed},
      {"header of 16 bytes", with(good, 14, 0x44), DropReason::kMalformed},
      {"header longer than the packet", with(good, 14, 0x4f), DropReason::kMalformed},
      {"total length too long", with(good, 17, 0xff), DropReason::kMalformed},
      {"total length too short", with(good, 17, 10), DropReason::kMalformed},
      {"payload length too long", with(good6, 19, 0xff), DropReason::kMalformed},
      {"checksum", with(good, 24, 0xaa), DropReason::kBadChecksum},
      {"UDP longer than IP", with(good, 39, 0xff), DropReason::kMalformed},
      {"UDP shorter than its header", with(good, 39, 7), DropReason::kMalformed},
      {"more fragments", ip_frame(more), DropReason::kFragment},
      {"a later fragment", ip_frame(later), DropReason::kFragment},
      {"IPv6 fragment", ip_frame(fragment6), DropReason::kFragment},
      {"TCP", ip_frame(tcp), DropReason::kUnsupported},
      {"too many extension headers", ip_frame(endless), DropReason::kUnsupported},
      {"extension header beyond the end", ip_frame(overrun), DropReason::kMalformed},
      {"mapped source", from(kV6, mapped), DropReason::kMalformed},
      {"port 0", ip_frame(kV4, 0), DropReason::kMalformed},
      {"from a group", from(kV4, {224, 0, 0, 1}), DropReason::kMalformed},
      {"from broadcast", from(kV4, {255, 255, 255, 255}), DropReason::kMalformed},
      {"from nowhere", from(kV4, {0, 0, 0, 0}), DropReason::kMalformed},
      {"from loopback", from(kV4, {127, 0, 0, 1}), DropReason::kMalformed},
      {"from ::", from(kV6, Bytes(16, 0)), DropReason::kMalformed},
      {"two VLAN tags", naive::MakeFrame(0x8100, Bytes(60, 1), 5), DropReason::kUnsupported},
      {"LLDP", naive::MakeFrame(0x88cc, Bytes(60, 1)), DropReason::kUnsupported},
  };
  for (const Case& c : cases) {
    OuterPacket outer;
    ASSERT_EQ(Parse(c.frame, &outer), OuterKind::kDrop) << c.name;
    EXPECT_EQ(DropReasonName(outer.reason), DropReasonName(c.want)) << c.name;
  }
}

TEST(ParseOuter, TrustsTheDeviceWithTheHeaderChecksum) {
  Bytes frame = UdpFrame(kV4);
  frame[24] ^= 0xff;
  OuterPacket outer;
  EXPECT_EQ(Parse(frame, &outer, true), OuterKind::kDrop);
  EXPECT_EQ(Parse(frame, &outer, false), OuterKind::kUdp);
}

TEST(ParseOuter, GivesArpAndIcmpToTheControlThread) {
  naive::Ip icmp = kV4, icmp6 = kV6, crossed = kV4;
  icmp.protocol = 1;
  icmp6.protocol = 58;
  crossed.protocol = 58;
  OuterPacket outer;
  EXPECT_EQ(Parse(naive::MakeFrame(0x0806, Bytes(46, 0)), &outer), OuterKind::kControl);
  EXPECT_EQ(outer.ether_type, kEtherTypeArp);
  EXPECT_EQ(Parse(naive::MakeFrame(0x0800, MakeIp(icmp, Bytes(8, 0))), &outer),
            OuterKind::kControl);
  EXPECT_EQ(Parse(naive::MakeFrame(0x86dd, MakeIp(icmp6, Bytes(24, 0)), 9), &outer),
            OuterKind::kControl);
  EXPECT_EQ(outer.vlan, 9);
  EXPECT_EQ(Parse(naive::MakeFrame(0x0800, MakeIp(crossed, Bytes(8, 0))), &outer),
            OuterKind::kDrop);
}

TEST(UdpChecksumOk, SeesEveryChangedBit) {
  for (const naive::Ip& ip : {kV4, kV6}) {
    const Bytes good = UdpFrame(ip);
    OuterPacket outer;
    ASSERT_EQ(Parse(good, &outer), OuterKind::kUdp);
    for (size_t i = outer.payload_offset; i < good.size(); ++i) {
      Bytes bad = good;
      bad[i] ^= 0x10;
      EXPECT_FALSE(UdpChecksumOk(bad.data(), outer));
    }
    Bytes none = good;
    naive::Set16(&none, outer.payload_offset - 2, 0);
    EXPECT_EQ(UdpChecksumOk(none.data(), outer), ip.source.size() == 4);
  }
}

TEST(ParseIp, ReadsEveryField) {
  naive::Ip v4 = kV4;
  v4.ttl = 3;
  v4.tos = 0xb9;
  v4.flags = 0x4000;
  v4.protocol = 6;
  IpPacket ip;
  ASSERT_TRUE(ParseIp(MakeIp(v4, Bytes(20, 0)), &ip));
  EXPECT_EQ(ip.version, 4);
  EXPECT_EQ(ip.size, 40u);
  EXPECT_EQ(ip.l4_offset, 20);
  EXPECT_EQ(ip.protocol, 6);
  EXPECT_EQ(ip.ttl, 3);
  EXPECT_EQ(ip.ecn, 1);
  EXPECT_TRUE(ip.dont_fragment);
  EXPECT_FALSE(ip.fragment);

  naive::Ip v6 = kV6;
  v6.ttl = 9;
  v6.tos = 0xba;
  v6.protocol = 58;
  ASSERT_TRUE(ParseIp(MakeIp(v6, Bytes(8, 0)), &ip));
  EXPECT_EQ(ip.version, 6);
  EXPECT_EQ(ip.size, 48u);
  EXPECT_EQ(ip.l4_offset, 40);
  EXPECT_EQ(ip.protocol, 58);
  EXPECT_EQ(ip.ttl, 9);
  EXPECT_EQ(ip.ecn, 2);
  EXPECT_TRUE(ip.dont_fragment);
}

TEST(ParseIp, TellsFragmentsApart) {
  struct {
    unsigned flags;
    bool fragment, later;
  } const v4[] = {{0, false, false},
                  {0x4000, false, false},
                  {0x2000, true, false},
                  {0x2001, true, true},
                  {0x1fff, true, true}};
  for (const auto& c : v4) {
    naive::Ip ip = kV4;
    ip.flags = c.flags;
    IpPacket parsed;
    ASSERT_TRUE(ParseIp(MakeIp(ip, Bytes(16, 0)), &parsed));
    EXPECT_EQ(parsed.fragment, c.fragment) << c.flags;
    EXPECT_EQ(parsed.later_fragment, c.later) << c.flags;
  }
  struct {
    unsigned word;
    bool fragment, later;
    uint16_t l4_offset;
  } const v6[] = {
      {0, false, false, 48}, {1, true, false, 48}, {8, true, true, 48}, {9, true, true, 48}};
  for (const auto& c : v6) {
    naive::Ip ip = kV6;
    ip.protocol = 44;
    ip.options = {17, 0, 0, static_cast<uint8_t>(c.word), 0, 0, 0, 1};
    IpPacket parsed;
    ASSERT_TRUE(ParseIp(MakeIp(ip, Bytes(16, 0)), &parsed));
    EXPECT_EQ(parsed.fragment, c.fragment) << c.word;
    EXPECT_EQ(parsed.later_fragment, c.later) << c.word;
    EXPECT_EQ(parsed.protocol, 17);
    EXPECT_EQ(parsed.l4_offset, c.l4_offset);
  }
}

TEST(ParseIp, DoesNotReadALaterFragmentsPayloadAsHeaders) {
  naive::Ip ip = kV6;
  ip.protocol = 44;
  ip.options = {60, 0, 0, 8, 0, 0, 0, 1};  // says destination options, but is a later part
  IpPacket parsed;
  ASSERT_TRUE(ParseIp(MakeIp(ip, {17, 255, 0, 0, 0, 0, 0, 0}), &parsed));
  EXPECT_EQ(parsed.protocol, 60);
  EXPECT_TRUE(parsed.later_fragment);
}

TEST(ParseIp, SaysItsOwnSizeSoThatAMessageCanBeHeldAgainstIt) {
  Bytes packet = MakeIp(kV4, Bytes(8, 0));
  packet.push_back(0);
  IpPacket ip;
  ASSERT_TRUE(ParseIp(packet, &ip));
  EXPECT_EQ(ip.size, packet.size() - 1);
  EXPECT_FALSE(dataplane::ParseIp(packet.data(), 0, &ip));
}

// What a kernel sent on loopback.
TEST(ParseIp, TakesARealCapture) {
  std::ifstream file(NOISEGATE_SOURCE_DIR "/tests/vectors/noiseswarm/handshake_echo_fixed.pcap",
                     std::ios::binary);
  ASSERT_TRUE(file.is_open());
  const Bytes pcap((std::istreambuf_iterator<char>(file)), {});
  size_t at = 24, frames = 0;
  while (at + 16 <= pcap.size()) {
    const size_t size = pcap[at + 8] | pcap[at + 9] << 8;  // little-endian
    at += 16;
    ASSERT_LE(at + size, pcap.size());
    const uint8_t* packet = pcap.data() + at + 14;
    IpPacket ip;
    ASSERT_TRUE(dataplane::ParseIp(packet, static_cast<uint32_t>(size - 14), &ip));
    EXPECT_EQ(ip.size, size - 14);
    EXPECT_EQ(ip.protocol, kProtocolUdp);
    EXPECT_TRUE(HeaderChecksumOk(packet, ip));
    EXPECT_EQ(SourceAddress(packet, ip).ToString(), "127.0.0.1");
    EXPECT_TRUE(HasMartianSource(packet, ip));
    at += size;
    ++frames;
  }
  EXPECT_GT(frames, 4u);
}

TEST(IsLinkScoped, HoldsBackWhatARouterMustNotForward) {
  const auto to = [](naive::Ip ip, Bytes destination) {
    ip.destination = std::move(destination);
    const Bytes packet = MakeIp(ip, Bytes(8, 0));
    IpPacket parsed;
    EXPECT_TRUE(ParseIp(packet, &parsed));
    return IsLinkScoped(packet.data(), parsed);
  };
  EXPECT_TRUE(to(kV4, {224, 0, 0, 5}));
  EXPECT_TRUE(to(kV4, {255, 255, 255, 255}));
  EXPECT_TRUE(to(kV4, {169, 254, 1, 1}));
  EXPECT_FALSE(to(kV4, {10, 0, 0, 1}));
  EXPECT_FALSE(to(kV4, {169, 253, 1, 1}));
  Bytes group(16, 0), link(16, 0), site(16, 0);
  group[0] = 0xff;
  link[0] = 0xfe, link[1] = 0x80;
  site[0] = 0xfd;
  EXPECT_TRUE(to(kV6, group));
  EXPECT_TRUE(to(kV6, link));
  EXPECT_FALSE(to(kV6, site));
}

uint32_t HashOf(const Bytes& packet) {
  IpPacket ip;
  EXPECT_TRUE(ParseIp(packet, &ip));
  return FlowHash(packet.data(), ip);
}

TEST(FlowHash, DependsOnTheFlowAndOnNothingElse) {
  for (const naive::Ip& base : {kV4, kV6}) {
    const uint32_t hash = HashOf(MakeIp(base, MakeUdp(base, 1, 2, {1})));
    naive::Ip other = base;
    other.ttl = 9;
    other.tos = 3;
    other.identification = 77;
    other.flow_label = 5;
    EXPECT_EQ(HashOf(MakeIp(other, MakeUdp(other, 1, 2, {9, 9}))), hash);
    EXPECT_NE(HashOf(MakeIp(base, MakeUdp(base, 2, 1, {1}))), hash);
    other = base;
    other.protocol = 6;
    EXPECT_NE(HashOf(MakeIp(other, MakeUdp(base, 1, 2, {1}))), hash);
    for (Bytes naive::Ip::*address : {&naive::Ip::source, &naive::Ip::destination}) {
      for (size_t i = 0; i < base.source.size(); ++i) {
        other = base;
        (other.*address)[i] ^= 1;
        EXPECT_NE(HashOf(MakeIp(other, MakeUdp(base, 1, 2, {1}))), hash);
      }
    }
  }
}

TEST(FlowHash, KeepsFragmentsOfOnePacketTogether) {
  naive::Ip first = kV4, later = kV4;
  first.flags = 0x2000;
  later.flags = 0x0002;
  EXPECT_EQ(HashOf(MakeIp(first, MakeUdp(first, 1, 2, Bytes(8, 1)))),
            HashOf(MakeIp(later, Bytes(16, 7))));
  naive::Ip first6 = kV6, later6 = kV6;
  first6.protocol = later6.protocol = 44;
  first6.flow_label = later6.flow_label = 0x12345;
  first6.options = {17, 0, 0, 1, 0, 0, 0, 1};
  later6.options = {17, 0, 0, 16, 0, 0, 0, 1};
  EXPECT_EQ(HashOf(MakeIp(first6, MakeUdp(first6, 1, 2, Bytes(8, 1)))),
            HashOf(MakeIp(later6, Bytes(16, 7))));
  naive::Ip other_label = later6;
  other_label.flow_label = 0x12346;
  EXPECT_NE(HashOf(MakeIp(other_label, Bytes(16, 7))), HashOf(MakeIp(later6, Bytes(16, 7))));
}

// Chi-squared with 63 degrees of freedom: beyond 120 has a chance of about 1 in 60,000.
TEST(FlowHash, SpreadsCloseFlowsOverEveryPartOfItsBits) {
  constexpr int kFlows = 8192;
  constexpr double kWant = kFlows / 64.0;
  for (const naive::Ip& base : {kV4, kV6}) {
    std::array<std::array<double, 64>, 3> buckets = {};
    for (int i = 0; i < kFlows; ++i) {
      naive::Ip ip = base;
      ip.source.back() = static_cast<uint8_t>(i >> 7);
      const unsigned port = 40000 + static_cast<unsigned>(i & 127);
      const uint32_t hash = HashOf(MakeIp(ip, MakeUdp(ip, port, 443, {})));
      for (size_t part = 0; part < 3; ++part) buckets[part][hash >> (13 * part) & 63] += 1;
    }
    for (const auto& part : buckets) {
      double chi_squared = 0;
      for (double n : part) chi_squared += (n - kWant) * (n - kWant) / kWant;
      EXPECT_LT(chi_squared, 120);
    }
  }
}

TEST(ParseOuter, SurvivesRandomDamage) {
  std::mt19937 random(4);
  const Bytes seeds[] = {UdpFrame(kV4), UdpFrame(kV6), UdpFrame(kV4, 5), UdpFrame(kV6, 6)};
  int udp = 0;
  for (int i = 0; i < 100000; ++i) {
    Bytes frame = seeds[random() % 4];
    for (unsigned n = random() % 4; n > 0; --n) {
      frame[random() % frame.size()] = static_cast<uint8_t>(random());
    }
    frame.resize(random() % 8 == 0 ? random() % (frame.size() + 1) : frame.size());
    OuterPacket outer;
    if (Parse(frame, &outer, false) != OuterKind::kUdp) continue;
    ++udp;
    ASSERT_LE(outer.payload_offset + outer.payload_size, frame.size());
    ASSERT_GE(outer.payload_offset, 42u);
  }
  EXPECT_GT(udp, 5000);
}

}  // namespace
}  // namespace noisegate::dataplane
