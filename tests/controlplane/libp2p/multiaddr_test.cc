#include "controlplane/libp2p/multiaddr.h"

#include <gtest/gtest.h>

#include "tests/controlplane/libp2p/test_keys.h"

namespace noisegate::libp2p {
namespace {

constexpr char kId[] = "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq";
constexpr char kOther[] = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";

TEST(Multiaddr, TextAndBytesAreTheSameAddress) {
  const std::string id = kId;
  const struct {
    std::string text;
    std::string hex;  // by hand from the multicodec table; empty: not compared
  } kCases[] = {
      {"/ip4/127.0.0.1/tcp/4001", "047f000001060fa1"},
      {"/ip4/127.0.0.1/tcp/0", "047f000001060000"},
      {"/ip6/::1/tcp/65535", "290000000000000000000000000000000106ffff"},
      {"/ip6zone/eth0/ip6/fe80::1/tcp/1",
       "2a0465746830"
       "29fe800000000000000000000000000001060001"},
      {"/dns/example.com/tcp/443", "350b6578616d706c652e636f6d0601bb"},
      {"/dns4/a/tcp/1", "360161060001"},
      {"/dns6/a/tcp/1", "370161060001"},
      {"/dnsaddr/bootstrap.libp2p.io", "3813626f6f7473747261702e6c69627032702e696f"},
      {"/ip4/1.2.3.4/udp/443/quic-v1", "0401020304910201bbcd03"},
      {"/ip4/1.2.3.4/tcp/443/tls/ws", "04010203040601bbc003dd03"},
      {"/ip4/1.2.3.4/tcp/443/wss", "04010203040601bbde03"},
      {"/p2p/" + id,
       "a50326"
       "0024080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"},
      {"/ip4/127.0.0.1/tcp/4001/p2p/" + id + "/p2p-circuit/p2p/" + kOther, ""},
      {"/p2p-circuit", "a202"},
      {"/ip4/1.2.3.4/udp/1/quic-v1/webtransport/certhash/"
       "uEiAsGPzpiPGQzSlVHRXrUCT5EkTV7YFrV4VZ3hpEKTd_zg",
       ""},
      {"/ip4/1.2.3.4/udp/1/webrtc-direct", ""},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<Multiaddr> address = Multiaddr::Parse(test.text);
    ASSERT_TRUE(address.ok()) << test.text << ": " << address.status();
    EXPECT_EQ(address->ToString(), test.text);
    if (!test.hex.empty()) {
      EXPECT_EQ(ToHex(address->ToBytes()), test.hex) << test.text;
    }
    EXPECT_EQ(Multiaddr::FromBytes(address->ToBytes()).value(), *address) << test.text;
  }
}

TEST(Multiaddr, PeerIdsAreTakenInEveryForm) {
  const Multiaddr want = Multiaddr::Parse(std::string("/p2p/") + kId).value();
  for (const std::string text :
       {"/ipfs/12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
        "/p2p/bafzaajaiaejcahwr5d5ofrfbis4l5d6uwr57hu5tjodrypfm6yaq6dsc2r2pzyt6",
        "/p2p/k51qzi5uqu5dgy8qsq67hbz73jqkw87l3fgf4a91qb0d9b5173tir7n4vxk1oe"}) {
    EXPECT_EQ(Multiaddr::Parse(text).value(), want) << text;
    EXPECT_EQ(Multiaddr::Parse(text)->last_peer()->ToString(), kId);
  }
}

TEST(Multiaddr, BadTextIsRefusedWithTheReason) {
  const struct {
    std::string text, reason;
  } kCases[] = {
      {"", "begins with '/'"},
      {"ip4/1.2.3.4", "begins with '/'"},
      {"/", "\"\""},
      {"/ip4/1.2.3.4/", "\"\""},
      {"/ip4", "lacks its value"},
      {"/ip4/1.2.3.4/tcp", "lacks its value"},
      {"/ip4/1.2.3", "/ip4/1.2.3"},
      {"/ip4/::1/tcp/1", "not an IPv4 address"},
      {"/ip6/1.2.3.4/tcp/1", "not an IPv6 address"},
      {"/ip6/fe80::1%eth0/tcp/1", "/ip6/fe80::1%eth0"},
      {"/ip4/1.2.3.4/tcp/65536", "0 to 65535"},
      {"/ip4/1.2.3.4/tcp/-1", "0 to 65535"},
      {"/ip4/1.2.3.4/tcp/01", "0 to 65535"},
      {"/ip4/1.2.3.4/tcp/4001x", "0 to 65535"},
      {"/dns4//tcp/1", "1 to 253"},
      {"/dns4/a b/tcp/1", "1 to 253"},
      {"/dns4/" + std::string(254, 'a'), "1 to 253"},
      {"/p2p/12D3KooW", "peer id"},
      {"/onion3/abc:1", "\"onion3\", which is not known here"},
      {"/ip4/1.2.3.4/certhash/!", "multibase"},
      {"/" + std::string(3000, 'a'), "2,048"},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<Multiaddr> address = Multiaddr::Parse(test.text);
    ASSERT_FALSE(address.ok()) << test.text;
    EXPECT_NE(std::string(address.status().message()).find(test.reason), std::string::npos)
        << test.text << ": " << address.status();
  }
  std::string parts;
  for (size_t i = 0; i < kMaxMultiaddrParts; ++i) parts += "/p2p-circuit";
  EXPECT_TRUE(Multiaddr::Parse(parts).ok());
  EXPECT_FALSE(Multiaddr::Parse(parts + "/p2p-circuit").ok());
}

TEST(Multiaddr, BadBytesAreRefused) {
  for (const char* hex : {
           "", "04", "047f0000", "047f000001060f",  // cut short
           "ff01", "ff",                            // unknown number; no number
           "3500", "3505616263", "3502612f",        // name: empty, cut, with a slash
           "a50302", "a5030212ff", "a50300",        // id: cut, not a multihash, empty
           "8400",                                  // number not in its shortest form
           "2900000000000000000000ffff01020304",    // IPv4 inside IPv6
       }) {
    EXPECT_FALSE(Multiaddr::FromBytes(FromHex(hex)).ok()) << hex;
  }
  Bytes circuits;
  for (size_t i = 0; i <= kMaxMultiaddrParts; ++i) {
    circuits.insert(circuits.end(), {0xa2, 0x02});
  }
  EXPECT_FALSE(Multiaddr::FromBytes(circuits).ok());
  EXPECT_FALSE(Multiaddr::FromBytes(Bytes(kMaxMultiaddrSize + 1)).ok());
}

TEST(Multiaddr, SaysWhereTcpLeads) {
  const std::string peer = std::string("/p2p/") + kId;
  const struct {
    std::string text, want;
  } kCases[] = {
      {"/ip4/192.0.2.1/tcp/4001", "192.0.2.1 4001"},
      {"/ip4/192.0.2.1/tcp/4001" + peer, "192.0.2.1 4001"},
      {"/ip4/192.0.2.1/tcp/4001" + peer + "/p2p-circuit" + peer, "192.0.2.1 4001"},
      {"/ip6/2001:db8::1/tcp/1", "2001:db8::1 1"},
      {"/ip6zone/eth0/ip6/fe80::1/tcp/1", "fe80::1%eth0 1"},
      {"/dns/x.example/tcp/1", "any x.example 1"},
      {"/dns4/x.example/tcp/1", "v4 x.example 1"},
      {"/dns6/x.example/tcp/1", "v6 x.example 1"},
      {"/ip4/192.0.2.1/udp/4001/quic-v1", ""},
      {"/ip4/192.0.2.1/tcp/4001/ws", ""},
      {"/ip4/192.0.2.1/tcp/4001/tls/ws" + peer, ""},
      {"/ip4/192.0.2.1", ""},
      {"/ip6zone/eth0/ip4/192.0.2.1/tcp/1", ""},
      {"/dnsaddr/x.example", ""},
      {peer, ""},
      {"/tcp/1", ""},
  };
  for (const auto& test : kCases) {
    const std::optional<TcpTarget> target = Multiaddr::Parse(test.text).value().tcp();
    std::string got;
    if (target) {
      constexpr const char* kFamilies[] = {"any ", "v4 ", "v6 "};
      got = target->address ? target->address->ToString()
                            : kFamilies[static_cast<int>(target->family)] + target->name;
      if (!target->zone.empty()) got += "%" + target->zone;
      got += " " + std::to_string(target->port);
    }
    EXPECT_EQ(got, test.want) << test.text;
  }
}

TEST(Multiaddr, SplitsCircuits) {
  const std::string relay = std::string("/ip4/192.0.2.1/tcp/4001/p2p/") + kId;
  const auto parse = [](const std::string& text) { return Multiaddr::Parse(text).value(); };
  const auto through = parse(relay + "/p2p-circuit/p2p/" + kOther).circuit();
  ASSERT_TRUE(through.has_value());
  EXPECT_EQ(through->relay.ToString(), relay);
  EXPECT_EQ(through->relay_id.ToString(), kId);
  ASSERT_TRUE(through->target.has_value());
  EXPECT_EQ(through->target->ToString(), kOther);

  const auto listen = parse(relay + "/p2p-circuit").circuit();
  ASSERT_TRUE(listen.has_value());
  EXPECT_FALSE(listen->target.has_value());
  EXPECT_FALSE(parse(relay).circuit().has_value());
  EXPECT_FALSE(parse("/ip4/192.0.2.1/tcp/4001/p2p-circuit").circuit().has_value());
  EXPECT_FALSE(parse(relay + "/p2p-circuit/p2p/" + kId + "/p2p-circuit").circuit().has_value());
}

TEST(Multiaddr, IsBuiltFromItsParts) {
  const PeerId id = PeerId::Parse(kId).value();
  const auto endpoint = [](const char* text) { return dataplane::Endpoint::Parse(text).value(); };
  EXPECT_EQ(Multiaddr::OfTcp(endpoint("192.0.2.1:7")).ToString(), "/ip4/192.0.2.1/tcp/7");
  EXPECT_EQ(Multiaddr::OfTcp(endpoint("[::1]:7")).WithPeer(id).WithCircuit().ToString(),
            std::string("/ip6/::1/tcp/7/p2p/") + kId + "/p2p-circuit");
}

}  // namespace
}  // namespace noisegate::libp2p
