#include "controlplane/swarm.h"

#include <gtest/gtest.h>

#include <string>

namespace noisegate::controlplane {
namespace {

// SHAKE256 text of nothing in particular: 43 characters whose last one has no stray bits.
const char kPeer[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

TEST(PeerAddress, ParsesWhatItPrints) {
  for (const std::string endpoint : {"192.0.2.1:4242", "[2001:db8::1]:1", "[::1]:65535"}) {
    const std::string text = std::string(kPeer) + "@" + endpoint;
    const auto address = PeerAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
}

TEST(PeerAddress, HoldsBothParts) {
  const auto address = PeerAddress::Parse(std::string(kPeer) + "@192.0.2.1:4242");
  ASSERT_TRUE(address.ok()) << address.status();
  for (uint8_t i = 0; i < 32; ++i) EXPECT_EQ(address->peer.bytes[i], i);
  EXPECT_EQ(address->endpoint.address, dataplane::IpAddress::V4(0xc0000201));
  EXPECT_EQ(address->endpoint.port, 4242);
}

TEST(PeerAddress, RefusesAnythingElse) {
  const std::string peer = kPeer;
  for (const std::string& text :
       {std::string(), std::string("@"), peer, peer + "@", std::string("@192.0.2.1:4242"),
        peer + "@192.0.2.1", peer + "@192.0.2.1:", peer + "@:4242", peer + "@host:4242",
        peer + "@192.0.2.1:65536", peer + "@2001:db8::1:4242", peer + "@@192.0.2.1:4242",
        peer + " @192.0.2.1:4242", peer + "@192.0.2.1:4242 ", peer.substr(1) + "@192.0.2.1:4242",
        "A" + peer + "@192.0.2.1:4242", peer + "=@192.0.2.1:4242",
        // Stray bits in the last character: a second text for the same id.
        peer.substr(0, 42) + "9@192.0.2.1:4242"}) {
    EXPECT_FALSE(PeerAddress::Parse(text).ok()) << '"' << text << '"';
  }
}

}  // namespace
}  // namespace noisegate::controlplane
