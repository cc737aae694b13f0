// YamuxSession: what goes to the peer, in which order.
#include <algorithm>
#include <cassert>

#include "controlplane/libp2p/yamux.h"

namespace noisegate::libp2p {
namespace {

// A Data frame shorter than this is not made only to fill a rest of room or of a turn.
constexpr size_t kMinPiece = 2048;  // bytes

// A window that is half read within this is a large stream's, however short the round trip was when
// nothing else was under way: now it is the ends' own turns on the CPU that a window must bridge.
constexpr std::chrono::milliseconds kFastHalfWindow{4};

}  // namespace

// Rooms that are filled with frames from the front.
class YamuxSession::Output {
 public:
  explicit Output(std::span<const std::span<uint8_t>> rooms) : rooms_(rooms) {
    for (const std::span<uint8_t> room : rooms) left_ += room.size();
  }
  size_t size() const { return used_; }
  size_t left() const { return left_; }

  // Requires that there is room.
  void Header(const YamuxHeader& header) {
    std::array<uint8_t, kYamuxHeaderSize> bytes;
    EncodeYamuxHeader(header, bytes);
    std::span<const uint8_t> rest(bytes);
    while (!rest.empty()) {
      const std::span<uint8_t> room = Take(rest.size());
      std::ranges::copy(rest.first(room.size()), room.begin());
      rest = rest.subspan(room.size());
    }
  }
  // The first bytes of `queue`. Requires that there is room.
  void Payload(ByteQueue& queue, size_t size) {
    while (size > 0) {
      const std::span<uint8_t> room = Take(size);
      queue.Read(room);
      size -= room.size();
    }
  }

  // False, and nothing written, if there is no room left.
  bool Control(const YamuxHeader& header) {
    if (left() < kYamuxHeaderSize) return false;
    Header(header);
    return true;
  }

 private:
  // The next bytes in one piece, up to `want`.
  std::span<uint8_t> Take(size_t want) {
    while (at_ == rooms_.front().size()) {
      rooms_ = rooms_.subspan(1);
      at_ = 0;
    }
    const size_t size = std::min(want, rooms_.front().size() - at_);
    const std::span<uint8_t> piece = rooms_.front().subspan(at_, size);
    at_ += size;
    used_ += size;
    left_ -= size;
    return piece;
  }

  std::span<const std::span<uint8_t>> rooms_;
  size_t at_ = 0;  // in the first of them
  size_t used_ = 0;
  size_t left_ = 0;
};

bool YamuxSession::HasOutput() const {
  return go_away_ || !pongs_.empty() || ping_queued_ || !resets_.empty() || !control_.empty() ||
         !new_flows_.empty() || !old_flows_.empty();
}

size_t YamuxSession::OutputSize() const {
  if (!HasOutput()) return 0;
  const size_t control = pongs_.size() + resets_.size() + 2 + 2 * streams_.size();  // frames
  if (new_flows_.empty() && old_flows_.empty()) return control * kYamuxHeaderSize;
  const size_t data = send_queue_size_ / options_.quantum + streams_.size();  // frames
  return (control + data) * kYamuxHeaderSize + send_queue_size_;
}

size_t YamuxSession::Pull(std::span<const std::span<uint8_t>> rooms, TimePoint now) {
  now_ = now;
  Output output(rooms);
  assert(output.left() >= kMinYamuxRoom);
  if (PullControl(output)) PullData(output);
  return output.size();
}

// False where the room ended first.
bool YamuxSession::PullControl(Output& output) {
  for (; !pongs_.empty(); pongs_.pop_front()) {
    const YamuxHeader pong{.type = YamuxType::kPing, .flags = kYamuxAck, .length = pongs_.front()};
    if (!output.Control(pong)) return false;
  }
  if (ping_queued_) {
    const YamuxHeader ping{.type = YamuxType::kPing, .flags = kYamuxSyn, .length = ping_value_};
    if (!output.Control(ping)) return false;
    ping_queued_ = false;
    ping_sent_ = true;
    ping_sent_at_ = now_;
  }
  if (go_away_) {
    const YamuxHeader bye{.type = YamuxType::kGoAway, .length = static_cast<uint32_t>(*go_away_)};
    if (!output.Control(bye)) return false;
    go_away_.reset();
  }
  for (; !resets_.empty(); resets_.pop_front()) {
    const YamuxHeader reset{
        .type = YamuxType::kWindowUpdate, .flags = kYamuxRst, .stream = resets_.front()};
    if (!output.Control(reset)) return false;
  }
  while (!control_.empty()) {
    if (!PullStreamControl(control_.front(), output)) return false;
  }
  return true;
}

// Leaves the control list behind it, and the session if that was its last word.
bool YamuxSession::PullStreamControl(Stream& stream, Output& output) {
  if (output.left() < 2 * kYamuxHeaderSize) return false;  // what it can need at most
  if (CreditDue(stream) > 0) GrowWindow(stream);
  const uint32_t credit = CreditDue(stream);
  if (stream.open_due || credit > 0) {
    const uint16_t flags = !stream.open_due ? 0 : stream.inbound ? kYamuxAck : kYamuxSyn;
    output.Control(
        {.type = YamuxType::kWindowUpdate, .flags = flags, .stream = stream.id, .length = credit});
    stream.open_due = false;
    stream.receive_window += credit;
    if (credit > 0) stream.last_credit = now_;
  }
  if (stream.write_closed && stream.queue.empty() && !stream.fin_sent) {
    output.Control({.type = YamuxType::kWindowUpdate, .flags = kYamuxFin, .stream = stream.id});
    stream.fin_sent = true;
  }
  control_.Remove(stream);
  ForgetIfDone(stream);
  return true;
}

// What was read and may be sent again, once that is half of the window: fewer and larger credits
// cost less at both ends. Nothing for a peer that has finished.
uint32_t YamuxSession::CreditDue(const Stream& stream) const {
  if (stream.fin_received) return 0;
  const uint32_t held = static_cast<uint32_t>(stream.received.size()) + stream.receive_window;
  const uint32_t credit = stream.receive_window_size - held;
  return credit >= stream.receive_window_size / 2 ? credit : 0;
}

// Half a window within two round trips: it may be the window that limits the stream.
void YamuxSession::GrowWindow(Stream& stream) {
  if (!round_trip_) return;
  const auto soon = std::max<std::chrono::nanoseconds>(kFastHalfWindow, 2 * *round_trip_);
  if (now_ - stream.last_credit > soon) return;
  const uint64_t doubled = uint64_t{stream.receive_window_size} * 2;
  const uint64_t limit = std::max(options_.max_receive_window, kYamuxInitialWindow);
  stream.receive_window_size = static_cast<uint32_t>(std::min(doubled, limit));
}

size_t YamuxSession::Sendable(const Stream& stream) const {
  const uint32_t allowed = stream.acknowledges_by_halves
                               ? std::max(kMaxUnacknowledged, stream.highest_window / 2)
                               : kMaxUnacknowledged;
  const size_t room = allowed - std::min(allowed, stream.unacknowledged);
  return std::min({stream.queue.size(), size_t{stream.send_window}, room});
}

void YamuxSession::Activate(Stream& stream, bool is_new) {
  if (stream.flow_link.linked || Sendable(stream) == 0) return;
  stream.is_new_flow = is_new;
  stream.deficit = options_.quantum;
  (is_new ? new_flows_ : old_flows_).PushBack(stream);
}

void YamuxSession::PullData(Output& output) {
  while (!new_flows_.empty() || !old_flows_.empty()) {
    Stream& stream = new_flows_.empty() ? old_flows_.front() : new_flows_.front();
    if (Sendable(stream) == 0 || stream.deficit <= 0) {
      EndTurn(stream);
    } else if (!PullTurn(stream, output)) {
      return;
    }
  }
}

// A stream whose turn is over goes behind the old flows. One that has nothing to send leaves; but a
// new flow only after it waited there once, or else streams that send a little at a time would
// always come first.
void YamuxSession::EndTurn(Stream& stream) {
  const bool was_new = stream.is_new_flow;
  (was_new ? new_flows_ : old_flows_).Remove(stream);
  stream.is_new_flow = false;
  if (Sendable(stream) == 0 && (!was_new || old_flows_.empty())) return;
  if (stream.deficit <= 0) stream.deficit += options_.quantum;
  old_flows_.PushBack(stream);
}

// One Data frame. False where there is no room for it.
bool YamuxSession::PullTurn(Stream& stream, Output& output) {
  if (output.left() <= kYamuxHeaderSize) return false;
  const bool alone = (stream.flow_link.previous == nullptr && stream.flow_link.next == nullptr) &&
                     (new_flows_.empty() || old_flows_.empty());
  const size_t turn =
      alone ? options_.max_frame_data : std::max(static_cast<size_t>(stream.deficit), kMinPiece);
  const size_t want = std::min({Sendable(stream), turn, size_t{options_.max_frame_data}});
  const size_t n = std::min(want, output.left() - kYamuxHeaderSize);
  if (n < want && n < kMinPiece && output.size() > 0) return false;

  const YamuxHeader header{
      .type = YamuxType::kData, .stream = stream.id, .length = static_cast<uint32_t>(n)};
  output.Header(header);
  output.Payload(stream.queue, n);
  stream.send_window -= static_cast<uint32_t>(n);
  stream.unacknowledged += static_cast<uint32_t>(n);
  stream.deficit -= static_cast<int64_t>(n);
  AfterDrain(stream, n);
  return true;
}

void YamuxSession::AfterDrain(Stream& stream, size_t size) {
  send_queue_size_ -= size;
  if (stream.wants_room && stream.queue.size() <= options_.max_stream_send_queue / 2 &&
      !send_queue_was_full_) {
    stream.wants_room = false;
    Event(stream).writable = true;
  }
  if (stream.queue.empty() && stream.write_closed) RequestControl(stream);
  TellRoom();
}

// Where the queue of all streams was full, a stream may be waiting that has none of its own.
void YamuxSession::TellRoom() {
  if (!send_queue_was_full_ || send_queue_size_ > options_.max_send_queue / 2) return;
  send_queue_was_full_ = false;
  for (auto& [id, stream] : streams_) {
    if (!stream->wants_room || stream->queue.size() > options_.max_stream_send_queue / 2) continue;
    stream->wants_room = false;
    Event(*stream).writable = true;
  }
}

}  // namespace noisegate::libp2p
