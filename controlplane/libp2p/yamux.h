// A yamux session (/yamux/1.0.0): streams over one secure channel, without I/O and without a clock.
//
//   YamuxSession session(YamuxRole::kServer, options, now);
//   session.Receive(text, now);                        // what the Noise channel opened
//   while (auto event = session.PollStream()) {        // at most one per stream and round
//     if (event->opened) session.Accept(event->stream);
//     if (event->readable) …session.Readable(id), session.Consume(id, n)…
//   }
//   while (session.HasOutput()) session.Pull(room, now);  // what the Noise channel is to seal
//   …at session.NextDeadline(): session.HandleTimeout(now)…
//   if (session.error() != YamuxError::kNone) …send what Pull() still gives, then close TCP…
//
// Order of output: pongs and pings, then resets, openings, window updates and ends, then data. Data
// goes round the streams in turns of `quantum` bytes, and a stream that had nothing to send for a
// while goes before those that always have, so that a 32-byte echo never waits behind bulk (deficit
// round robin with a list of new flows, as in RFC 8290). Only what was pulled already goes before a
// ping: pull in small bursts, no further ahead than the socket takes.
//
// Everything is bounded: streams, what waits to be accepted, bytes queued for sending (Write()
// takes less, `writable` says when to go on), bytes received and not consumed (they stay counted
// against the window until Consume()), and answers to a peer that asks but does not read.
//
// Single-threaded. Calls with the id of a stream that is gone do nothing and return 0 or empty.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controlplane/libp2p/yamux_frame.h"
#include "controlplane/libp2p/yamux_stream.h"

namespace noisegate::libp2p {

inline constexpr size_t kMinYamuxRoom = 2 * kYamuxHeaderSize;  // bytes that Pull() needs

enum class YamuxRole : uint8_t { kClient, kServer };  // the client opens odd streams

// Not acknowledged bytes of one stream, whatever the window: js-libp2p gives up on a stream that
// has more than this unread. A peer that acknowledges only by half windows is let that far.
inline constexpr uint32_t kMaxUnacknowledged = 4 * 1024 * 1024;

struct YamuxOptions {
  // A stream's receive window starts at 256 KiB and doubles, up to this, while its consumer keeps
  // up and the round trip is what holds it back.
  uint32_t max_receive_window = 1024 * 1024;
  uint32_t max_inbound_streams = 256;   // more are reset
  uint32_t max_outbound_streams = 256;  // OpenStream() then fails
  uint32_t max_pending_accept = 64;  // inbound, not accepted by the application yet; more are reset
  uint32_t max_stream_send_queue = 256 * 1024;    // bytes that Write() holds for one stream
  uint32_t max_send_queue = 4 * 1024 * 1024;      // the same for all streams together
  uint32_t max_receive_queue = 16 * 1024 * 1024;  // received and not consumed, all streams
                                                  // together; beyond it the fullest stream is reset
  uint32_t quantum = 16 * 1024;                   // bytes of data in one turn of a stream
  uint32_t max_frame_data = 256 * 1024;  // where a stream is alone; js-libp2p answers each frame
  // A ping goes out at the start, which measures the round trip, and at this interval. 0: never.
  std::chrono::milliseconds keep_alive{30'000};
  std::chrono::milliseconds ping_timeout{10'000};
};

enum class YamuxError : uint8_t {
  kNone,
  kBadVersion,
  kBadType,
  kBadStreamId,     // stream 0 with data, or an id that the peer may not open or has open
  kWindowExceeded,  // more data than the window allows
  kWindowOverflow,  // credits beyond 2^32-1
  kAnswersNotRead,  // pings or refused streams pile up: the peer asks and does not read
  kPingTimeout,     // no pong within ping_timeout
  kRemoteError,     // GoAway with a code other than normal
};
std::string_view ToString(YamuxError error);

struct YamuxCounters {
  uint64_t streams_refused = 0;  // inbound beyond a limit
  uint64_t streams_overrun = 0;  // reset by max_receive_queue
  uint64_t frames_ignored = 0;   // for streams that are gone
  uint64_t pings_received = 0;
  uint64_t pongs_received = 0;
};

class YamuxSession {
 public:
  YamuxSession(YamuxRole role, const YamuxOptions& options, TimePoint now);
  ~YamuxSession();
  YamuxSession(const YamuxSession&) = delete;
  YamuxSession& operator=(const YamuxSession&) = delete;

  // --- Bytes.

  // Any cut of the peer's frames. Ignored after an error. Bulk that lies in `lender`, where there is
  // one, is held there and not copied.
  void Receive(std::span<const uint8_t> bytes, TimePoint now, const Buffer* lender = nullptr);
  bool HasOutput() const;
  // About how many bytes Pull() could give now; 0 only if there is no output.
  size_t OutputSize() const;
  // Writes frames to `rooms`, one room after the other as if they were one piece; whole frames only.
  // Returns how many bytes; 0 if there turns out to be none. All rooms together have at least
  // kMinYamuxRoom bytes; more is better.
  size_t Pull(std::span<const std::span<uint8_t>> rooms, TimePoint now);
  size_t Pull(std::span<uint8_t> room, TimePoint now) { return Pull({&room, 1}, now); }

  // --- Streams.

  // ResourceExhausted at max_outbound_streams, Unavailable after an error or a go-away.
  absl::StatusOr<StreamId> OpenStream();
  void Accept(StreamId stream);
  // Queues bytes and returns how many, 0 after CloseWrite(). Less than all means: wait for
  // `writable`. Bulk that lies in `lender` is held there and not copied.
  size_t Write(StreamId stream, std::span<const uint8_t> bytes, const Buffer* lender = nullptr);
  size_t WriteRoom(StreamId stream) const;
  // Ends our direction, behind what is queued, in a frame of its own.
  void CloseWrite(StreamId stream);
  // Ends both directions at once and forgets the stream. No event follows.
  void Reset(StreamId stream);
  // The first received bytes in one piece; empty if there are none now.
  std::span<const uint8_t> Readable(StreamId stream) const;
  size_t ReadableSize(StreamId stream) const;
  // The application is done with so many bytes: only now may the peer send more. Requires
  // size <= ReadableSize().
  void Consume(StreamId stream, size_t size);
  // Read() is Readable() and Consume() with one copy.
  size_t Read(StreamId stream, std::span<uint8_t> out);
  // What a relay does: takes up to `limit` readable bytes of `from` and queues them on `to_stream`
  // of `to`, as far as there is room there, without copying bulk. Returns how many.
  size_t MoveTo(StreamId from, YamuxSession& to, StreamId to_stream, size_t limit);

  std::optional<YamuxStreamEvent> PollStream();

  // --- Session.

  // Tells the peer to open no more streams; with kNormal those that are open go on. After it the
  // caller closes TCP itself.
  void GoAway(YamuxGoAway reason);
  bool remote_went_away() const { return remote_went_away_; }
  // nullopt if no timer runs.
  std::optional<TimePoint> NextDeadline() const;
  void HandleTimeout(TimePoint now);
  // Of the last answered ping.
  std::optional<std::chrono::nanoseconds> round_trip() const { return round_trip_; }

  // Final; the streams are as good as reset. A GoAway for the peer is still in Pull().
  YamuxError error() const { return error_; }
  size_t stream_count() const { return streams_.size(); }
  size_t send_queue_size() const { return send_queue_size_; }        // bytes
  size_t receive_queue_size() const { return receive_queue_size_; }  // bytes
  const YamuxCounters& counters() const { return counters_; }

 private:
  friend class YamuxSessionTestPeer;
  using Stream = YamuxStream;

  // Receiving (yamux_receive.cc).
  void ReceiveHeader(const YamuxHeader& header);
  void ReceiveStreamFrame(const YamuxHeader& header);
  void ReceivePayload(std::span<const uint8_t> bytes, const Buffer* lender);
  void ReceiveCredit(Stream& stream, uint32_t credit);
  void ReceiveEnds(StreamId id, uint16_t flags);
  void ReceivePing(const YamuxHeader& header);
  Stream* OpenInbound(StreamId id);
  void ResetFullest();

  // Sending (yamux_send.cc).
  class Output;
  bool PullControl(Output& output);
  bool PullStreamControl(Stream& stream, Output& output);
  void PullData(Output& output);
  bool PullTurn(Stream& stream, Output& output);
  uint32_t CreditDue(const Stream& stream) const;
  void GrowWindow(Stream& stream);
  size_t Sendable(const Stream& stream) const;
  void Activate(Stream& stream, bool is_new);
  void EndTurn(Stream& stream);
  void AfterDrain(Stream& stream, size_t size);
  void TellRoom();

  // Streams and the session (yamux.cc).
  Stream* Find(StreamId id) const;
  Stream& AddStream(StreamId id, bool inbound);
  YamuxStreamEvent& Event(Stream& stream);
  void AfterQueued(Stream& stream, size_t size, bool wants_room);
  void AfterConsumed(Stream& stream, size_t size);
  void RequestControl(Stream& stream);
  void QueueReset(StreamId id);
  void ForgetIfDone(Stream& stream);
  void Forget(Stream& stream, bool tell);
  void Fail(YamuxError error);

  const YamuxRole role_;
  const YamuxOptions options_;
  TimePoint now_;
  YamuxError error_ = YamuxError::kNone;

  absl::flat_hash_map<StreamId, std::unique_ptr<Stream>> streams_;
  uint32_t next_stream_;
  uint32_t inbound_ = 0;
  uint32_t outbound_ = 0;
  uint32_t pending_accept_ = 0;
  YamuxStreamList<&Stream::event_link> events_;
  std::deque<YamuxStreamEvent> last_events_;  // of streams that are gone

  // Receiving.
  std::array<uint8_t, kYamuxHeaderSize> header_;
  size_t header_size_ = 0;  // bytes of it that are there
  StreamId payload_stream_ = 0;
  uint32_t payload_left_ = 0;  // bytes of the Data frame that is under way
  uint16_t payload_flags_ = 0;
  size_t receive_queue_size_ = 0;

  // Sending.
  std::deque<uint32_t> pongs_;
  std::deque<StreamId> resets_;
  YamuxStreamList<&Stream::control_link> control_;
  YamuxStreamList<&Stream::flow_link> new_flows_;  // had nothing to send before
  YamuxStreamList<&Stream::flow_link> old_flows_;
  size_t send_queue_size_ = 0;
  bool send_queue_was_full_ = false;
  std::optional<YamuxGoAway> go_away_;  // to be sent
  bool went_away_ = false;
  bool remote_went_away_ = false;

  // Keep-alive. At most one ping is under way.
  TimePoint next_ping_;
  bool ping_queued_ = false;
  bool ping_sent_ = false;
  uint32_t ping_value_ = 0;
  TimePoint ping_queued_at_;
  TimePoint ping_sent_at_;
  std::optional<std::chrono::nanoseconds> round_trip_;

  YamuxCounters counters_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_H_
