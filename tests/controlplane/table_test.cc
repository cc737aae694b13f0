#include "controlplane/commands/table.h"

#include <gtest/gtest.h>

namespace noisegate::commands {
namespace {

TEST(Table, AlignsTextToTheLeftAndNumbersToTheRight) {
  Table table({"NAME", ">COUNT", "NOTE"});
  table.Add({"a", "1", "x"});
  table.Add({"longer", "12345678", ""});
  EXPECT_EQ(table.ToString(),
            "NAME       COUNT  NOTE\n"
            "a              1  x\n"
            "longer  12345678\n");
}

TEST(Table, WritesNumbersForPeople) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1234), "1.23 k");
  EXPECT_EQ(CountText(99960), "100 k");
  EXPECT_EQ(CountText(4.5e15), "4500 T");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.50 KiB");
  EXPECT_EQ(SecondsText(0.84), "0.8 s");
  EXPECT_EQ(SecondsText(42.9), "42 s");
  EXPECT_EQ(SecondsText(200), "3 m 20 s");
  EXPECT_EQ(SecondsText(18120), "5 h 2 m");
  EXPECT_EQ(SecondsText(349200), "4 d 1 h");
  EXPECT_EQ(PercentText(0.1234), "12.3 %");
}

}  // namespace
}  // namespace noisegate::commands
