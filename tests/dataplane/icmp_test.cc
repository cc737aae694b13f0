#include "dataplane/icmp.h"

#include <gtest/gtest.h>

#include "tests/dataplane/addresses.h"
#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;
using naive::kV4;
using naive::kV6;

naive::Ip Icmp(naive::Ip ip) {
  ip.protocol = ip.source.size() == 4 ? 1 : 58;
  return ip;
}

// An ICMP packet written out; `rest` is what follows the checksum.
Bytes Make(naive::Ip ip, unsigned type, unsigned code, const Bytes& rest) {
  const bool v4 = ip.source.size() == 4;
  ip.protocol = v4 ? 1 : 58;
  Bytes body;
  naive::Put8(&body, type);
  naive::Put8(&body, code);
  naive::Put16(&body, 0);
  naive::Put(&body, rest);
  return MakeIp(ip, WithChecksum(ip, 58, body, 2, !v4));
}

naive::Ip Reversed(naive::Ip ip) {
  std::swap(ip.source, ip.destination);
  return ip;
}

const Bytes kEcho = {0x12, 0x34, 0, 7, 'p', 'i', 'n', 'g', '!'};

TEST(EchoReply, ReturnsWhatWasSent) {
  EXPECT_EQ(BuildEchoReply(Make(kV4, 8, 0, kEcho)), Make(Reversed(kV4), 0, 0, kEcho));
  EXPECT_EQ(BuildEchoReply(Make(kV6, 128, 0, kEcho)), Make(Reversed(kV6), 129, 0, kEcho));
  Bytes padded = Make(kV4, 8, 0, kEcho);
  padded.resize(padded.size() + 10);
  EXPECT_EQ(BuildEchoReply(padded), Make(Reversed(kV4), 0, 0, kEcho));
}

TEST(EchoReply, StaysSilentOtherwise) {
  const auto from = [](naive::Ip ip, Bytes source) {
    ip.source = std::move(source);
    return ip;
  };
  const auto to = [](naive::Ip ip, Bytes destination) {
    ip.destination = std::move(destination);
    return ip;
  };
  naive::Ip fragment = kV4;
  fragment.flags = 0x2000;
  Bytes damaged = Make(kV4, 8, 0, kEcho), damaged6 = Make(kV6, 128, 0, kEcho);
  damaged.back() ^= 1;
  damaged6.back() ^= 1;
  const Bytes silent[] = {
      Make(kV4, 0, 0, kEcho),
      Make(kV6, 129, 0, kEcho),
      Make(kV4, 8, 1, kEcho),
      Make(kV4, 128, 0, kEcho),
      Make(kV6, 8, 0, kEcho),
      Make(fragment, 8, 0, kEcho),
      Make(kV4, 8, 0, {1, 2}),
      Make(from(kV4, {224, 0, 0, 1}), 8, 0, kEcho),
      Make(from(kV4, {0, 0, 0, 0}), 8, 0, kEcho),
      Make(to(kV4, {255, 255, 255, 255}), 8, 0, kEcho),
      Make(to(kV4, {224, 0, 0, 1}), 8, 0, kEcho),
      Make(to(kV4, {0, 0, 0, 0}), 8, 0, kEcho),
      Make(to(kV4, {127, 0, 0, 1}), 8, 0, kEcho),
      Make(to(kV6, Bytes(16, 0)), 128, 0, kEcho),
      Make(from(kV6, Bytes(16, 0)), 128, 0, kEcho),
      damaged,
      damaged6,
      MakeIp(kV4, MakeUdp(kV4, 1, 2, kEcho)),
      {},
  };
  for (const Bytes& packet : silent) EXPECT_TRUE(BuildEchoReply(packet).empty());
}

// The report's fields after the checksum: four bytes, then the quotation.
Bytes Rest(const Bytes& four, const Bytes& packet, size_t quoted) {
  Bytes rest = four;
  rest.insert(rest.end(), packet.begin(),
              packet.begin() + static_cast<ptrdiff_t>(std::min(quoted, packet.size())));
  return rest;
}

TEST(IcmpError, SaysWhatHappenedAndQuotes) {
  const naive::Ip from_us4 = {.source = {10, 9, 8, 7}, .destination = kV4.source};
  const naive::Ip from_us6 = {.source = kV6.destination, .destination = kV6.source};
  const Bytes small4 = MakeIp(kV4, MakeUdp(kV4, 1, 2, Bytes(20, 7)));
  const Bytes small6 = MakeIp(kV6, MakeUdp(kV6, 1, 2, Bytes(20, 7)));
  const struct {
    IcmpError error;
    unsigned type4, code4, type6, code6;
  } cases[] = {
      {IcmpError::kTooBig, 3, 4, 2, 0},      {IcmpError::kTimeExceeded, 11, 0, 3, 0},
      {IcmpError::kNoRoute, 3, 0, 1, 0},     {IcmpError::kHostUnreachable, 3, 1, 1, 3},
      {IcmpError::kProhibited, 3, 13, 1, 1},
  };
  for (const auto& c : cases) {
    const bool too_big = c.error == IcmpError::kTooBig;
    EXPECT_EQ(BuildIcmpError(c.error, 1400, Ip("10.9.8.7"), small4),
              Make(from_us4, c.type4, c.code4,
                   Rest(too_big ? Bytes{0, 0, 0x05, 0x78} : Bytes(4, 0), small4, 9999)));
    EXPECT_EQ(BuildIcmpError(c.error, 1400, Ip("2001:db8:1::2"), small6),
              Make(from_us6, c.type6, c.code6,
                   Rest(too_big ? Bytes{0, 0, 0x05, 0x78} : Bytes(4, 0), small6, 9999)));
  }
}

TEST(IcmpError, QuotesNoMoreThanFits) {
  const Bytes big4 = MakeIp(kV4, MakeUdp(kV4, 1, 2, Bytes(1400, 7)));
  const Bytes big6 = MakeIp(kV6, MakeUdp(kV6, 1, 2, Bytes(1400, 7)));
  EXPECT_EQ(BuildIcmpError(IcmpError::kTooBig, 1280, Ip("10.9.8.7"), big4).size(), 576u);
  EXPECT_EQ(BuildIcmpError(IcmpError::kTooBig, 1280, Ip("2001:db8::9"), big6).size(), 1280u);
}

TEST(IcmpError, ReportsNoIpv6MtuThatHostsWouldIgnore) {
  const Bytes packet = MakeIp(kV6, MakeUdp(kV6, 1, 2, Bytes(20, 7)));
  const Bytes report = BuildIcmpError(IcmpError::kTooBig, 1200, Ip("2001:db8::9"), packet);
  ASSERT_GT(report.size(), 48u);
  EXPECT_EQ(naive::Get16(report, 46), 1280u);
}

TEST(IcmpError, IsNeverSentAboutThese) {
  const auto about = [](const Bytes& packet, IcmpError error = IcmpError::kNoRoute) {
    const bool v4 = packet[0] >> 4 == 4;
    return !BuildIcmpError(error, 1400, Ip(v4 ? "10.9.8.7" : "2001:db8::9"), packet).empty();
  };
  const auto udp = [](const naive::Ip& ip) { return MakeIp(ip, MakeUdp(ip, 1, 2, Bytes(8, 7))); };
  EXPECT_TRUE(about(udp(kV4)));
  EXPECT_TRUE(about(udp(kV6)));

  naive::Ip later = kV4, group = kV4, broadcast = kV4, from_group = kV4, group6 = kV6;
  later.flags = 1;
  group.destination = {239, 1, 1, 1};
  broadcast.destination = {255, 255, 255, 255};
  from_group.source = {239, 1, 1, 1};
  group6.destination[0] = 0xff;
  EXPECT_FALSE(about(udp(later)));
  EXPECT_FALSE(about(udp(group)));
  EXPECT_FALSE(about(udp(broadcast)));
  EXPECT_FALSE(about(udp(from_group)));
  EXPECT_FALSE(about(udp(group6)));
  EXPECT_TRUE(about(udp(group6), IcmpError::kTooBig));  // RFC 4443 2.4 (e.3)

  naive::Ip first = kV4;
  first.flags = 0x2000;
  EXPECT_TRUE(about(udp(first)));

  for (unsigned type : {3u, 4u, 5u, 11u, 12u, 99u}) {
    EXPECT_FALSE(about(Make(kV4, type, 0, Bytes(8, 0)))) << type;
  }
  for (unsigned type : {0u, 8u, 13u, 14u}) {
    EXPECT_TRUE(about(Make(kV4, type, 0, Bytes(8, 0)))) << type;
  }
  for (unsigned type : {1u, 2u, 3u, 4u, 100u, 137u}) {
    EXPECT_FALSE(about(Make(kV6, type, 0, Bytes(8, 0)))) << type;
  }
  for (unsigned type : {128u, 129u, 135u}) {
    EXPECT_TRUE(about(Make(kV6, type, 0, Bytes(8, 0)))) << type;
  }
  EXPECT_FALSE(about(MakeIp(Icmp(kV4), {})));  // its type is missing
}

TEST(IcmpError, NeedsAnAddressOfTheSameFamilyAndAPacket) {
  const Bytes packet = MakeIp(kV4, MakeUdp(kV4, 1, 2, Bytes(8, 7)));
  EXPECT_TRUE(BuildIcmpError(IcmpError::kNoRoute, 0, Ip("2001:db8::9"), packet).empty());
  EXPECT_TRUE(BuildIcmpError(IcmpError::kNoRoute, 0, Ip("10.0.0.1"), {}).empty());
  EXPECT_TRUE(
      BuildIcmpError(IcmpError::kNoRoute, 0, Ip("10.0.0.1"), std::span(packet).first(19)).empty());
}

}  // namespace
}  // namespace noisegate::dataplane
