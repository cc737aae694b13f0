// Windows, queues, turns and what may wait for whom.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "tests/controlplane/libp2p/yamux_pair.h"

namespace noisegate::libp2p {
namespace {

using std::chrono::milliseconds;

size_t DataBytes(const std::vector<Frame>& frames, StreamId stream = 0) {
  size_t sum = 0;
  for (const Frame& frame : frames) {
    if (stream == 0 || frame.header.stream == stream) sum += frame.payload.size();
  }
  return sum;
}

TEST(YamuxFlow, SenderStopsAtTheWindowUntilTheReaderReads) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  const Bytes data = Pattern(600'000);
  size_t written = pair.client.session.Write(id, data);
  EXPECT_EQ(written, 256u * 1024) << "what the queue holds";
  pair.Exchange();
  EXPECT_EQ(pair.server.session.ReadableSize(id), kYamuxInitialWindow);
  written += pair.client.session.Write(id, std::span(data).subspan(written));
  pair.Exchange();
  EXPECT_EQ(pair.server.session.ReadableSize(id), kYamuxInitialWindow) << "a slow reader holds it";
  EXPECT_FALSE(pair.client.session.HasOutput());

  Bytes got = pair.server.ReadAll(id);
  pair.Exchange();
  const Bytes more = pair.server.ReadAll(id);
  got.insert(got.end(), more.begin(), more.end());
  EXPECT_EQ(got, Bytes(data.begin(), data.begin() + static_cast<ptrdiff_t>(written)));
}

TEST(YamuxFlow, CreditComesInHalfWindows) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(kYamuxInitialWindow));
  pair.server.Receive(pair.client.PullAll());
  pair.server.session.Consume(id, 1000);
  EXPECT_FALSE(pair.server.session.HasOutput()) << "a little is not worth a frame";
  Bytes rest(kYamuxInitialWindow / 2 - 1000);
  ASSERT_EQ(pair.server.session.Read(id, rest), rest.size());
  EXPECT_EQ(ToHex(pair.server.PullAll()), "000100000000000100020000");
}

TEST(YamuxFlow, WindowDoublesWhileTheRoundTripLimitsIt) {
  YamuxOptions options;
  options.max_receive_window = 1024 * 1024;
  YamuxPair pair(options);
  const StreamId id = pair.Open();
  pair.Advance(milliseconds(20));
  pair.server.Receive(PingFrame(kYamuxAck, 99));  // not the answer
  ASSERT_TRUE(pair.server.session.round_trip().has_value());
  // A round trip of 20 ms from here on.
  pair.Advance(std::chrono::seconds(30));
  pair.server.session.HandleTimeout(pair.server.now);
  const Bytes ping = pair.server.PullAll();
  pair.Advance(milliseconds(20));
  pair.client.Receive(ping);
  pair.server.Receive(pair.client.PullAll());
  ASSERT_EQ(pair.server.session.round_trip(), milliseconds(20));

  size_t window = 0;  // what was under way at most
  for (int round = 0; round < 20; ++round) {
    do {
      pair.server.Receive(pair.client.PullAll());
      window = std::max(window, pair.server.session.ReadableSize(id));
    } while (pair.client.session.Write(id, Pattern(65536)) > 0);
    pair.Advance(milliseconds(10));
    pair.server.ReadAll(id);
    pair.client.Receive(pair.server.PullAll());
  }
  EXPECT_EQ(window, options.max_receive_window);
}

TEST(YamuxFlow, WindowStaysWhereTheReaderIsTheLimit) {
  YamuxPair pair{YamuxOptions()};
  const StreamId id = pair.Open();
  ASSERT_TRUE(pair.server.session.round_trip().has_value());
  size_t window = 0;
  for (int round = 0; round < 20; ++round) {
    do {
      pair.server.Receive(pair.client.PullAll());
      window = std::max(window, pair.server.session.ReadableSize(id));
    } while (pair.client.session.Write(id, Pattern(65536)) > 0);
    pair.Advance(milliseconds(10));  // with a round trip of nothing
    pair.server.ReadAll(id);
    pair.client.Receive(pair.server.PullAll());
  }
  EXPECT_EQ(window, kYamuxInitialWindow);
}

// However much a peer grants, it gets no more than it has acknowledged plus 4 MiB.
TEST(YamuxFlow, UnacknowledgedBytesAreBounded) {
  YamuxOptions options = QuietOptions();
  options.max_stream_send_queue = options.max_send_queue = 64 * 1024 * 1024;
  YamuxPair pair(options);
  const StreamId id = pair.Open();
  pair.client.Receive(CreditFrame(id, 16 * 1024 * 1024));
  pair.client.session.Write(id, Pattern(20 * 1024 * 1024));
  EXPECT_EQ(DataBytes(pair.client.PullFrames()), kMaxUnacknowledged);
  EXPECT_FALSE(pair.client.session.HasOutput());
  pair.client.Receive(CreditFrame(id, 100'000));
  EXPECT_EQ(DataBytes(pair.client.PullFrames()), 100'000u);
}

// go and rust give credit only when half of the window was read. With a window of 16 MiB that is
// more than 4 MiB: both sides would wait for each other.
TEST(YamuxFlow, PeerThatAcknowledgesByHalvesOfALargeWindowIsNotStarved) {
  YamuxOptions options = QuietOptions();
  options.max_stream_send_queue = options.max_send_queue = 64 * 1024 * 1024;
  YamuxPair pair(options);
  const StreamId id = pair.Open();
  const Bytes bulk = Pattern(8 * 1024 * 1024);
  uint64_t window = kYamuxInitialWindow, held = 0, total = 0;
  for (int round = 0; round < 1000 && total < 60'000'000; ++round) {
    pair.client.session.Write(id, bulk);
    const size_t sent = DataBytes(pair.client.PullFrames());
    ASSERT_GT(sent, 0u) << "after " << total << " bytes, window " << window;
    held += sent;
    total += sent;
    ASSERT_LE(held, window);
    if (held < window / 2) continue;
    const uint64_t next = std::min<uint64_t>(2 * window, 16 * 1024 * 1024);
    pair.client.Receive(CreditFrame(id, static_cast<uint32_t>(held + next - window)));
    window = next;
    held = 0;
  }
  EXPECT_GE(total, 60'000'000u);
}

TEST(YamuxFlow, WriteTakesWhatFitsAndSaysWhenToGoOn) {
  YamuxOptions options = QuietOptions();
  options.max_stream_send_queue = 100'000;
  YamuxPair pair(options);
  const StreamId id = pair.Open();
  EXPECT_EQ(pair.client.session.Write(id, Pattern(60'000)), 60'000u);
  EXPECT_EQ(pair.client.session.Write(id, Pattern(60'000)), 40'000u);
  EXPECT_EQ(pair.client.session.Write(id, Pattern(1)), 0u);
  pair.client.Poll();
  EXPECT_FALSE(pair.client.events[id].writable);
  pair.client.Pull(40'000);
  pair.client.Poll();
  EXPECT_FALSE(pair.client.events[id].writable) << "not for every little room";
  pair.client.Pull(40'000);
  pair.client.Poll();
  EXPECT_TRUE(pair.client.events[id].writable);
  EXPECT_GE(pair.client.session.WriteRoom(id), 50'000u);
}

TEST(YamuxFlow, QueueOfAllStreamsIsBounded) {
  YamuxOptions options = QuietOptions();
  options.max_send_queue = 300'000;
  YamuxPair pair(options);
  const StreamId a = pair.Open();
  const StreamId b = pair.Open();
  const StreamId c = pair.Open();
  EXPECT_EQ(pair.client.session.Write(a, Pattern(200'000)), 200'000u);
  EXPECT_EQ(pair.client.session.Write(b, Pattern(200'000)), 100'000u);
  EXPECT_EQ(pair.client.session.Write(c, Pattern(10)), 0u);
  EXPECT_EQ(pair.client.session.send_queue_size(), 300'000u);
  pair.Exchange();
  EXPECT_TRUE(pair.client.events[b].writable);
  EXPECT_TRUE(pair.client.events[c].writable) << "though it has nothing queued";
  EXPECT_FALSE(pair.client.events[a].writable) << "nobody refused it";

  // The same if the room comes from a stream that is reset.
  EXPECT_EQ(pair.client.session.Write(a, Pattern(256'000)), 256'000u);
  EXPECT_EQ(pair.client.session.Write(b, Pattern(100'000)), 44'000u);
  pair.client.events.clear();
  pair.client.session.Reset(a);
  pair.client.Poll();
  EXPECT_TRUE(pair.client.events[b].writable);
}

TEST(YamuxFlow, FullestStreamIsResetWhereNobodyReads) {
  YamuxOptions options = QuietOptions();
  options.max_receive_queue = 300'000;
  YamuxPair pair(options);
  const StreamId a = pair.Open();
  const StreamId b = pair.Open();
  pair.server.Receive(DataFrame(a, Pattern(250'000)));
  pair.server.Receive(DataFrame(b, Pattern(40'000)));
  EXPECT_EQ(pair.server.session.stream_count(), 2u);
  pair.server.Receive(DataFrame(b, Pattern(20'000)));
  EXPECT_TRUE(pair.server.events[a].reset);
  EXPECT_EQ(pair.server.session.counters().streams_overrun, 1u);
  EXPECT_EQ(pair.server.ReadAll(b).size(), 60'000u) << "the other is not affected";
  EXPECT_EQ(ToHex(pair.server.PullAll()), "000100080000000100000000");
}

TEST(YamuxFlow, PongGoesBeforeBulk) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(256 * 1024));
  pair.client.Pull(1000);
  pair.client.Receive(PingFrame(kYamuxSyn, 5));
  EXPECT_EQ(ToHex(pair.client.Pull()).substr(0, 24), "000200020000000000000005");
}

TEST(YamuxFlow, ResetsAndOpeningsGoBeforeBulk) {
  YamuxPair pair;
  const StreamId bulk = pair.Open();
  const StreamId other = pair.Open();
  pair.client.session.Write(bulk, Pattern(256 * 1024));
  pair.client.Pull(1000);
  pair.client.session.Reset(other);
  const StreamId opened = pair.client.session.OpenStream().value();
  const std::vector<Frame> frames = SplitFrames(pair.client.Pull());
  ASSERT_GE(frames.size(), 3u);
  EXPECT_EQ(frames[0].header.flags, kYamuxRst);
  EXPECT_EQ(frames[1].header.flags, kYamuxSyn);
  EXPECT_EQ(frames[1].header.stream, opened);
}

// What /ipfs/ping needs: 32 bytes on a stream of their own, beside 50 streams that always have
// more.
TEST(YamuxFlow, FewBytesGoBeforeBulkOfOtherStreams) {
  YamuxOptions options = QuietOptions();
  options.max_stream_send_queue = 2 * 1024 * 1024;
  options.max_send_queue = 100 * 1024 * 1024;
  YamuxPair pair(options);
  std::vector<StreamId> bulk;
  for (int i = 0; i < 50; ++i) bulk.push_back(pair.Open());
  const StreamId ping = pair.Open();
  const StreamId other = pair.Open();
  const Bytes text = Pattern(2 * 1024 * 1024);
  for (StreamId id : bulk) {
    pair.client.Receive(CreditFrame(id, 2 * 1024 * 1024));
    pair.client.session.Write(id, text);
  }
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 51 * 16 / 64 + 2; ++i) pair.client.Pull();  // a turn of all
    pair.client.session.Write(ping, Pattern(32));
    pair.client.session.Write(other, Pattern(1000));
    const std::vector<Frame> frames = SplitFrames(pair.client.Pull());
    ASSERT_GE(frames.size(), 3u);
    EXPECT_EQ(frames[0].header.stream, ping);
    EXPECT_EQ(frames[1].header.stream, other);
    EXPECT_GT(frames[2].payload.size(), 2000u) << "and bulk fills the rest";
  }
}

TEST(YamuxFlow, StreamsTakeTurns) {
  YamuxOptions options = QuietOptions();
  YamuxPair pair(options);
  std::vector<StreamId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(pair.Open());
  for (StreamId id : ids) pair.client.session.Write(id, Pattern(200'000));
  std::map<StreamId, size_t> sent;
  for (int i = 0; i < 6; ++i) {
    for (const Frame& frame : SplitFrames(pair.client.Pull())) {
      sent[frame.header.stream] += frame.payload.size();
    }
  }
  for (StreamId id : ids) {
    EXPECT_NEAR(static_cast<double>(sent[id]), 6 * 65519 / 4.0, 2.0 * options.quantum) << id;
  }
}

TEST(YamuxFlow, StreamAloneFillsTheRoom) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(200'000));
  const std::vector<Frame> frames = SplitFrames(pair.client.Pull());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].payload.size(), 65519 - kYamuxHeaderSize);
}

TEST(YamuxFlow, AnyRoomIsFilledWithWholeFrames) {
  for (size_t room : {kMinYamuxRoom, size_t{25}, size_t{100}, size_t{4096}}) {
    YamuxPair pair;
    const StreamId id = pair.client.session.OpenStream().value();
    pair.client.session.Write(id, Pattern(3000));
    pair.client.session.CloseWrite(id);
    pair.client.session.OpenStream().value();
    Bytes got;
    while (pair.client.session.HasOutput()) {
      EXPECT_GT(pair.client.session.OutputSize(), 0u);
      for (const Frame& frame : SplitFrames(pair.client.Pull(room))) {
        if (frame.header.stream == id) {
          got.insert(got.end(), frame.payload.begin(), frame.payload.end());
        }
      }
    }
    EXPECT_EQ(got, Pattern(3000)) << room;
  }
}

TEST(YamuxFlow, MoveToRelaysWithinRoomAndLimit) {
  YamuxPair left, right;
  const StreamId from = left.Open();
  const StreamId to = right.Open();
  YamuxSession& in = left.server.session;
  YamuxSession& out = right.client.session;
  left.client.session.Write(from, Pattern(150'000));
  left.Exchange();
  EXPECT_EQ(in.MoveTo(from, out, to, 1000), 1000u);
  EXPECT_EQ(in.MoveTo(from, out, to, 1'000'000), 149'000u);
  EXPECT_EQ(in.receive_queue_size(), 0u);
  EXPECT_EQ(out.send_queue_size(), 150'000u);
  right.Exchange();
  EXPECT_EQ(right.server.ReadAll(to), Pattern(150'000));
  left.Exchange();
  EXPECT_EQ(in.MoveTo(from, out, to + 2, 1), 0u) << "no such stream";

  // Room of the target counts, and it says when there is more.
  left.client.session.Write(from, Pattern(200'000));
  left.Exchange();
  out.Write(to, Pattern(200'000));
  EXPECT_EQ(in.MoveTo(from, out, to, 1'000'000), 256u * 1024 - 200'000);
  EXPECT_EQ(in.ReadableSize(from), 200'000 - (256u * 1024 - 200'000));
  right.Exchange();
  EXPECT_TRUE(right.client.events[to].writable);
}

TEST(YamuxFlow, EchoMovesAStreamToItself) {
  YamuxPair pair;
  const StreamId id = pair.Open();
  pair.client.session.Write(id, Pattern(100'000));
  pair.Exchange();
  EXPECT_EQ(pair.server.session.MoveTo(id, pair.server.session, id, 1'000'000), 100'000u);
  pair.server.session.CloseWrite(id);
  pair.Exchange();
  EXPECT_EQ(pair.client.ReadAll(id), Pattern(100'000));
  EXPECT_TRUE(pair.client.events[id].finished);
}

// Any order of opening, writing, reading and ending: every byte arrives once and in order.
TEST(YamuxFlow, RandomTrafficArrivesInOrder) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](size_t bound) { return random() % bound; };
    YamuxOptions options;
    options.max_stream_send_queue = 20'000;
    options.max_send_queue = 60'000;
    options.quantum = 1 + static_cast<uint32_t>(below(5000));
    YamuxPair pair(options);
    struct Flow {
      size_t written = 0, read = 0;
      bool ended = false;
    };
    std::map<std::pair<bool, StreamId>, Flow> flows;  // by sender and stream
    // The bytes of a stream from its `at`th on. Taken and compared whole: a check of each one would
    // be most of this test under sanitizers.
    static const Bytes kText = [] {
      Bytes text(512 * 1024);
      for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<uint8_t>(i * 13);
      return text;
    }();
    const auto text_at = [](StreamId id, size_t at, size_t size) {
      return std::span(kText).subspan((id + at) % 256, size);
    };
    const auto read_some = [&](bool at_client, size_t most) {
      Endpoint& reader = at_client ? pair.client : pair.server;
      for (auto& [key, flow] : flows) {
        if (key.first == at_client) continue;
        Bytes some(std::min(most, reader.session.ReadableSize(key.second)));
        if (some.empty()) continue;
        ASSERT_EQ(reader.session.Read(key.second, some), some.size());
        const auto want = text_at(key.second, flow.read, some.size());
        ASSERT_EQ(std::memcmp(some.data(), want.data(), some.size()), 0) << key.second;
        flow.read += some.size();
      }
    };
    for (int step = 0; step < 3000; ++step) {
      Endpoint& side = below(2) == 0 ? pair.client : pair.server;
      const bool is_client = &side == &pair.client;
      switch (below(8)) {
        case 0:
          if (flows.size() < 40 && side.session.OpenStream().ok()) {
            const StreamId id = (is_client ? 1u : 2u);
            StreamId newest = id;
            while (flows.contains({true, newest})) newest += 2;
            flows[{true, newest}];
            flows[{false, newest}];
            pair.Exchange();
          }
          break;
        case 1:
        case 2:
        case 3:
          for (auto& [key, flow] : flows) {
            if (key.first != is_client || flow.ended || below(3) != 0) continue;
            flow.written += side.session.Write(
                key.second, text_at(key.second, flow.written, below(9000)));
          }
          break;
        case 4:
          for (auto& [key, flow] : flows) {
            if (key.first != is_client || flow.ended || below(50) != 0) continue;
            side.session.CloseWrite(key.second);
            flow.ended = true;
          }
          break;
        case 5:
          read_some(is_client, below(10'000));
          break;
        default: {
          Endpoint& other = is_client ? pair.server : pair.client;
          other.Receive(side.Pull(kMinYamuxRoom + below(20'000)));
          pair.Advance(std::chrono::microseconds(below(500)));
        }
      }
    }
    const auto all_read = [&] {
      return std::all_of(flows.begin(), flows.end(),
                         [](const auto& flow) { return flow.second.read == flow.second.written; });
    };
    for (int round = 0; round < 1000 && !all_read(); ++round) {
      pair.Exchange();
      read_some(true, 1 << 20);
      read_some(false, 1 << 20);
    }
    for (const auto& [key, flow] : flows) {
      EXPECT_EQ(flow.read, flow.written) << "stream " << key.second;
    }
    EXPECT_EQ(pair.client.session.error(), YamuxError::kNone);
    EXPECT_EQ(pair.server.session.error(), YamuxError::kNone);
    EXPECT_EQ(pair.client.session.send_queue_size() + pair.server.session.receive_queue_size(), 0u);
  }
}

}  // namespace
}  // namespace noisegate::libp2p
