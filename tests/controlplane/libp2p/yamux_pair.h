// Two yamux sessions with a pipe between them, a virtual clock, and frames made by hand.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_YAMUX_PAIR_H_
#define NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_YAMUX_PAIR_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "controlplane/libp2p/yamux.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::libp2p {

using crypto::Bytes;
using crypto::ToHex;

// One frame as it is on the wire.
struct Frame {
  YamuxHeader header;
  Bytes payload;
};

inline Bytes FrameBytes(YamuxType type, uint16_t flags, StreamId stream, uint32_t length,
                        const Bytes& payload = {}) {
  Bytes bytes(kYamuxHeaderSize);
  EncodeYamuxHeader(
      {.version = 0, .type = type, .flags = flags, .stream = stream, .length = length},
      std::span<uint8_t, kYamuxHeaderSize>(bytes));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

inline Bytes DataFrame(StreamId stream, const Bytes& payload, uint16_t flags = 0) {
  return FrameBytes(YamuxType::kData, flags, stream, static_cast<uint32_t>(payload.size()),
                    payload);
}
inline Bytes CreditFrame(StreamId stream, uint32_t credit, uint16_t flags = 0) {
  return FrameBytes(YamuxType::kWindowUpdate, flags, stream, credit);
}
inline Bytes PingFrame(uint16_t flags, uint32_t value) {
  return FrameBytes(YamuxType::kPing, flags, 0, value);
}

inline std::vector<Frame> SplitFrames(std::span<const uint8_t> bytes) {
  std::vector<Frame> frames;
  while (bytes.size() >= kYamuxHeaderSize) {
    Frame frame{DecodeYamuxHeader(bytes.first<kYamuxHeaderSize>()), {}};
    bytes = bytes.subspan(kYamuxHeaderSize);
    if (frame.header.type == YamuxType::kData) {
      if (frame.header.length > bytes.size()) break;
      const auto payload = bytes.first(frame.header.length);
      frame.payload.assign(payload.begin(), payload.end());
      bytes = bytes.subspan(frame.header.length);
    }
    frames.push_back(std::move(frame));
  }
  EXPECT_TRUE(bytes.empty()) << "a frame that is cut";
  return frames;
}

// A session, and what its application was told.
struct Endpoint {
  Endpoint(YamuxRole role, const YamuxOptions& options, TimePoint start)
      : session(role, options, start), now(start) {}

  // Up to `limit` bytes of output.
  Bytes Pull(size_t limit = 65519) {
    Bytes room(limit);
    room.resize(session.Pull(room, now));
    return room;
  }
  // All output, in pieces of `piece` bytes.
  Bytes PullAll(size_t piece = 65519) {
    Bytes all;
    while (session.HasOutput()) {
      const Bytes some = Pull(piece);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::vector<Frame> PullFrames() { return SplitFrames(PullAll()); }
  void Receive(const Bytes& bytes) {
    session.Receive(bytes, now);
    Poll();
  }
  void Poll() {
    while (const auto event = session.PollStream()) {
      YamuxStreamEvent& sum = events[event->stream];
      sum.stream = event->stream;
      sum.opened |= event->opened;
      sum.acknowledged |= event->acknowledged;
      sum.readable |= event->readable;
      sum.writable |= event->writable;
      sum.finished |= event->finished;
      sum.reset |= event->reset;
      if (event->opened && accept_at_once) session.Accept(event->stream);
    }
  }
  Bytes ReadAll(StreamId stream) {
    Bytes all(session.ReadableSize(stream));
    all.resize(session.Read(stream, all));
    return all;
  }

  YamuxSession session;
  TimePoint now;
  bool accept_at_once = true;
  std::map<StreamId, YamuxStreamEvent> events;
};

inline YamuxOptions QuietOptions() {
  YamuxOptions options;
  options.keep_alive = std::chrono::milliseconds(0);
  return options;
}

struct YamuxPair {
  explicit YamuxPair(const YamuxOptions& options = QuietOptions())
      : client(YamuxRole::kClient, options, TimePoint()),
        server(YamuxRole::kServer, options, TimePoint()) {}

  // Carries everything both ways until there is no more.
  void Exchange(size_t piece = 65519) {
    while (client.session.HasOutput() || server.session.HasOutput()) {
      server.Receive(client.PullAll(piece));
      client.Receive(server.PullAll(piece));
    }
  }
  void Advance(std::chrono::nanoseconds time) {
    client.now += time;
    server.now += time;
  }
  // A stream that both know.
  StreamId Open() {
    const StreamId id = client.session.OpenStream().value();
    Exchange();
    EXPECT_TRUE(server.events[id].opened);
    return id;
  }

  Endpoint client, server;
};

// Bytes that differ from place to place. They come again after kPeriod, so that a lot of them is made
// quickly under sanitizers too.
inline Bytes Pattern(size_t size, uint8_t first = 0) {
  constexpr size_t kPeriod = 251 * 256;
  Bytes bytes(size);
  const size_t made = std::min(size, kPeriod);
  for (size_t i = 0; i < made; ++i) bytes[i] = static_cast<uint8_t>(first + i * 7 + i / 251);
  for (size_t at = kPeriod; at < size; at += kPeriod) {
    std::memcpy(&bytes[at], bytes.data(), std::min(kPeriod, size - at));
  }
  return bytes;
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_YAMUX_PAIR_H_
