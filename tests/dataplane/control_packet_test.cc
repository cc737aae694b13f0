#include "dataplane/control_packet.h"

#include <gtest/gtest.h>

#include "dataplane/packet.h"
#include "tests/dataplane/addresses.h"
#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;

const MacAddress kOurs = {{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kTheirs = {{0x02, 0, 0, 0, 0, 0x0b}};

Bytes MacBytes(const MacAddress& mac) { return {mac.bytes.begin(), mac.bytes.end()}; }

// An ARP frame written out as in RFC 826.
Bytes NaiveArp(const MacAddress& to, unsigned operation, const MacAddress& sender_mac,
               const Bytes& sender, const MacAddress& target_mac, const Bytes& target) {
  Bytes frame = MacBytes(to);
  naive::Put(&frame, MacBytes(sender_mac));
  naive::Put(&frame, {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0});
  naive::Put8(&frame, operation);
  naive::Put(&frame, MacBytes(sender_mac));
  naive::Put(&frame, sender);
  naive::Put(&frame, MacBytes(target_mac));
  naive::Put(&frame, target);
  frame.resize(60, 0);
  return frame;
}

TEST(Arp, AsksEveryoneOrTheOneThatHadTheAddress) {
  EXPECT_EQ(BuildArpRequest(kOurs, Ip("192.0.2.1"), Ip("192.0.2.9")),
            NaiveArp(kBroadcastMac, 1, kOurs, {192, 0, 2, 1}, {}, {192, 0, 2, 9}));
  EXPECT_EQ(BuildArpRequest(kOurs, Ip("192.0.2.1"), Ip("192.0.2.9"), kTheirs),
            NaiveArp(kTheirs, 1, kOurs, {192, 0, 2, 1}, kTheirs, {192, 0, 2, 9}));
}

TEST(Arp, AnswersToTheAskerAlone) {
  const auto request =
      ParseArp(NaiveArp(kBroadcastMac, 1, kTheirs, {192, 0, 2, 9}, {}, {192, 0, 2, 1}));
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->operation, ArpMessage::Operation::kRequest);
  EXPECT_EQ(request->sender, Ip("192.0.2.9"));
  EXPECT_EQ(request->target, Ip("192.0.2.1"));
  EXPECT_EQ(BuildArpReply(*request, kOurs),
            NaiveArp(kTheirs, 2, kOurs, {192, 0, 2, 1}, kTheirs, {192, 0, 2, 9}));
}

TEST(Arp, ParsesBehindAVlanTag) {
  const Bytes plain = NaiveArp(kOurs, 2, kTheirs, {192, 0, 2, 9}, kOurs, {192, 0, 2, 1});
  Bytes tagged(plain.begin(), plain.begin() + 12);
  naive::Put(&tagged, {0x81, 0x00, 0x00, 0x05});
  tagged.insert(tagged.end(), plain.begin() + 12, plain.end());
  EXPECT_EQ(ParseArp(tagged), ParseArp(plain));
  EXPECT_TRUE(ParseArp(plain).has_value());
}

TEST(Arp, RefusesWhatNoHostWouldSend) {
  const MacAddress group = {{0x01, 0, 0x5e, 0, 0, 1}};
  const Bytes good = NaiveArp(kOurs, 2, kTheirs, {192, 0, 2, 9}, kOurs, {192, 0, 2, 1});
  ASSERT_TRUE(ParseArp(good).has_value());
  for (size_t at : {12u, 15u, 16u, 18u, 19u, 20u, 21u}) {  // type, media, sizes, operation
    Bytes bad = good;
    bad[at] ^= 0x09;
    EXPECT_FALSE(ParseArp(bad).has_value()) << at;
  }
  for (size_t size = 0; size < 42; ++size) {
    EXPECT_FALSE(ParseArp(std::span(good).first(size)).has_value()) << size;
  }
  const Bytes us = {192, 0, 2, 1};
  EXPECT_FALSE(ParseArp(NaiveArp(kOurs, 2, group, {192, 0, 2, 9}, kOurs, us)).has_value());
  EXPECT_FALSE(ParseArp(NaiveArp(kOurs, 2, {}, {192, 0, 2, 9}, kOurs, us)).has_value());
  EXPECT_FALSE(ParseArp(NaiveArp(kOurs, 2, kTheirs, {224, 0, 0, 9}, kOurs, us)).has_value());
  EXPECT_FALSE(ParseArp(NaiveArp(kOurs, 2, kTheirs, {255, 255, 255, 255}, kOurs, us)).has_value());
  EXPECT_FALSE(ParseArp(NaiveArp(kOurs, 2, kTheirs, {0, 0, 0, 0}, kOurs, us)).has_value());
  EXPECT_TRUE(ParseArp(NaiveArp(kOurs, 1, kTheirs, {0, 0, 0, 0}, kOurs, us)).has_value());  // probe
}

const Bytes kUs6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44};
const Bytes kThem6 = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9};
const Bytes kGroup6 = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x22, 0x33, 0x44};
const Bytes kAllNodes6 = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

// Neighbour discovery written out as in RFC 4861 4.3 and 4.4.
struct Nd {
  MacAddress to = {{0x33, 0x33, 0xff, 0x22, 0x33, 0x44}};
  MacAddress from = kTheirs;
  Bytes source = kThem6, destination = kGroup6, target = kUs6;
  unsigned type = 135, code = 0, flags = 0, hop_limit = 255;
  Bytes options = {1, 1, 0x02, 0, 0, 0, 0, 0x0b};
  Bytes extension = {};
  unsigned protocol = 58;

  Bytes Frame() const {
    naive::Ip ip = {
        .source = source, .destination = destination, .protocol = protocol, .ttl = hop_limit};
    Bytes body;
    naive::Put8(&body, type);
    naive::Put8(&body, code);
    naive::Put16(&body, 0);
    naive::Put32(&body, flags << 24);
    naive::Put(&body, target);
    naive::Put(&body, options);
    body = WithChecksum(ip, 58, body, 2);
    ip.options = extension;
    Bytes frame = MacBytes(to);
    naive::Put(&frame, MacBytes(from));
    naive::Put16(&frame, 0x86dd);
    naive::Put(&frame, MakeIp(ip, body));
    return frame;
  }
};

TEST(Neighbour, ParsesASolicitation) {
  const auto m = ParseNeighbour(Nd().Frame());
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->kind, NeighbourMessage::Kind::kSolicitation);
  EXPECT_EQ(m->frame_source, kTheirs);
  EXPECT_EQ(m->source, Ip("fe80::9"));
  EXPECT_EQ(m->destination, Ip("ff02::1:ff22:3344"));
  EXPECT_EQ(m->target, Ip("2001:db8::1122:3344"));
  EXPECT_EQ(m->link_address, kTheirs);
}

TEST(Neighbour, ParsesAnAdvertisement) {
  const Nd nd = {.to = kOurs,
                 .source = kUs6,
                 .destination = kThem6,
                 .type = 136,
                 .flags = 0xe0,
                 .options = {2, 1, 0x02, 0, 0, 0, 0, 0x0b}};
  const auto m = ParseNeighbour(nd.Frame());
  ASSERT_TRUE(m.has_value());
  EXPECT_EQ(m->kind, NeighbourMessage::Kind::kAdvertisement);
  EXPECT_TRUE(m->router && m->solicited && m->override_existing);
  EXPECT_EQ(m->link_address, kTheirs);
}

TEST(Neighbour, SkipsOptionsThatItDoesNotKnow) {
  const Nd nd = {.options = {14, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0x02, 0, 0, 0, 0, 0x0b}};
  EXPECT_EQ(ParseNeighbour(nd.Frame())->link_address, kTheirs);
}

TEST(Neighbour, RefusesWhatRfc4861SaysToDiscard) {
  const Bytes target_option = {2, 1, 0x02, 0, 0, 0, 0, 0x0b};
  const struct {
    const char* name;
    Nd nd;
  } cases[] = {
      {"from beyond a router", {.hop_limit = 254}},
      {"code", {.code = 1}},
      {"another ICMPv6 message", {.type = 134}},
      {"target is a group", {.target = kGroup6}},
      {"option of no size", {.options = {1, 0, 0, 0, 0, 0, 0, 0}}},
      {"option beyond the end", {.options = {1, 2, 0, 0, 0, 0, 0, 0}}},
      {"half an option", {.options = {1}}},
      {"link address of 14 bytes",
       {.options = Bytes{1, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}}},
      {"link address of a group", {.options = {1, 1, 0x01, 0, 0, 0, 0, 1}}},
      {"probe with a link address", {.source = Bytes(16, 0)}},
      {"probe to us alone", {.source = Bytes(16, 0), .destination = kUs6, .options = {}}},
      {"solicited by everyone",
       {.source = kUs6,
        .destination = kAllNodes6,
        .type = 136,
        .flags = 0x40,
        .options = target_option}},
      {"advertisement from nowhere",
       {.source = Bytes(16, 0), .destination = kAllNodes6, .type = 136, .options = {}}},
      {"from a group", {.source = kGroup6}},
      {"from a group's MAC", {.from = {{0x33, 0x33, 0, 0, 0, 1}}}},
      {"fragment", {.extension = {58, 0, 0, 1, 0, 0, 0, 1}, .protocol = 44}},
  };
  for (const auto& c : cases) EXPECT_FALSE(ParseNeighbour(c.nd.Frame()).has_value()) << c.name;
  Bytes damaged = Nd().Frame();
  damaged.back() ^= 1;
  EXPECT_FALSE(ParseNeighbour(damaged).has_value());
  const Bytes good = Nd().Frame();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseNeighbour(std::span(good).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(ParseNeighbour(Nd{.source = Bytes(16, 0), .options = {}}.Frame()).has_value());
}

TEST(Neighbour, AsksTheGroupOrTheOneThatHadTheAddress) {
  Nd want = {
      .from = kOurs, .source = kUs6, .target = kThem6, .options = {1, 1, 0x02, 0, 0, 0, 0, 0x0a}};
  want.to = {{0x33, 0x33, 0xff, 0, 0, 9}};
  want.destination = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 9};
  EXPECT_EQ(BuildSolicitation(kOurs, Ip("2001:db8::1122:3344"), Ip("fe80::9")), want.Frame());
  want.to = kTheirs;
  want.destination = kThem6;
  EXPECT_EQ(BuildSolicitation(kOurs, Ip("2001:db8::1122:3344"), Ip("fe80::9"), kTheirs),
            want.Frame());
}

TEST(Neighbour, AnswersTheAskerAndTellsEveryoneOfAProbe) {
  Nd want = {.to = kTheirs,
             .from = kOurs,
             .source = kUs6,
             .destination = kThem6,
             .type = 136,
             .flags = 0xe0,
             .options = {2, 1, 0x02, 0, 0, 0, 0, 0x0a}};
  EXPECT_EQ(BuildAdvertisement(*ParseNeighbour(Nd().Frame()), kOurs), want.Frame());
  const Nd no_link = {.options = {}};  // then the frame says who asked
  EXPECT_EQ(BuildAdvertisement(*ParseNeighbour(no_link.Frame()), kOurs), want.Frame());
  want.to = {{0x33, 0x33, 0, 0, 0, 1}};
  want.destination = kAllNodes6;
  want.flags = 0xa0;
  const Nd probe = {.source = Bytes(16, 0), .options = {}};
  EXPECT_EQ(BuildAdvertisement(*ParseNeighbour(probe.Frame()), kOurs), want.Frame());
  EXPECT_EQ(BuildUnsolicitedAdvertisement(kOurs, Ip("2001:db8::1122:3344")), want.Frame());
}

TEST(Neighbour, BuildsBackWhatItParses) {
  for (const Bytes& frame : {Nd().Frame(), Nd{.source = Bytes(16, 0), .options = {}}.Frame()}) {
    const auto m = ParseNeighbour(frame);
    ASSERT_TRUE(m.has_value());
    MacAddress to;
    std::copy_n(frame.begin(), 6, to.bytes.begin());
    EXPECT_EQ(ParseNeighbour(BuildNeighbour(*m, to)), m);
  }
}

TEST(BuildFrame, PadsToWhatAWireNeeds) {
  EXPECT_EQ(BuildFrame(kTheirs, kOurs, 0x0800, Bytes(10, 1)).size(), 60u);
  EXPECT_EQ(BuildFrame(kTheirs, kOurs, 0x0800, Bytes(100, 1)).size(), 114u);
}

}  // namespace
}  // namespace noisegate::dataplane
