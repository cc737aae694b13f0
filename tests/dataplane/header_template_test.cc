#include "dataplane/header_template.h"

#include <gtest/gtest.h>

#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;

const MacAddress kOurMac = {{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kTheirMac = {{0x02, 0, 0, 0, 0, 0x0b}};

HeaderTemplate Make(bool v6, uint16_t vlan) {
  return BuildHeaderTemplate(
      {.source_mac = kOurMac,
       .destination_mac = kTheirMac,
       .vlan = vlan,
       .local_address = IpAddress::Parse(v6 ? "2001:db8::1" : "192.0.2.1").value(),
       .local_port = 4243,
       .remote = Endpoint::Parse(v6 ? "[2001:db8:1::2]:5000" : "198.51.100.2:5000").value()});
}

// The whole frame, made byte by byte.
Bytes Naive(bool v6, uint16_t vlan, uint32_t header_word, uint8_t ecn, uint32_t flow_label,
            bool udp_checksum, const Bytes& ciphertext) {
  naive::Ip ip = v6 ? naive::kV6 : naive::kV4;
  ip.tos = ecn;
  ip.flags = 0x4000;
  ip.identification = header_word & 0xffff;
  ip.flow_label = flow_label;
  Bytes payload;
  naive::Put32(&payload, header_word);
  naive::Put(&payload, ciphertext);
  Bytes udp = naive::MakeUdp(ip, 4243, 5000, payload);
  if (naive::Get16(udp, 6) == 0) naive::Set16(&udp, 6, 0xffff);
  if (!udp_checksum) naive::Set16(&udp, 6, 0);
  return naive::MakeFrame(v6 ? 0x86dd : 0x0800, MakeIp(ip, udp), vlan);
}

TEST(HeaderTemplate, StampsTheFrameThatIsMadeByteByByte) {
  for (bool v6 : {false, true}) {
    for (uint16_t vlan : {0, 1, 4094}) {
      const HeaderTemplate t = Make(v6, vlan);
      for (uint32_t size : {16u, 17u, 100u, 1439u, 9000u}) {
        for (uint32_t word : {4u, 0x80000004u, 0xfffffffeu, 0x7ffeffffu}) {
          for (uint8_t ecn : {0, 1, 2, 3}) {
            Bytes buffer(HeaderTemplate::kRoom + size, 0xcc);
            uint8_t* ciphertext = buffer.data() + HeaderTemplate::kRoom;
            for (uint32_t i = 0; i < size; ++i) ciphertext[i] = static_cast<uint8_t>(i * 3 + word);
            const Bytes payload(ciphertext, ciphertext + size);
            const UdpChecksum checksum = v6 ? UdpChecksum::kFull : UdpChecksum::kNone;
            const uint8_t* frame = StampHeader(t, ciphertext, size, word, ecn, checksum);
            ASSERT_EQ(frame + t.size, ciphertext);
            const Bytes stamped(frame, frame + t.size + size);
            const size_t l3 = vlan == 0 ? 14 : 18;
            const uint32_t label = v6 ? LoadBe32(frame + l3) & 0xfffff : 0;
            EXPECT_EQ(label != 0, v6);
            ASSERT_EQ(stamped, Naive(v6, vlan, word, ecn, label, v6, payload));
          }
        }
      }
    }
  }
}

TEST(HeaderTemplate, LeavesTheDeviceThePseudoHeadersSum) {
  for (bool v6 : {false, true}) {
    const HeaderTemplate t = Make(v6, 0);
    Bytes buffer(HeaderTemplate::kRoom + 64, 7);
    uint8_t* ciphertext = buffer.data() + HeaderTemplate::kRoom;
    StampHeader(t, ciphertext, 64, 9, 0, UdpChecksum::kDevice);
    const Bytes pseudo = naive::PseudoHeader(v6 ? naive::kV6 : naive::kV4, 17, 8 + 4 + 64);
    // The device adds the rest and takes the complement; here is no complement yet.
    EXPECT_EQ(LoadBe16(ciphertext - 4 - 2), ~naive::Checksum(pseudo) & 0xffff);
  }
}

TEST(HeaderTemplate, SendsNoZeroChecksumOverIpv6) {
  const HeaderTemplate t = Make(true, 0);
  bool seen = false;
  for (uint32_t value = 0; value < 0x10000 && !seen; ++value) {
    Bytes buffer(HeaderTemplate::kRoom + 2);
    uint8_t* ciphertext = buffer.data() + HeaderTemplate::kRoom;
    StoreBe16(ciphertext, static_cast<uint16_t>(value));
    StampHeader(t, ciphertext, 2, 4, 0, UdpChecksum::kFull);
    const uint16_t field = LoadBe16(ciphertext - 4 - 2);
    ASSERT_NE(field, 0);
    seen = field == 0xffff;
  }
  EXPECT_TRUE(seen);
}

TEST(HeaderTemplate, ParsesBack) {
  for (bool v6 : {false, true}) {
    const HeaderTemplate t = Make(v6, 42);
    Bytes buffer(HeaderTemplate::kRoom + 40, 1);
    uint8_t* frame = StampHeader(t, buffer.data() + HeaderTemplate::kRoom, 40, 0x80000007, 2,
                                 UdpChecksum::kFull);
    SetDestinationMac(frame, kOurMac);
    OuterPacket outer;
    ASSERT_EQ(ParseOuter(frame, t.size + 40u, true, &outer), OuterKind::kUdp);
    EXPECT_EQ(outer.vlan, 42);
    EXPECT_EQ(outer.ip.ecn, 2);
    EXPECT_EQ(outer.ip.ttl, 64);
    EXPECT_TRUE(outer.ip.dont_fragment);
    EXPECT_EQ(outer.source_port, 4243);
    EXPECT_EQ(outer.payload_size, 44u);
    EXPECT_EQ(LoadBe32(frame + outer.payload_offset), 0x80000007u);
    EXPECT_TRUE(UdpChecksumOk(frame, outer));
    EXPECT_EQ(outer.ip.size, OuterIpOverhead(v6) + 40u);
    EXPECT_EQ(Bytes(frame, frame + 6), Bytes(kOurMac.bytes.begin(), kOurMac.bytes.end()));
  }
}

TEST(MaxInnerSize, LeavesRoomForHeadersAndTag) {
  EXPECT_EQ(MaxInnerSize(1500, false), 1500u - 20 - 8 - 4 - 16);
  EXPECT_EQ(MaxInnerSize(1500, true), 1500u - 40 - 8 - 4 - 16);
  EXPECT_EQ(MaxInnerSize(10, true), 0u);
}

}  // namespace
}  // namespace noisegate::dataplane
