#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "controlplane/commands/echo_tracker.h"
#include "controlplane/commands/text.h"

namespace noisegate::commands {
namespace {

using std::chrono::milliseconds;

std::vector<uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

TEST(ParseLocalEndpoint, TakesPortZeroForAFreeOne) {
  for (const std::string text : {"127.0.0.1:0", "[::1]:0", "0.0.0.0:4242", "[::]:10"}) {
    const auto endpoint = ParseLocalEndpoint(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
  for (const std::string text :
       {"", "0", ":0", "::0", "127.0.0.1", "127.0.0.1:00", "host:0", "[::1]:-0", "127.0.0.1:0 "}) {
    EXPECT_FALSE(ParseLocalEndpoint(text).ok()) << text;
  }
}

TEST(MessageText, ShowsTextAsItIs) {
  for (const std::string text : {"", "hello", "grüße, 世界", "🚀 ~", "a b"}) {
    EXPECT_EQ(MessageText(Bytes(text)), text);
  }
}

TEST(MessageText, ShowsWhatATerminalWouldActOnAsHex) {
  const struct {
    std::string message, want;
  } kCases[] = {
      {"\n", "hex:0a"},                      // would forge a second line
      {"\x1b[2J", "hex:1b5b324a"},           // clears the screen
      {"\x7f", "hex:7f"},                    // delete
      {"\xc2\x9b", "hex:c29b"},              // C1 control: CSI
      {"\xe2\x80\xae", "hex:e280ae"},        // turns the direction of text
      {"\xc0\x8a", "hex:c08a"},              // overlong form of a line feed
      {"\xe0\x82\x9b", "hex:e0829b"},        // overlong form of CSI
      {"\xed\xa0\x80", "hex:eda080"},        // surrogate
      {"\xf4\x90\x80\x80", "hex:f4908080"},  // above the last character
      {"\xff", "hex:ff"},
      {"\x80", "hex:80"},           // continuation without a start
      {"a\xe4\xb8", "hex:61e4b8"},  // cut short
      {std::string(1, '\0'), "hex:00"},
  };
  for (const auto& test : kCases) EXPECT_EQ(MessageText(Bytes(test.message)), test.want);
}

TEST(EchoTracker, KnowsEachMessageByItsBytes) {
  EchoTracker echoes;
  const EchoTracker::TimePoint start{};
  echoes.Sent(start, 1, Bytes("one"));
  echoes.Sent(start + milliseconds(1), 2, Bytes("two"));
  const auto two = echoes.Received(start + milliseconds(4), Bytes("two"));
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->sequence, 2u);
  EXPECT_EQ(two->rtt, milliseconds(3));
  EXPECT_EQ(echoes.outstanding(), 1u);
  EXPECT_EQ(echoes.echoed(), 1u);
}

TEST(EchoTracker, CountsDamagedAndDoubledOnesApart) {
  EchoTracker echoes;
  const EchoTracker::TimePoint now{};
  echoes.Sent(now, 1, Bytes("one"));
  EXPECT_FALSE(echoes.Received(now, Bytes("onf")).has_value());
  EXPECT_TRUE(echoes.Received(now, Bytes("one")).has_value());
  EXPECT_FALSE(echoes.Received(now, Bytes("one")).has_value());
  EXPECT_EQ(echoes.foreign(), 2u);
  EXPECT_EQ(echoes.outstanding(), 0u);
}

TEST(EchoTracker, TakesTheOldestOfEqualMessages) {
  EchoTracker echoes;
  const EchoTracker::TimePoint start{};
  for (int i = 0; i < 3; ++i) echoes.Sent(start + milliseconds(i), i, Bytes("same"));
  for (uint64_t i = 0; i < 3; ++i) {
    const auto echo = echoes.Received(start + milliseconds(10), Bytes("same"));
    ASSERT_TRUE(echo.has_value());
    EXPECT_EQ(echo->sequence, i);
  }
  EXPECT_EQ(echoes.RttSummary(), "rtt min/avg/max = 8.000/9.000/10.000 ms");
}

TEST(EchoTracker, HasNoRttWithoutEchoes) {
  EchoTracker echoes;
  echoes.Sent({}, 1, Bytes("one"));
  EXPECT_EQ(echoes.RttSummary(), "");
}

}  // namespace
}  // namespace noisegate::commands
