// The session and its streams as the application sees them. Frames are in yamux_receive.cc and
// yamux_send.cc.
#include "controlplane/libp2p/yamux.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace noisegate::libp2p {
namespace {

constexpr size_t kMaxPendingResets = 4096;

}  // namespace

std::string_view ToString(YamuxError error) {
  switch (error) {
    case YamuxError::kNone:
      return "no error";
    case YamuxError::kBadVersion:
      return "a yamux frame of an unknown version";
    case YamuxError::kBadType:
      return "a yamux frame of an unknown type";
    case YamuxError::kBadStreamId:
      return "a yamux frame for a stream that cannot be";
    case YamuxError::kWindowExceeded:
      return "the peer sent more than the stream's window";
    case YamuxError::kWindowOverflow:
      return "the peer's credits add up to more than 2^32-1 bytes";
    case YamuxError::kAnswersNotRead:
      return "the peer asks and does not read the answers";
    case YamuxError::kPingTimeout:
      return "the peer did not answer a ping in time";
    case YamuxError::kRemoteError:
      return "the peer ended the session because of an error";
  }
  return "unknown error";
}

YamuxSession::YamuxSession(YamuxRole role, const YamuxOptions& options, TimePoint now)
    : role_(role),
      options_(options),
      now_(now),
      next_stream_(role == YamuxRole::kClient ? 1 : 2),
      next_ping_(now + options.keep_alive) {
  if (options.keep_alive.count() > 0) {
    ping_queued_ = true;
    ping_queued_at_ = now;
  }
}

YamuxSession::~YamuxSession() = default;

absl::StatusOr<StreamId> YamuxSession::OpenStream() {
  if (error_ != YamuxError::kNone || went_away_ || remote_went_away_) {
    return absl::UnavailableError("the yamux session takes no more streams");
  }
  if (outbound_ >= options_.max_outbound_streams) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", outbound_, " streams already"));
  }
  if (next_stream_ > std::numeric_limits<uint32_t>::max() - 2) {
    return absl::UnavailableError("the yamux session has used up its stream ids");
  }
  Stream& stream = AddStream(next_stream_, /*inbound=*/false);
  next_stream_ += 2;
  stream.open_due = true;
  RequestControl(stream);
  return stream.id;
}

void YamuxSession::Accept(StreamId id) {
  Stream* const stream = Find(id);
  if (stream == nullptr || !stream->inbound || stream->accepted) return;
  stream->accepted = true;
  stream->open_due = true;
  --pending_accept_;
  RequestControl(*stream);
}

size_t YamuxSession::WriteRoom(StreamId id) const {
  const Stream* const stream = Find(id);
  if (stream == nullptr || stream->write_closed) return 0;
  return std::min(options_.max_stream_send_queue - stream->queue.size(),
                  options_.max_send_queue - send_queue_size_);
}

size_t YamuxSession::Write(StreamId id, std::span<const uint8_t> bytes, const Buffer* lender) {
  const size_t n = std::min(bytes.size(), WriteRoom(id));
  Stream* const stream = Find(id);
  if (stream == nullptr) return 0;
  stream->queue.Append(bytes.first(n), lender);
  AfterQueued(*stream, n, n < bytes.size());
  return n;
}

size_t YamuxSession::MoveTo(StreamId from_id, YamuxSession& to, StreamId to_id, size_t limit) {
  Stream* const from = Find(from_id);
  Stream* const target = to.Find(to_id);
  if (from == nullptr || target == nullptr) return 0;
  const size_t want = std::min(limit, from->received.size());
  const size_t n = from->received.MoveTo(target->queue, std::min(want, to.WriteRoom(to_id)));
  to.AfterQueued(*target, n, n < want);
  AfterConsumed(*from, n);
  return n;
}

void YamuxSession::AfterQueued(Stream& stream, size_t size, bool wants_room) {
  send_queue_size_ += size;
  if (wants_room && !stream.write_closed) {
    stream.wants_room = true;
    if (send_queue_size_ >= options_.max_send_queue) send_queue_was_full_ = true;
  }
  if (size > 0) Activate(stream, /*is_new=*/true);
}

void YamuxSession::CloseWrite(StreamId id) {
  Stream* const stream = Find(id);
  if (stream == nullptr || stream->write_closed) return;
  stream->write_closed = true;
  stream->wants_room = false;
  if (stream->queue.empty()) RequestControl(*stream);
}

void YamuxSession::Reset(StreamId id) {
  Stream* const stream = Find(id);
  if (stream == nullptr) return;
  const bool peer_knows_it = stream->inbound || !stream->open_due;
  Forget(*stream, /*tell=*/false);
  if (peer_knows_it) QueueReset(id);
}

std::span<const uint8_t> YamuxSession::Readable(StreamId id) const {
  const Stream* const stream = Find(id);
  return stream == nullptr ? std::span<const uint8_t>() : stream->received.front();
}

size_t YamuxSession::ReadableSize(StreamId id) const {
  const Stream* const stream = Find(id);
  return stream == nullptr ? 0 : stream->received.size();
}

void YamuxSession::Consume(StreamId id, size_t size) {
  Stream* const stream = Find(id);
  if (stream == nullptr) return;
  stream->received.Consume(size);
  AfterConsumed(*stream, size);
}

size_t YamuxSession::Read(StreamId id, std::span<uint8_t> out) {
  Stream* const stream = Find(id);
  if (stream == nullptr) return 0;
  const size_t n = std::min(out.size(), stream->received.size());
  stream->received.Read(out.first(n));
  AfterConsumed(*stream, n);
  return n;
}

void YamuxSession::AfterConsumed(Stream& stream, size_t size) {
  receive_queue_size_ -= size;
  if (CreditDue(stream) > 0) RequestControl(stream);
  ForgetIfDone(stream);
}

std::optional<YamuxStreamEvent> YamuxSession::PollStream() {
  if (!last_events_.empty()) {
    const YamuxStreamEvent event = last_events_.front();
    last_events_.pop_front();
    return event;
  }
  if (events_.empty()) return std::nullopt;
  Stream& stream = events_.front();
  events_.Remove(stream);
  return std::exchange(stream.event, {.stream = stream.id});
}

void YamuxSession::GoAway(YamuxGoAway reason) {
  if (error_ != YamuxError::kNone) return;
  go_away_ = reason;
  went_away_ = true;
}

std::optional<TimePoint> YamuxSession::NextDeadline() const {
  if (error_ != YamuxError::kNone || options_.keep_alive.count() == 0) return std::nullopt;
  if (ping_queued_ || ping_sent_) return ping_queued_at_ + options_.ping_timeout;
  return next_ping_;
}

void YamuxSession::HandleTimeout(TimePoint now) {
  now_ = now;
  const std::optional<TimePoint> deadline = NextDeadline();
  if (!deadline || now < *deadline) return;
  if (ping_queued_ || ping_sent_) return Fail(YamuxError::kPingTimeout);
  ping_queued_ = true;
  ping_queued_at_ = now;
  next_ping_ = now + options_.keep_alive;
}

YamuxStream* YamuxSession::Find(StreamId id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

YamuxStream& YamuxSession::AddStream(StreamId id, bool inbound) {
  ++(inbound ? inbound_ : outbound_);
  if (inbound) ++pending_accept_;
  auto stream = std::make_unique<Stream>(id, inbound, now_);
  Stream& added = *stream;
  streams_.emplace(id, std::move(stream));
  return added;
}

YamuxStreamEvent& YamuxSession::Event(Stream& stream) {
  if (!stream.event_link.linked) events_.PushBack(stream);
  return stream.event;
}

void YamuxSession::RequestControl(Stream& stream) {
  if (!stream.control_link.linked) control_.PushBack(stream);
}

void YamuxSession::QueueReset(StreamId id) {
  if (error_ != YamuxError::kNone) return;
  resets_.push_back(id);
  if (resets_.size() > kMaxPendingResets) Fail(YamuxError::kAnswersNotRead);
}

void YamuxSession::ForgetIfDone(Stream& stream) {
  if (stream.fin_sent && stream.fin_received && stream.received.empty()) {
    Forget(stream, /*tell=*/true);
  }
}

void YamuxSession::Forget(Stream& stream, bool tell) {
  if (stream.event_link.linked) {
    events_.Remove(stream);
    // Of a stream that came and went between two polls nobody needs to know.
    if (tell && !(stream.event.opened && stream.event.reset)) last_events_.push_back(stream.event);
  }
  if (stream.control_link.linked) control_.Remove(stream);
  if (stream.flow_link.linked) (stream.is_new_flow ? new_flows_ : old_flows_).Remove(stream);
  send_queue_size_ -= stream.queue.size();
  receive_queue_size_ -= stream.received.size();
  --(stream.inbound ? inbound_ : outbound_);
  if (stream.inbound && !stream.accepted) --pending_accept_;
  streams_.erase(stream.id);
  TellRoom();
}

void YamuxSession::Fail(YamuxError error) {
  if (error_ != YamuxError::kNone) return;
  error_ = error;
  while (!streams_.empty()) {
    Stream& stream = *streams_.begin()->second;
    Event(stream).reset = true;
    Forget(stream, /*tell=*/true);
  }
  pongs_.clear();
  resets_.clear();
  ping_queued_ = false;
  payload_left_ = 0;
  go_away_.reset();
  if (error == YamuxError::kRemoteError) return;
  go_away_ =
      error == YamuxError::kPingTimeout ? YamuxGoAway::kInternalError : YamuxGoAway::kProtocolError;
}

}  // namespace noisegate::libp2p
