#include "dataplane/lookup_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/grace_periods.h"
#include "dataplane/neighbour_table.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

class LookupTableTest : public testing::Test {
 protected:
  LookupTableTest() { TestEal(); }

  std::unique_ptr<LookupTable> Make(uint32_t capacity) {
    static int tables = 0;
    return LookupTable::Create("test_table" + std::to_string(++tables), capacity,
                               GracePeriodsOf().readers())
        .value();
  }
  GracePeriods& GracePeriodsOf() {
    if (!grace_periods_) grace_periods_ = std::make_unique<GracePeriods>(1);
    return *grace_periods_;
  }

 private:
  std::unique_ptr<GracePeriods> grace_periods_;
};

TableKey Key(uint64_t n) { return {{n * 0x9e3779b97f4a7c15, n ^ 0x55, n & 3}}; }
void* Value(uint64_t n) { return reinterpret_cast<void*>(n + 1); }

TEST_F(LookupTableTest, AgreesWithAMap) {
  const uint64_t kKeys = 500;
  const std::unique_ptr<LookupTable> table = Make(kKeys);
  std::map<uint64_t, uint64_t> oracle;
  std::mt19937 random(1);
  for (int step = 0; step < 20000; ++step) {
    const uint64_t n = random() % kKeys;
    if (random() % 3 == 0) {
      table->Erase(Key(n));
      oracle.erase(n);
    } else {
      const uint64_t value = random() % 1000;
      ASSERT_TRUE(table->Put(Key(n), Value(value)).ok());
      oracle[n] = value;
    }
    if (step % 100 != 0) continue;
    for (uint64_t from = 0; from < kKeys; from += 50) {
      TableKey keys[50];
      void* values[50];
      // Runs of one, two and three equal keys.
      const auto of = [from](uint64_t i) {
        return from + i - (i % 6 == 2 || i % 6 == 5) - (i % 6 == 5);
      };
      for (uint64_t i = 0; i < 50; ++i) keys[i] = Key(of(i));
      table->FindBulk(keys, 50, values);
      for (uint64_t i = 0; i < 50; ++i) {
        const auto it = oracle.find(of(i));
        void* const want = it == oracle.end() ? nullptr : Value(it->second);
        ASSERT_EQ(values[i], want);
        ASSERT_EQ(table->Find(keys[i]), want);
      }
    }
  }
}

TEST_F(LookupTableTest, TakesAllThatItWasMadeForWhateverTheHashes) {
  for (const uint32_t capacity : {1u, 64u, 1000u, 10000u}) {
    const std::unique_ptr<LookupTable> table = Make(capacity);
    for (uint64_t n = 0; n < capacity; ++n) ASSERT_TRUE(table->Put(Key(n), Value(n)).ok()) << n;
    for (uint64_t n = 0; n < capacity; ++n) ASSERT_EQ(table->Find(Key(n)), Value(n));
  }
}

TEST_F(LookupTableTest, UsesSlotsAgainAfterAGracePeriod) {
  const std::unique_ptr<LookupTable> table = Make(64);
  for (uint64_t n = 0; n < 10000; ++n) {
    ASSERT_TRUE(table->Put(Key(n), Value(n)).ok()) << n;
    table->Erase(Key(n));
  }
}

TEST_F(LookupTableTest, TellsKeysApartThatDifferInOneBit) {
  const std::unique_ptr<LookupTable> table = Make(256);
  const TableKey base{{1, 2, 3}};
  ASSERT_TRUE(table->Put(base, Value(0)).ok());
  for (int bit = 0; bit < 192; ++bit) {
    TableKey other = base;
    other.words[bit / 64] ^= uint64_t{1} << bit % 64;
    EXPECT_EQ(table->Find(other), nullptr);
    ASSERT_TRUE(table->Put(other, Value(bit + 1)).ok());
  }
  EXPECT_EQ(table->Find(base), Value(0));
}

TEST_F(LookupTableTest, NeighboursAreFoundByPortAndAddress) {
  absl::StatusOr<std::unique_ptr<NeighbourTable>> created =
      NeighbourTable::Create("test_nb", 64, &GracePeriodsOf());
  ASSERT_TRUE(created.ok());
  NeighbourTable& table = **created;
  const NeighbourIndex a = table.Add(0, Ip("10.0.0.1")).value();
  const NeighbourIndex b = table.Add(1, Ip("10.0.0.1")).value();
  EXPECT_NE(a, b);
  EXPECT_EQ(table.Add(0, Ip("10.0.0.1")).value(), a);
  EXPECT_EQ(table.AddressOf(b), Ip("10.0.0.1"));
  MacAddress mac;
  EXPECT_FALSE(table.at(a).Load(&mac));
  const MacAddress want = Mac({1, 2, 3, 4, 5, 6});
  table.Set(a, want);
  EXPECT_TRUE(table.at(a).Load(&mac));
  EXPECT_EQ(mac, want);
  EXPECT_FALSE(table.at(b).Load(&mac));
  table.Set(b, MacAddress{});  // all zeros is an address, too
  EXPECT_TRUE(table.at(b).Load(&mac));
  table.Remove(a);
  table.Remove(a);
  table.Remove(12345);
  EXPECT_EQ(table.AddressOf(a), IpAddress());
  const NeighbourIndex before_reuse = table.Add(0, Ip("10.0.0.2")).value();
  EXPECT_NE(before_reuse, a);  // a worker may still read it
  GracePeriodsOf().Reclaim();
  size_t added = 2;
  while (table.Add(0, IpAddress::V4(static_cast<uint32_t>(0x0a010000 + added))).ok()) ++added;
  EXPECT_EQ(added, 64);
}

}  // namespace
}  // namespace noisegate::dataplane
