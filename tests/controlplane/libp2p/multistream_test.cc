#include "controlplane/libp2p/multistream.h"

#include <gtest/gtest.h>

#include "tests/crypto/test_bytes.h"

namespace noisegate::libp2p {
namespace {

using crypto::Bytes;

Bytes Lines(std::initializer_list<std::string_view> texts) {
  Bytes bytes;
  for (std::string_view text : texts) AppendMultistreamLine(text, bytes);
  return bytes;
}

template <typename Side>
size_t FeedInPieces(Side& side, const Bytes& input, size_t piece) {
  size_t used = 0;
  while (used < input.size() && side.state() == MultistreamState::kRunning) {
    const size_t n = std::min(piece, input.size() - used);
    const size_t taken = side.Receive(std::span(input).subspan(used, n));
    used += taken;
    if (taken < n) break;
  }
  return used;
}

constexpr size_t kPieces[] = {1, 2, 7, 20, 100'000};

TEST(MultistreamListener, AnswersHeaderAndProposalInOneWrite) {
  for (size_t piece : kPieces) {
    MultistreamListener listener({"/noise", "/tls"});
    EXPECT_TRUE(listener.TakeOutput().empty()) << "it speaks only when spoken to";
    Bytes input = Lines({kMultistreamHeader, "/tls"});
    const size_t negotiation = input.size();
    for (uint8_t byte : {0, 32, 7}) input.push_back(byte);  // the protocol's own first bytes
    EXPECT_EQ(FeedInPieces(listener, input, piece), negotiation);
    EXPECT_EQ(listener.state(), MultistreamState::kAgreed);
    EXPECT_EQ(listener.protocol(), "/tls");
    EXPECT_EQ(listener.TakeOutput(), Lines({kMultistreamHeader, "/tls"}));
    EXPECT_EQ(listener.Receive(Lines({"/noise"})), 0u);
  }
}

TEST(MultistreamListener, AnswersStepByStep) {
  MultistreamListener listener({"/noise"});
  listener.Receive(Lines({kMultistreamHeader}));
  EXPECT_EQ(listener.TakeOutput(), Lines({kMultistreamHeader}));
  listener.Receive(Lines({"/tls/1.0.0"}));
  EXPECT_EQ(listener.TakeOutput(), Lines({"na"}));
  listener.Receive(Lines({"ls"}));
  const Bytes list = listener.TakeOutput();
  EXPECT_EQ(crypto::ToHex(list), "09072f6e6f6973650a0a");
  listener.Receive(Lines({"/noise"}));
  EXPECT_EQ(listener.TakeOutput(), Lines({"/noise"}));
  EXPECT_EQ(listener.state(), MultistreamState::kAgreed);
}

TEST(MultistreamListener, TakesProposalsBeforeTheirAnswers) {
  for (size_t piece : kPieces) {
    MultistreamListener listener({"/c"});
    const Bytes input = Lines({kMultistreamHeader, "/a", "/b", "/c", "/d"});
    EXPECT_EQ(FeedInPieces(listener, input, piece),
              Lines({kMultistreamHeader, "/a", "/b", "/c"}).size());
    EXPECT_EQ(listener.TakeOutput(), Lines({kMultistreamHeader, "na", "na", "/c"}));
  }
}

TEST(MultistreamListener, EveryBadInputHasItsError) {
  const Bytes header = Lines({kMultistreamHeader});
  const auto after_header = [&header](const Bytes& more) {
    Bytes input = header;
    input.insert(input.end(), more.begin(), more.end());
    return input;
  };
  Bytes longest = Lines({std::string(kMaxMultistreamLine - 1, 'x')});
  Bytes too_long = Lines({std::string(kMaxMultistreamLine, 'x')});
  Bytes no_newline = Lines({"/noise"});
  no_newline.back() = 'x';
  Bytes proposals = header;
  for (size_t i = 0; i <= kMaxProposals; ++i) {
    const Bytes line = Lines({"/x"});
    proposals.insert(proposals.end(), line.begin(), line.end());
  }
  const struct {
    const char* name;
    Bytes input;
    MultistreamError want;
  } kCases[] = {
      {"HTTP", Bytes{'G', 'E', 'T', ' ', '/'}, MultistreamError::kNone},  // 71 bytes announced
      {"other version", Lines({"/multistream/2.0.0"}), MultistreamError::kBadHeader},
      {"no header", Lines({"/noise"}), MultistreamError::kBadHeader},
      {"size 0", {0}, MultistreamError::kMalformedLine},
      {"size not in its shortest form", {0x93, 0x80, 0x00}, MultistreamError::kMalformedLine},
      {"size without end", Bytes(10, 0x80), MultistreamError::kMalformedLine},
      {"huge size", {0xff, 0xff, 0x7f}, MultistreamError::kLineTooLong},
      {"no newline", after_header(no_newline), MultistreamError::kMalformedLine},
      {"longest", after_header(longest), MultistreamError::kNone},
      {"too long", after_header(too_long), MultistreamError::kLineTooLong},
      {"too many", proposals, MultistreamError::kTooManyProposals},
  };
  for (const auto& test : kCases) {
    for (size_t piece : kPieces) {
      MultistreamListener listener({"/noise"});
      FeedInPieces(listener, test.input, piece);
      EXPECT_EQ(listener.error(), test.want) << test.name;
      EXPECT_EQ(listener.state(), test.want == MultistreamError::kNone ? MultistreamState::kRunning
                                                                       : MultistreamState::kFailed);
      listener.ReceiveEnd();
      EXPECT_EQ(listener.error(),
                test.want == MultistreamError::kNone ? MultistreamError::kTruncated : test.want);
    }
  }
}

TEST(MultistreamDialler, SendsHeaderAndFirstProposalAtOnce) {
  MultistreamDialler dialler({"/noise"});
  EXPECT_EQ(dialler.TakeOutput(), Lines({kMultistreamHeader, "/noise"}));
  Bytes answer = Lines({kMultistreamHeader, "/noise"});
  const size_t negotiation = answer.size();
  answer.push_back(42);
  for (size_t piece : kPieces) {
    MultistreamDialler again({"/noise"});
    EXPECT_EQ(FeedInPieces(again, answer, piece), negotiation);
    EXPECT_EQ(again.state(), MultistreamState::kAgreed);
    EXPECT_EQ(again.protocol(), "/noise");
  }
}

TEST(MultistreamDialler, ProposesTheNextWhenRefused) {
  MultistreamDialler dialler({"/a", "/b", "/c"});
  dialler.TakeOutput();
  dialler.Receive(Lines({kMultistreamHeader, "na"}));
  EXPECT_EQ(dialler.TakeOutput(), Lines({"/b"}));
  dialler.Receive(Lines({"na"}));
  EXPECT_EQ(dialler.TakeOutput(), Lines({"/c"}));
  dialler.Receive(Lines({"/c"}));
  EXPECT_EQ(dialler.protocol(), "/c");
}

TEST(MultistreamDialler, EveryBadAnswerHasItsError) {
  const struct {
    Bytes answer;
    MultistreamError want;
  } kCases[] = {
      {Lines({"/noise"}), MultistreamError::kBadHeader},
      {Lines({kMultistreamHeader, "na"}), MultistreamError::kNoneAgreed},
      {Lines({kMultistreamHeader, "/tls"}), MultistreamError::kUnexpectedAnswer},
      {Lines({kMultistreamHeader, ""}), MultistreamError::kUnexpectedAnswer},
      {{0xff, 0xff, 0x7f}, MultistreamError::kLineTooLong},
      {{1, 'x'}, MultistreamError::kMalformedLine},
  };
  for (const auto& test : kCases) {
    MultistreamDialler dialler({"/noise"});
    dialler.Receive(test.answer);
    EXPECT_EQ(dialler.error(), test.want);
  }
  MultistreamDialler dialler({"/noise"});
  dialler.Receive(Lines({kMultistreamHeader}));
  dialler.ReceiveEnd();
  EXPECT_EQ(dialler.error(), MultistreamError::kTruncated);
}

TEST(Multistream, BothSidesAgree) {
  MultistreamDialler dialler({"/x", "/y", "/z"});
  MultistreamListener listener({"/z", "/y"});
  while (dialler.state() == MultistreamState::kRunning) {
    listener.Receive(dialler.TakeOutput());
    dialler.Receive(listener.TakeOutput());
  }
  EXPECT_EQ(dialler.protocol(), "/y");
  EXPECT_EQ(listener.protocol(), "/y");
}

}  // namespace
}  // namespace noisegate::libp2p
