#include "dataplane/prefix_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <set>

namespace noisegate::dataplane {
namespace {

using Entry = PrefixTable::Entry;

// One after another, the longest that covers wins.
uint32_t Scan(const std::vector<Entry>& entries, const IpAddress& address) {
  const Entry* best = nullptr;
  for (const Entry& e : entries) {
    if (e.prefix.Contains(address) && (best == nullptr || e.prefix.length > best->prefix.length)) {
      best = &e;
    }
  }
  return best == nullptr ? PrefixTable::kNoMatch : best->value;
}

// Look-ups of every address one by one and in bulk, against the scan.
void ExpectLikeScan(const std::vector<Entry>& entries, const std::vector<IpAddress>& addresses) {
  if (addresses[0].is_v4()) {
    const PrefixTable table = PrefixTable::BuildV4(entries);
    std::vector<uint32_t> keys, values(addresses.size());
    for (const IpAddress& a : addresses) keys.push_back(a.v4());
    table.LookupV4Bulk(keys, values.data());
    for (size_t i = 0; i < addresses.size(); ++i) {
      const uint32_t want = Scan(entries, addresses[i]);
      ASSERT_EQ(table.LookupV4(keys[i]), want) << addresses[i].ToString();
      ASSERT_EQ(values[i], want) << addresses[i].ToString();
    }
  } else {
    const PrefixTable table = PrefixTable::BuildV6(entries);
    std::vector<const uint8_t*> keys;
    std::vector<uint32_t> values(addresses.size());
    for (const IpAddress& a : addresses) keys.push_back(a.bytes.data());
    table.LookupV6Bulk(keys, values.data());
    for (size_t i = 0; i < addresses.size(); ++i) {
      const uint32_t want = Scan(entries, addresses[i]);
      ASSERT_EQ(table.LookupV6(keys[i]), want) << addresses[i].ToString();
      ASSERT_EQ(values[i], want) << addresses[i].ToString();
    }
  }
}

std::vector<Entry> Entries(std::initializer_list<const char*> prefixes) {
  std::vector<Entry> entries;
  for (const char* text : prefixes) {
    entries.push_back({Prefix::Parse(text).value(), static_cast<uint32_t>(entries.size() + 1)});
  }
  return entries;
}

std::vector<IpAddress> Addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> addresses;
  for (const char* text : texts) addresses.push_back(IpAddress::Parse(text).value());
  return addresses;
}

IpAddress Step(IpAddress address, int by) {
  for (size_t i = address.bytes.size(); i-- > 0;) {
    const int sum = address.bytes[i] + by;
    address.bytes[i] = static_cast<uint8_t>(sum);
    by = sum > 255 ? 1 : sum < 0 ? -1 : 0;
  }
  return address;
}

// First and last address of a prefix, and their neighbours outside.
void AddEdges(const Prefix& prefix, std::vector<IpAddress>* out) {
  const bool v4 = prefix.address.is_v4();
  IpAddress last = prefix.address;
  for (size_t bit = prefix.length + (v4 ? 96u : 0u); bit < 128; ++bit) {
    last.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
  }
  for (const IpAddress& a : {prefix.address, last, Step(prefix.address, -1), Step(last, 1)}) {
    if (a.is_v4() == v4) out->push_back(a);
  }
}

TEST(PrefixTable, EmptyMatchesNothing) {
  ExpectLikeScan({}, Addresses({"0.0.0.0", "10.0.0.1", "255.255.255.255"}));
  ExpectLikeScan({}, Addresses({"::", "2001:db8::1", "ffff::"}));
}

TEST(PrefixTable, DefaultRouteMatchesEverything) {
  ExpectLikeScan(Entries({"0.0.0.0/0"}), Addresses({"0.0.0.0", "10.0.0.1", "255.255.255.255"}));
  ExpectLikeScan(Entries({"::/0"}), Addresses({"::", "2001:db8::1", "ffff::ffff"}));
}

TEST(PrefixTable, HostRouteMatchesOneAddress) {
  for (const char* host : {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "2001:db8::7",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const std::vector<Entry> entries = Entries({host});
    std::vector<IpAddress> addresses;
    AddEdges(entries[0].prefix, &addresses);
    ExpectLikeScan(entries, addresses);
  }
}

TEST(PrefixTable, EveryLengthNestedInTheOneBefore) {
  for (const char* text : {"10.255.0.129", "0.0.0.0", "255.255.255.255", "2001:db8:ffff::1:8001",
                           "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const IpAddress address = IpAddress::Parse(text).value();
    std::vector<Entry> entries;
    std::vector<IpAddress> addresses;
    for (uint8_t length = 0; length <= (address.is_v4() ? 32 : 128); ++length) {
      entries.push_back({Prefix{address, length}.Masked(), length + 1u});
      AddEdges(entries.back().prefix, &addresses);
    }
    ExpectLikeScan(entries, addresses);
  }
}

TEST(PrefixTable, HolesInsideAHole) {
  ExpectLikeScan(Entries({"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/17", "10.0.64.0/18",
                          "10.0.127.0/24", "10.0.127.254/31", "10.0.127.255/32"}),
                 Addresses({"9.9.9.9", "10.1.0.0", "10.0.200.0", "10.0.1.1", "10.0.65.1",
                            "10.0.127.1", "10.0.127.254", "10.0.127.255", "10.0.128.0"}));
}

// Prefixes crowded together, so that they nest, touch and share nodes.
Prefix RandomPrefix(std::mt19937* random, bool v4, int crowding) {
  IpAddress a = v4 ? IpAddress::V4((*random)()) : IpAddress{};
  if (!v4) {
    for (uint8_t& b : a.bytes) b = static_cast<uint8_t>((*random)());
  }
  const size_t first = v4 ? 12 : 0;
  for (size_t i = first; i < 16; ++i) {
    if ((*random)() % 4 < static_cast<unsigned>(crowding)) {
      a.bytes[i] = (*random)() % 2 == 0 ? 0 : 0xff;
    }
  }
  if (!v4) a.bytes[0] |= 0x20;
  return Prefix{a, static_cast<uint8_t>((*random)() % (v4 ? 33 : 129))}.Masked();
}

TEST(PrefixTable, EqualsTheScanOnRandomTables) {
  for (uint32_t seed = 0; seed < 24; ++seed) {
    std::mt19937 random(seed);
    const bool v4 = seed % 2 == 0;
    const int crowding = static_cast<int>(seed / 2 % 4);
    std::set<Prefix> prefixes;
    for (int i = 0; i < 300; ++i) prefixes.insert(RandomPrefix(&random, v4, crowding));
    std::vector<Entry> entries;
    std::vector<IpAddress> addresses;
    for (const Prefix& p : prefixes) {
      entries.push_back(
          {p, static_cast<uint32_t>(1 + random() % 5)});  // few values, so that runs merge
      AddEdges(p, &addresses);
      addresses.push_back(RandomPrefix(&random, v4, crowding).address);
    }
    std::shuffle(entries.begin(), entries.end(), random);
    SCOPED_TRACE(seed);
    ExpectLikeScan(entries, addresses);
  }
}

TEST(PrefixTable, TakesValuesUpToTheirLimit) {
  const std::vector<Entry> entries = {{Prefix::Parse("10.0.0.0/8").value(), (1u << 24) - 1},
                                      {Prefix::Parse("10.9.9.0/24").value(), (1u << 24) - 2}};
  ExpectLikeScan(entries, Addresses({"10.0.0.1", "10.9.9.9", "11.0.0.0"}));
}

TEST(PrefixTable, BuildsHundredThousandPrefixesInTime) {
  std::mt19937 random(9);
  for (bool v4 : {true, false}) {
    std::vector<Prefix> prefixes(100000);
    for (Prefix& p : prefixes) {
      p = RandomPrefix(&random, v4, 0);
      p.length = static_cast<uint8_t>(v4 ? 16 + random() % 17 : 32 + random() % 97);
      p = p.Masked();
    }
    std::sort(prefixes.begin(), prefixes.end());
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
    std::vector<Entry> entries;
    for (const Prefix& p : prefixes) {
      entries.push_back({p, static_cast<uint32_t>(1 + random() % 10000)});
    }
    const std::clock_t start = std::clock();
    const PrefixTable table = v4 ? PrefixTable::BuildV4(entries) : PrefixTable::BuildV6(entries);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    RecordProperty(v4 ? "v4_seconds" : "v6_seconds", std::to_string(seconds));
    RecordProperty(v4 ? "v4_bytes" : "v6_bytes", std::to_string(table.memory_bytes()));
    EXPECT_LT(seconds, 10.0);  // 0.03 and 0.1 seen; the rest is for sanitizers
    for (int i = 0; i < 20; ++i) {
      const Entry& e = entries[random() % entries.size()];
      EXPECT_EQ(v4 ? table.LookupV4(e.prefix.address.v4())
                   : table.LookupV6(e.prefix.address.bytes.data()),
                Scan(entries, e.prefix.address));
    }
  }
}

}  // namespace
}  // namespace noisegate::dataplane
