#include "dataplane/address.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/addresses.h"

namespace noisegate::dataplane {
namespace {

TEST(IpAddress, PrintsWhatItParses) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1", "ff02::1:ff00:1", "1:2:3:4:5:6:7:8", "2001:db8:0:1::"}) {
    EXPECT_EQ(Ip(text).ToString(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNotOneAddress) {
  for (const char* text : {"",
                           " ",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "256.0.0.1",
                           "01.2.3.4",
                           "1.2.3.04",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1.2.3.-4",
                           "0x1.2.3.4",
                           "1.2.3.4/8",
                           "localhost",
                           "::1%lo",
                           "fe80::1%eth0",
                           "[::1]",
                           "1::2::3",
                           "12345::",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "::ffff:192.0.2.1",
                           "::ffff:c000:201",
                           ":::",
                           "1.2.3.4:80"}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("1.2.3.4\0x", 9)).ok());
  EXPECT_FALSE(IpAddress::Parse(std::string(100000, '1')).ok());
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(Ip("10.0.0.1").is_v4());
  EXPECT_EQ(Ip("10.0.0.1").v4(), 0x0a000001u);
  EXPECT_EQ(IpAddress::V4(0x0a000001), Ip("10.0.0.1"));
  EXPECT_FALSE(Ip("::a00:1").is_v4());
  EXPECT_TRUE(Ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(Ip("::").is_unspecified());
  EXPECT_TRUE(IpAddress{}.is_unspecified());
  EXPECT_FALSE(Ip("::1").is_unspecified());
  EXPECT_TRUE(Ip("224.0.0.1").is_multicast());
  EXPECT_TRUE(Ip("239.255.255.255").is_multicast());
  EXPECT_FALSE(Ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(Ip("ff02::1").is_multicast());
  EXPECT_FALSE(Ip("fe80::1").is_multicast());
  EXPECT_TRUE(Ip("fe80::1").is_link_local());
  EXPECT_TRUE(Ip("febf::1").is_link_local());
  EXPECT_FALSE(Ip("fec0::1").is_link_local());
}

TEST(MacAddress, ParsesAndPrints) {
  const MacAddress mac = MacAddress::Parse("02:00:5E:10:00:ff").value();
  EXPECT_EQ(mac.ToString(), "02:00:5e:10:00:ff");
  EXPECT_EQ(mac.bytes[2], 0x5e);
  for (const char* text :
       {"", "02:00:00:00:00", "02:00:00:00:00:1", "02:00:00:00:00:001", "02-00-00-00-00-01",
        "0g:00:00:00:00:01", "02:00:00:00:00:01 ", "+2:00:00:00:00:01", "02:00:00:00:00:01:02"}) {
    EXPECT_FALSE(MacAddress::Parse(text).ok()) << text;
  }
}

TEST(Prefix, ParsesAndPrints) {
  EXPECT_EQ(Prefix::Parse("10.0.0.0/8")->ToString(), "10.0.0.0/8");
  EXPECT_EQ(Prefix::Parse("0.0.0.0/0")->length, 0);
  EXPECT_EQ(Prefix::Parse("2001:db8::/32")->ToString(), "2001:db8::/32");
  EXPECT_EQ(Prefix::Parse("192.0.2.1")->length, 32);
  EXPECT_EQ(Prefix::Parse("::1")->length, 128);
  EXPECT_EQ(Prefix::Parse("192.0.2.7/24")->ToString(), "192.0.2.7/24");  // an interface's
  for (const char* text :
       {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8", "/8",
        "10.0.0.0/-1", "10.0.0.0/ 8", "10/8", "10.0.0.0/4294967304", "::ffff:10.0.0.0/104"}) {
    EXPECT_FALSE(Prefix::Parse(text).ok()) << text;
  }
}

// Bit by bit.
bool NaiveContains(const Prefix& p, const IpAddress& a) {
  if (p.address.is_v4() != a.is_v4()) return false;
  const int first = a.is_v4() ? 96 : 0;
  for (int bit = first; bit < first + p.length; ++bit) {
    const int shift = 7 - bit % 8;
    const size_t byte = static_cast<size_t>(bit) / 8;
    if (((p.address.bytes[byte] ^ a.bytes[byte]) >> shift & 1) != 0) return false;
  }
  return true;
}

TEST(Prefix, ContainsWhatSharesItsBits) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    IpAddress a = random() % 2 == 0 ? Ip("192.0.2.77") : Ip("2001:db8:1:2:3:4:5:6");
    Prefix p{a, static_cast<uint8_t>(random() % (a.is_v4() ? 33 : 129))};
    const size_t first = a.is_v4() ? 12 : 0;
    a.bytes[first + random() % (16 - first)] ^= static_cast<uint8_t>(1 << random() % 8);
    EXPECT_EQ(p.Contains(a), NaiveContains(p, a)) << p.ToString() << " " << a.ToString();
    EXPECT_TRUE(p.Contains(p.address));
    EXPECT_TRUE(p.Contains(p.Masked().address));
    EXPECT_EQ(p.Masked().Masked(), p.Masked());
    for (int bit = (a.is_v4() ? 96 : 0) + p.length; bit < 128; ++bit) {
      EXPECT_EQ(p.Masked().address.bytes[static_cast<size_t>(bit) / 8] >> (7 - bit % 8) & 1, 0);
    }
  }
  EXPECT_FALSE(Prefix::Parse("0.0.0.0/0")->Contains(Ip("::1")));
  EXPECT_FALSE(Prefix::Parse("::/0")->Contains(Ip("1.2.3.4")));
}

TEST(Endpoint, ParsesAndPrints) {
  for (const char* text : {"192.0.2.1:4242", "[2001:db8::1]:1", "0.0.0.0:65535"}) {
    EXPECT_EQ(Endpoint::Parse(text)->ToString(), text);
  }
  for (const char* text : {"192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", ":4242",
                           "2001:db8::1:4242", "[2001:db8::1]", "[192.0.2.1]:1", "[::1:1", "::1]:1",
                           "192.0.2.1:01", "192.0.2.1:1 ", "[]:1", "host:1", "", "192.0.2.1:1-2"}) {
    EXPECT_FALSE(Endpoint::Parse(text).ok()) << text;
  }
}

TEST(EndpointRange, ParsesAndPrints) {
  const EndpointRange one = EndpointRange::Parse("192.0.2.1:4242").value();
  EXPECT_FALSE(one.has_range());
  EXPECT_EQ(one.count(), 1u);
  EXPECT_EQ(one.ToString(), "192.0.2.1:4242");
  const EndpointRange eight = EndpointRange::Parse("[2001:db8::1]:4242-4249").value();
  EXPECT_EQ(eight.count(), 8u);
  EXPECT_EQ(eight.ToString(), "[2001:db8::1]:4242-4249");
  EXPECT_EQ(EndpointRange::Parse("1.1.1.1:1-65535")->count(), 65535u);
  for (const char* text : {"192.0.2.1:4249-4242", "192.0.2.1:0-1", "192.0.2.1:1-", "192.0.2.1:-1",
                           "192.0.2.1:1-2-3", "192.0.2.1:1 - 2", "192.0.2.1:1-65536"}) {
    EXPECT_FALSE(EndpointRange::Parse(text).ok()) << text;
  }
}

TEST(Addresses, ErrorsShowTheTextAndWhatIsWanted) {
  EXPECT_EQ(Endpoint::Parse("here:1").status().message(),
            "\"here:1\" is not an endpoint (192.0.2.1:4242 or [2001:db8::1]:4242)");
  EXPECT_LT(IpAddress::Parse(std::string(100000, 'x')).status().message().size(), 200u);
}

}  // namespace
}  // namespace noisegate::dataplane
