#include "dataplane/rewrite.h"

#include <gtest/gtest.h>

#include <tuple>

#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;
using naive::kV4;
using naive::kV6;

IpPacket Parsed(const Bytes& packet) {
  IpPacket ip;
  EXPECT_TRUE(ParseIp(packet.data(), static_cast<uint32_t>(packet.size()), &ip));
  return ip;
}

TEST(DecrementTtl, GivesThePacketMadeWithOneLess) {
  for (naive::Ip ip : {kV4, kV6}) {
    for (unsigned ttl = 2; ttl < 256; ++ttl) {
      for (unsigned identification : {0u, 1u, 0xfeffu, 0xffffu}) {
        ip.identification = identification;
        ip.ttl = ttl;
        Bytes packet = MakeIp(ip, Bytes(8, 1));
        DecrementTtl(packet.data(), Parsed(packet));
        ip.ttl = ttl - 1;
        EXPECT_EQ(packet, MakeIp(ip, Bytes(8, 1)));
      }
    }
  }
}

TEST(DecrementTtl, LeavesAWrongChecksumWrong) {
  Bytes packet = MakeIp(kV4, Bytes(8, 1));
  packet[10] ^= 0x40;
  DecrementTtl(packet.data(), Parsed(packet));
  EXPECT_FALSE(HeaderChecksumOk(packet.data(), Parsed(packet)));
}

TEST(Ecn, IsCombinedAsInFigure4OfRfc6040) {
  constexpr uint8_t N = kEcnNotEct, E0 = kEcnEct0, E1 = kEcnEct1, C = kEcnCe, D = kEcnDrop;
  const uint8_t inner[] = {N, E0, E1, C};
  const uint8_t outer[] = {N, E0, E1, C};
  const uint8_t want[4][4] = {
      {N, N, N, D},
      {E0, E0, E1, C},
      {E1, E1, E1, C},
      {C, C, C, C},
  };
  for (int i = 0; i < 4; ++i) {
    for (int o = 0; o < 4; ++o) {
      EXPECT_EQ(CombineEcn(outer[o], inner[i]), want[i][o]) << "inner " << i << ", outer " << o;
    }
    EXPECT_EQ(EcnToOuter(inner[i]), inner[i]);
  }
}

TEST(SetEcn, GivesThePacketMadeWithThatMark) {
  for (naive::Ip ip : {kV4, kV6}) {
    for (unsigned before = 0; before < 4; ++before) {
      for (unsigned after = 0; after < 4; ++after) {
        ip.tos = 0xb8 | before;
        ip.flow_label = 0xfffff;
        Bytes packet = MakeIp(ip, Bytes(8, 1));
        SetEcn(packet.data(), Parsed(packet), static_cast<uint8_t>(after));
        ip.tos = 0xb8 | after;
        EXPECT_EQ(packet, MakeIp(ip, Bytes(8, 1)));
      }
    }
  }
}

constexpr unsigned kSyn = 0x02, kAck = 0x10;

Bytes Mss(unsigned value) {
  return {2, 4, static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

naive::Ip Tcp(naive::Ip ip) {
  ip.protocol = 6;
  return ip;
}

TEST(ClampMss, GivesTheSynMadeWithTheLowerSize) {
  struct {
    naive::Ip ip;
    unsigned fits;
  } const families[] = {{Tcp(kV4), 1400 - 40}, {Tcp(kV6), 1400 - 60}};
  for (const auto& [ip, fits] : families) {
    for (unsigned flags : {kSyn, kSyn | kAck}) {
      // Before and behind other options, at an even and at an odd offset.
      const std::tuple<Bytes, Bytes> around[] = {
          {{}, {1, 1, 4, 2}},
          {{1}, {3, 3, 7}},
          {{3, 3, 7}, {1}},
          {{8, 10, 0, 1, 2, 3, 4, 5, 6, 7, 1, 1}, {}},
      };
      for (const auto& [head, tail] : around) {
        const auto options = [&](unsigned mss) {
          Bytes o = head;
          naive::Put(&o, Mss(mss));
          naive::Put(&o, tail);
          return o;
        };
        Bytes packet = MakeIp(ip, MakeTcp(ip, flags, options(1460)));
        EXPECT_TRUE(ClampMss(packet.data(), Parsed(packet), 1400));
        EXPECT_EQ(packet, MakeIp(ip, MakeTcp(ip, flags, options(fits))));
        EXPECT_FALSE(ClampMss(packet.data(), Parsed(packet), 1400));  // it fits already
      }
    }
  }
}

TEST(ClampMss, LeavesEverythingElseAlone) {
  const naive::Ip ip = Tcp(kV4);
  naive::Ip fragment = ip, udp = kV4;
  fragment.flags = 0x2000;
  Bytes no_room = MakeTcp(ip, kSyn, Mss(1460));
  no_room[12] = 0xf0;  // a header of 60 bytes that are not there
  Bytes short_header = MakeTcp(ip, kSyn, Mss(1460));
  short_header[12] = 0x40;
  const Bytes packets[] = {
      MakeIp(ip, MakeTcp(ip, kAck, Mss(1460))),
      MakeIp(ip, MakeTcp(ip, kSyn, Mss(500))),
      MakeIp(ip, MakeTcp(ip, kSyn, {})),
      MakeIp(ip, MakeTcp(ip, kSyn, {1, 1, 1, 1})),
      MakeIp(ip, MakeTcp(ip, kSyn, {0, 2, 4, 9, 9, 9, 9, 9})),  // behind the end of options
      MakeIp(ip, MakeTcp(ip, kSyn, {2, 3, 9, 1})),              // an option of the wrong size
      MakeIp(ip, MakeTcp(ip, kSyn, {1, 1, 1, 2})),              // cut off before its size
      MakeIp(ip, MakeTcp(ip, kSyn, {1, 1, 2, 4})),              // and before its value
      MakeIp(ip, MakeTcp(ip, kSyn, {3, 0, 2, 4, 9, 9, 9, 9})),  // an option of no size
      MakeIp(ip, MakeTcp(ip, kSyn, {3, 1, 2, 4, 9, 9, 9, 9})),  // or less than its own header
      MakeIp(ip, no_room),
      MakeIp(ip, short_header),
      MakeIp(ip, Bytes(19, 0xff)),
      MakeIp(fragment, MakeTcp(ip, kSyn, Mss(1460))),
      MakeIp(udp, MakeTcp(ip, kSyn, Mss(1460))),
  };
  for (const Bytes& before : packets) {
    Bytes packet = before;
    EXPECT_FALSE(ClampMss(packet.data(), Parsed(packet), 1400));
    EXPECT_EQ(packet, before);
  }
  Bytes packet = MakeIp(ip, MakeTcp(ip, kSyn, Mss(1460)));
  EXPECT_FALSE(ClampMss(packet.data(), Parsed(packet), 40));  // nothing fits such a path
}

}  // namespace
}  // namespace noisegate::dataplane
