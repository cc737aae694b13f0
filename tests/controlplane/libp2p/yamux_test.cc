// A session's streams and frames. Windows, queues and turns are in yamux_flow_test.cc.
#include "controlplane/libp2p/yamux.h"

#include <gtest/gtest.h>

#include "tests/controlplane/libp2p/yamux_pair.h"

namespace noisegate::libp2p {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Yamux, StreamsOpenBothWaysAndCarryData) {
  YamuxPair pair;
  const StreamId odd = pair.client.session.OpenStream().value();
  const StreamId even = pair.server.session.OpenStream().value();
  EXPECT_EQ(odd, 1u);
  EXPECT_EQ(even, 2u);
  pair.Exchange();
  EXPECT_TRUE(pair.server.events[odd].opened);
  EXPECT_TRUE(pair.client.events[odd].acknowledged);
  EXPECT_TRUE(pair.client.events[even].opened);
  EXPECT_TRUE(pair.server.events[even].acknowledged);

  EXPECT_EQ(pair.client.session.Write(odd, Pattern(1000)), 1000u);
  EXPECT_EQ(pair.server.session.Write(odd, Pattern(500, 9)), 500u);
  pair.Exchange();
  EXPECT_TRUE(pair.server.events[odd].readable);
  EXPECT_EQ(pair.server.ReadAll(odd), Pattern(1000));
  EXPECT_EQ(pair.client.ReadAll(odd), Pattern(500, 9));
}

TEST(Yamux, OpensWithAWindowUpdateAndAcknowledgesWithOne) {
  YamuxPair pair;
  const StreamId id = pair.client.session.OpenStream().value();
  const Bytes opening = pair.client.PullAll();
  EXPECT_EQ(ToHex(opening), "000100010000000100000000");
  pair.server.accept_at_once = false;
  pair.server.Receive(opening);
  EXPECT_FALSE(pair.server.session.HasOutput()) << "nothing before it is accepted";
  pair.server.session.Accept(id);
  EXPECT_EQ(ToHex(pair.server.PullAll()), "000100020000000100000000");
}

TEST(Yamux, DataWithSynOpensToo) {
  YamuxPair pair;
  pair.server.Receive(DataFrame(7, {1, 2, 3}, kYamuxSyn));
  EXPECT_TRUE(pair.server.events[7].opened);
  EXPECT_EQ(pair.server.ReadAll(7), (Bytes{1, 2, 3}));
}

TEST(Yamux, AnyCutOfTheInputIsTheSame) {
  Bytes input = CreditFrame(1, 0, kYamuxSyn);
  for (const Bytes& more :
       {DataFrame(1, Pattern(300)), PingFrame(kYamuxSyn, 77), DataFrame(3, {9}, kYamuxSyn),
        CreditFrame(1, 0, kYamuxFin), DataFrame(3, {}, kYamuxFin)}) {
    input.insert(input.end(), more.begin(), more.end());
  }
  for (size_t piece : {size_t{1}, size_t{5}, size_t{12}, size_t{13}, input.size()}) {
    YamuxPair pair;
    for (size_t i = 0; i < input.size(); i += piece) {
      const auto from = input.begin() + static_cast<ptrdiff_t>(i);
      const auto to = input.begin() + static_cast<ptrdiff_t>(std::min(i + piece, input.size()));
      pair.server.Receive(Bytes(from, to));
    }
    EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
    EXPECT_EQ(pair.server.ReadAll(1), Pattern(300)) << piece;
    EXPECT_EQ(pair.server.ReadAll(3), Bytes{9}) << piece;
    EXPECT_TRUE(pair.server.events[1].finished);
    EXPECT_TRUE(pair.server.events[3].finished);
    EXPECT_EQ(ToHex(pair.server.Pull()).substr(0, 24), "00020002000000000000004d");
  }
}

TEST(Yamux, FinHasAFrameOfItsOwnBehindTheData) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(100));
  pair.client.session.CloseWrite(id);
  const std::vector<Frame> frames = pair.client.PullFrames();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].header.flags, 0);
  EXPECT_EQ(frames[0].payload, Pattern(100));
  EXPECT_EQ(frames[1].header, (YamuxHeader{.version = 0,
                                           .type = YamuxType::kWindowUpdate,
                                           .flags = kYamuxFin,
                                           .stream = id,
                                           .length = 0}));
}

TEST(Yamux, HalfClosedStreamCarriesDataTheOtherWay) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.CloseWrite(id);
  EXPECT_EQ(pair.client.session.Write(id, {{1}}), 0u) << "after the end";
  pair.Exchange();
  EXPECT_TRUE(pair.server.events[id].finished);
  EXPECT_EQ(pair.server.session.Write(id, Pattern(70000)), 70000u);
  pair.server.session.CloseWrite(id);
  pair.Exchange();
  EXPECT_TRUE(pair.client.events[id].finished);
  EXPECT_EQ(pair.server.session.stream_count(), 0u) << "all sent, nothing left to read";
  EXPECT_EQ(pair.client.session.stream_count(), 1u) << "there is something to read";
  EXPECT_EQ(pair.client.ReadAll(id), Pattern(70000));
  EXPECT_EQ(pair.client.session.stream_count(), 0u);
  EXPECT_EQ(pair.client.session.receive_queue_size(), 0u);
  EXPECT_EQ(pair.server.session.send_queue_size(), 0u);
}

TEST(Yamux, FinOnDataWithPayloadLosesNothing) {
  YamuxPair pair;
  pair.server.Receive(DataFrame(1, {4, 5}, kYamuxSyn | kYamuxFin));
  EXPECT_TRUE(pair.server.events[1].finished);
  EXPECT_EQ(pair.server.ReadAll(1), (Bytes{4, 5}));
}

TEST(Yamux, NothingIsCreditedAfterFin) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(200'000));
  pair.client.session.CloseWrite(id);
  pair.Exchange();
  pair.server.ReadAll(id);
  for (const Frame& frame : pair.server.PullFrames()) EXPECT_EQ(frame.header.length, 0u);
  // And what comes late is harmless.
  pair.client.Receive(CreditFrame(id, 1000));
  EXPECT_EQ(pair.client.session.error(), YamuxError::kNone);
}

TEST(Yamux, DataAfterFinResetsTheStream) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.server.Receive(CreditFrame(id, 0, kYamuxFin));
  pair.server.Receive(DataFrame(id, {1}));
  EXPECT_TRUE(pair.server.events[id].reset);
  EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
  EXPECT_EQ(ToHex(pair.server.PullAll()), "000100080000000100000000");
}

TEST(Yamux, ResetEndsBothDirectionsAndDropsWhatIsQueued) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(1000));
  pair.server.session.Write(id, Pattern(1000));
  pair.client.Receive(pair.server.PullAll());
  pair.client.session.Reset(id);
  EXPECT_EQ(pair.client.session.stream_count(), 0u);
  EXPECT_EQ(pair.client.session.send_queue_size(), 0u);
  EXPECT_EQ(pair.client.session.receive_queue_size(), 0u);
  EXPECT_TRUE(pair.client.session.Readable(id).empty());
  EXPECT_EQ(ToHex(pair.client.PullAll()), "000100080000000100000000");
  pair.server.Receive(CreditFrame(id, 0, kYamuxRst));
  EXPECT_TRUE(pair.server.events[id].reset);
  EXPECT_EQ(pair.server.session.stream_count(), 0u);
}

TEST(Yamux, ResetOfAStreamThatThePeerNeverHeardOfSendsNothing) {
  YamuxPair pair;
  pair.client.session.Reset(pair.client.session.OpenStream().value());
  EXPECT_FALSE(pair.client.session.HasOutput());
}

TEST(Yamux, FramesForUnknownStreamsAreIgnored) {
  YamuxPair pair;
  pair.server.Receive(DataFrame(5, Pattern(5000)));
  pair.server.Receive(CreditFrame(5, 100));
  pair.server.Receive(CreditFrame(5, 0, kYamuxFin));
  pair.server.Receive(CreditFrame(6, 0, kYamuxRst));
  pair.server.Receive(DataFrame(9, {}, kYamuxAck));
  EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
  EXPECT_EQ(pair.server.session.counters().frames_ignored, 5u);
  EXPECT_FALSE(pair.server.session.HasOutput());
  EXPECT_TRUE(pair.server.events.empty());
  pair.Open();
}

TEST(Yamux, StreamResetInTheMiddleOfAFrameSkipsTheRest) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  Bytes frame = DataFrame(id, Pattern(5000));
  pair.server.Receive(Bytes(frame.begin(), frame.begin() + 100));
  pair.server.session.Reset(id);
  pair.server.Receive(Bytes(frame.begin() + 100, frame.end()));
  pair.server.Receive(DataFrame(3, {1}, kYamuxSyn));
  EXPECT_EQ(pair.server.ReadAll(3), Bytes{1});
}

TEST(Yamux, ProtocolErrorsEndTheSessionWithGoAway) {
  Bytes version = PingFrame(kYamuxSyn, 0);
  version[0] = 1;
  Bytes type = PingFrame(kYamuxSyn, 0);
  type[1] = 4;
  const struct {
    const char* name;
    Bytes input;
    YamuxError want;
  } kCases[] = {
      {"version", version, YamuxError::kBadVersion},
      {"type", type, YamuxError::kBadType},
      {"data on stream 0", DataFrame(0, {1}), YamuxError::kBadStreamId},
      {"credit on stream 0", CreditFrame(0, 1), YamuxError::kBadStreamId},
      {"opens one of ours", CreditFrame(2, 0, kYamuxSyn), YamuxError::kBadStreamId},
      {"opens twice", CreditFrame(1, 0, kYamuxSyn), YamuxError::kBadStreamId},
      {"over the window", DataFrame(1, Pattern(kYamuxInitialWindow + 1)),
       YamuxError::kWindowExceeded},
      {"credit overflow", CreditFrame(1, 0xffffffff), YamuxError::kWindowOverflow},
  };
  for (const auto& test : kCases) {
    YamuxPair pair;
    const StreamId id = pair.Open();
    pair.server.session.Write(id, Pattern(100));
    pair.server.Receive(test.input);
    EXPECT_EQ(pair.server.session.error(), test.want) << test.name;
    EXPECT_TRUE(pair.server.events[id].reset) << test.name;
    EXPECT_EQ(pair.server.session.stream_count(), 0u);
    EXPECT_EQ(pair.server.session.send_queue_size(), 0u);
    EXPECT_EQ(ToHex(pair.server.PullAll()), "000300000000000000000001") << test.name;
    EXPECT_FALSE(pair.server.session.OpenStream().ok());
    EXPECT_FALSE(pair.server.session.NextDeadline().has_value());
    pair.server.Receive(PingFrame(kYamuxSyn, 1));
    EXPECT_FALSE(pair.server.session.HasOutput()) << "nothing after the end";
  }
}

TEST(Yamux, GoAwayNormalLetsOpenStreamsGoOn) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.server.session.GoAway(YamuxGoAway::kNormal);
  pair.Exchange();
  EXPECT_TRUE(pair.client.session.remote_went_away());
  EXPECT_EQ(pair.client.session.error(), YamuxError::kNone);
  EXPECT_EQ(pair.client.session.OpenStream().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(pair.server.session.OpenStream().status().code(), absl::StatusCode::kUnavailable);
  pair.client.session.Write(id, {{1}});
  pair.Exchange();
  EXPECT_EQ(pair.server.ReadAll(id), Bytes{1});
  // One that was on its way is refused.
  pair.server.Receive(CreditFrame(9, 0, kYamuxSyn));
  EXPECT_EQ(ToHex(pair.server.PullAll()), "000100080000000900000000");
}

TEST(Yamux, GoAwayWithAnErrorEndsTheSession) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.Receive(FrameBytes(YamuxType::kGoAway, 0, 0, 2));
  EXPECT_EQ(pair.client.session.error(), YamuxError::kRemoteError);
  EXPECT_TRUE(pair.client.events[id].reset);
  EXPECT_FALSE(pair.client.session.HasOutput());
}

TEST(Yamux, StreamsBeyondALimitAreRefused) {
  YamuxOptions options = QuietOptions();
  options.max_inbound_streams = 3;
  options.max_outbound_streams = 2;
  YamuxPair pair(options);
  for (StreamId id = 1; id <= 7; id += 2) pair.server.Receive(CreditFrame(id, 0, kYamuxSyn));
  EXPECT_EQ(pair.server.session.stream_count(), 3u);
  EXPECT_EQ(pair.server.session.counters().streams_refused, 1u);
  EXPECT_TRUE(ToHex(pair.server.PullAll()).starts_with("000100080000000700000000"));
  EXPECT_FALSE(pair.server.events.contains(7));
  // A place that is free again is given again.
  pair.server.Receive(CreditFrame(1, 0, kYamuxRst));
  pair.server.Receive(CreditFrame(9, 0, kYamuxSyn));
  EXPECT_TRUE(pair.server.events[9].opened);

  EXPECT_TRUE(pair.client.session.OpenStream().ok());
  EXPECT_TRUE(pair.client.session.OpenStream().ok());
  EXPECT_EQ(pair.client.session.OpenStream().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Yamux, StreamsThatNobodyAcceptsAreBounded) {
  YamuxOptions options = QuietOptions();
  options.max_pending_accept = 2;
  YamuxPair pair(options);
  pair.server.accept_at_once = false;
  for (StreamId id = 1; id <= 5; id += 2) pair.server.Receive(CreditFrame(id, 0, kYamuxSyn));
  EXPECT_EQ(pair.server.session.counters().streams_refused, 1u);
  pair.server.session.Accept(1);
  pair.server.Receive(CreditFrame(7, 0, kYamuxSyn));
  EXPECT_TRUE(pair.server.events[7].opened);
}

TEST(Yamux, FloodsOfOpeningsAndPingsThatAreNotReadEndTheSession) {
  {
    YamuxOptions options = QuietOptions();
    options.max_inbound_streams = 1;
    YamuxPair pair(options);
    StreamId id = 1;
    while (pair.server.session.error() == YamuxError::kNone && id < 100'000) {
      pair.server.Receive(CreditFrame(id, 0, kYamuxSyn));
      id += 2;
    }
    EXPECT_EQ(pair.server.session.error(), YamuxError::kAnswersNotRead);
  }
  YamuxPair pair;
  for (uint32_t i = 0; i < 64; ++i) pair.server.Receive(PingFrame(kYamuxSyn, i));
  EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
  pair.server.Receive(PingFrame(kYamuxSyn, 64));
  EXPECT_EQ(pair.server.session.error(), YamuxError::kAnswersNotRead);
}

TEST(Yamux, StreamsThatComeAndGoLeaveNothing) {
  YamuxPair pair;
  for (StreamId id = 1; id < 20'000; id += 2) {
    Bytes both = CreditFrame(id, 0, kYamuxSyn);
    const Bytes reset = CreditFrame(id, 0, kYamuxRst);
    both.insert(both.end(), reset.begin(), reset.end());
    pair.server.Receive(both);
  }
  EXPECT_TRUE(pair.server.events.empty()) << "they were gone before anyone looked";
  EXPECT_EQ(pair.server.session.stream_count(), 0u);
  EXPECT_FALSE(pair.server.session.HasOutput());
}

TEST(Yamux, PongAnswersPingAndNothingElse) {
  YamuxPair pair;
  pair.server.Receive(PingFrame(kYamuxSyn, 0xdeadbeef));
  EXPECT_EQ(ToHex(pair.server.PullAll()), "0002000200000000deadbeef");
  pair.server.Receive(PingFrame(kYamuxAck, 3));  // nobody asked
  pair.server.Receive(PingFrame(0, 3));
  EXPECT_FALSE(pair.server.session.HasOutput());
  EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
}

TEST(Yamux, PingsAtOnceAndThenAtItsInterval) {
  YamuxOptions options;
  options.keep_alive = seconds(30);
  options.ping_timeout = seconds(10);
  YamuxPair pair(options);
  const TimePoint start = pair.client.now;
  EXPECT_EQ(ToHex(pair.client.PullAll()), "000200010000000000000000");
  EXPECT_EQ(pair.client.session.NextDeadline(), start + seconds(10));
  pair.Advance(milliseconds(42));
  pair.client.Receive(PingFrame(kYamuxAck, 0));
  EXPECT_EQ(pair.client.session.round_trip(), milliseconds(42));
  EXPECT_EQ(pair.client.session.NextDeadline(), start + seconds(30));

  pair.client.session.HandleTimeout(start + seconds(29));
  EXPECT_FALSE(pair.client.session.HasOutput());
  pair.client.now = start + seconds(30);
  pair.client.session.HandleTimeout(pair.client.now);
  EXPECT_EQ(ToHex(pair.client.PullAll()), "000200010000000000000001");
  pair.client.Receive(PingFrame(kYamuxAck, 0));  // an old answer is none
  pair.client.session.HandleTimeout(start + seconds(39));
  EXPECT_EQ(pair.client.session.error(), YamuxError::kNone);
  pair.client.session.HandleTimeout(start + seconds(40));
  EXPECT_EQ(pair.client.session.error(), YamuxError::kPingTimeout);
  EXPECT_EQ(ToHex(pair.client.PullAll()), "000300000000000000000002");
}

TEST(Yamux, PingThatTheTransportNeverTookTimesOutToo) {
  YamuxOptions options;
  YamuxPair pair(options);
  pair.client.session.HandleTimeout(pair.client.now + options.ping_timeout);
  EXPECT_EQ(pair.client.session.error(), YamuxError::kPingTimeout);
}

TEST(Yamux, TenIdleMinutesWithKeepAlives) {
  YamuxPair pair{YamuxOptions()};
  const StreamId id = pair.Open();
  for (int i = 0; i < 600; ++i) {
    pair.Advance(seconds(1));
    pair.client.session.HandleTimeout(pair.client.now);
    pair.server.session.HandleTimeout(pair.server.now);
    pair.Exchange();
  }
  EXPECT_EQ(pair.client.session.counters().pongs_received, 21u);
  pair.client.session.Write(id, {{1}});
  pair.Exchange();
  EXPECT_EQ(pair.server.ReadAll(id), Bytes{1});
}

}  // namespace
}  // namespace noisegate::libp2p
