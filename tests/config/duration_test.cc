#include "config/duration.h"

#include <gtest/gtest.h>

#include <random>

namespace noisegate::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, PrintsAsPeopleWrite) {
  EXPECT_EQ(PrintDuration(0s), "0s");
  EXPECT_EQ(PrintDuration(1us), "1us");
  EXPECT_EQ(PrintDuration(1ms), "1ms");
  EXPECT_EQ(PrintDuration(1500ms), "1500ms");
  EXPECT_EQ(PrintDuration(1s), "1s");
  EXPECT_EQ(PrintDuration(60s), "60s");
  EXPECT_EQ(PrintDuration(90s), "90s");
  EXPECT_EQ(PrintDuration(120s), "2m");
  EXPECT_EQ(PrintDuration(1h), "60m");
  EXPECT_EQ(PrintDuration(48h), "48h");
}

TEST(Duration, ReadsWhatItPrints) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const std::chrono::microseconds value(random() % (1ull << (i % 44)));
    if (PrintDuration(value).size() > 11) continue;  // more than the nine digits that are read
    EXPECT_EQ(ParseDuration(PrintDuration(value)), value) << value.count();
  }
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text : {"", "s", "1", "1 s", " 1s", "1s ", "-1s", "+1s", "1.s", ".1s", "1.2.3s",
                           "1e3s", "1d", "1S", "0.0000001s", "1.5us", "9999h", "1234567890s"}) {
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
  }
  EXPECT_EQ(ParseDuration("8760h"), 8760h);
  EXPECT_EQ(ParseDuration("0.5h"), 30min);
  EXPECT_EQ(ParseDuration("000000001s"), 1s);
}

}  // namespace
}  // namespace noisegate::config
