// YamuxSession: the peer's frames.
#include <algorithm>
#include <limits>

#include "controlplane/libp2p/yamux.h"

namespace noisegate::libp2p {
namespace {

constexpr size_t kMaxPendingPongs = 64;

}  // namespace

void YamuxSession::Receive(std::span<const uint8_t> bytes, TimePoint now, const Buffer* lender) {
  now_ = now;
  while (!bytes.empty() && error_ == YamuxError::kNone) {
    size_t n;
    if (payload_left_ > 0) {
      n = std::min<size_t>(bytes.size(), payload_left_);
      ReceivePayload(bytes.first(n), lender);
    } else {
      n = std::min(bytes.size(), kYamuxHeaderSize - header_size_);
      std::copy_n(bytes.begin(), n, header_.begin() + static_cast<ptrdiff_t>(header_size_));
      header_size_ += n;
      if (header_size_ == kYamuxHeaderSize) {
        header_size_ = 0;
        ReceiveHeader(DecodeYamuxHeader(header_));
      }
    }
    bytes = bytes.subspan(n);
  }
}

void YamuxSession::ReceiveHeader(const YamuxHeader& header) {
  if (header.version != 0) return Fail(YamuxError::kBadVersion);
  switch (header.type) {
    case YamuxType::kData:
    case YamuxType::kWindowUpdate:
      return ReceiveStreamFrame(header);
    case YamuxType::kPing:
      return ReceivePing(header);
    case YamuxType::kGoAway:
      remote_went_away_ = true;
      if (header.length != static_cast<uint32_t>(YamuxGoAway::kNormal)) {
        Fail(YamuxError::kRemoteError);
      }
      return;
  }
  Fail(YamuxError::kBadType);
}

void YamuxSession::ReceiveStreamFrame(const YamuxHeader& header) {
  if (header.stream == 0) return Fail(YamuxError::kBadStreamId);
  Stream* stream = Find(header.stream);
  if ((header.flags & kYamuxSyn) != 0) {
    const bool peers = (header.stream % 2 == 1) == (role_ == YamuxRole::kServer);
    if (!peers || stream != nullptr) return Fail(YamuxError::kBadStreamId);
    stream = OpenInbound(header.stream);
    if (error_ != YamuxError::kNone) return;
  }
  if (stream == nullptr) {
    ++counters_.frames_ignored;
  } else if ((header.flags & kYamuxAck) != 0 && !stream->inbound && !stream->accepted) {
    stream->accepted = true;
    Event(*stream).acknowledged = true;
  }

  if (header.type == YamuxType::kWindowUpdate) {
    if (stream != nullptr) ReceiveCredit(*stream, header.length);
    return ReceiveEnds(header.stream, header.flags);
  }
  if (stream != nullptr && header.length > stream->receive_window) {
    return Fail(YamuxError::kWindowExceeded);
  }
  payload_stream_ = header.stream;
  payload_left_ = header.length;
  payload_flags_ = header.flags;
  if (payload_left_ == 0) ReceiveEnds(payload_stream_, payload_flags_);
}

void YamuxSession::ReceivePayload(std::span<const uint8_t> bytes, const Buffer* lender) {
  payload_left_ -= static_cast<uint32_t>(bytes.size());
  // It may have gone since the header came.
  Stream* const stream = Find(payload_stream_);
  if (stream != nullptr && stream->fin_received) {
    Event(*stream).reset = true;
    Forget(*stream, /*tell=*/true);
    QueueReset(payload_stream_);
  } else if (stream != nullptr) {
    stream->receive_window -= static_cast<uint32_t>(bytes.size());
    stream->received.Append(bytes, lender);
    receive_queue_size_ += bytes.size();
    Event(*stream).readable = true;
    if (receive_queue_size_ > options_.max_receive_queue) ResetFullest();
  }
  if (payload_left_ == 0 && error_ == YamuxError::kNone) {
    ReceiveEnds(payload_stream_, payload_flags_);
  }
}

void YamuxSession::ReceiveCredit(Stream& stream, uint32_t credit) {
  if (credit == 0) return;
  if (credit > std::numeric_limits<uint32_t>::max() - stream.send_window) {
    return Fail(YamuxError::kWindowOverflow);
  }
  // go and rust give credit when half of the window was read, js whenever something was.
  const uint32_t half = stream.highest_window / 2;
  stream.acknowledges_by_halves = credit >= half && stream.unacknowledged >= half;
  stream.unacknowledged -= std::min(stream.unacknowledged, credit);
  stream.send_window += credit;
  stream.highest_window = std::max(stream.highest_window, stream.send_window);
  // It was never without data, so it is no new flow.
  if (!stream.queue.empty()) Activate(stream, /*is_new=*/false);
}

void YamuxSession::ReceiveEnds(StreamId id, uint16_t flags) {
  if ((flags & (kYamuxFin | kYamuxRst)) == 0) return;
  Stream* const stream = Find(id);
  if (stream == nullptr) return;
  if ((flags & kYamuxRst) != 0) {
    Event(*stream).reset = true;
    return Forget(*stream, /*tell=*/true);
  }
  if (stream->fin_received) return;
  stream->fin_received = true;
  Event(*stream).finished = true;
  ForgetIfDone(*stream);
}

void YamuxSession::ReceivePing(const YamuxHeader& header) {
  if ((header.flags & kYamuxSyn) != 0) {
    ++counters_.pings_received;
    pongs_.push_back(header.length);
    if (pongs_.size() > kMaxPendingPongs) Fail(YamuxError::kAnswersNotRead);
  } else if ((header.flags & kYamuxAck) != 0 && ping_sent_ && header.length == ping_value_) {
    ++counters_.pongs_received;
    ping_sent_ = false;
    ++ping_value_;
    round_trip_ = now_ - ping_sent_at_;
  } else {
    ++counters_.frames_ignored;
  }
}

YamuxStream* YamuxSession::OpenInbound(StreamId id) {
  if (went_away_ || inbound_ >= options_.max_inbound_streams ||
      pending_accept_ >= options_.max_pending_accept) {
    ++counters_.streams_refused;
    QueueReset(id);
    return nullptr;
  }
  Stream& stream = AddStream(id, /*inbound=*/true);
  Event(stream).opened = true;
  return &stream;
}

void YamuxSession::ResetFullest() {
  const auto fullest = std::ranges::max_element(
      streams_, {}, [](const auto& entry) { return entry.second->received.size(); });
  Stream& stream = *fullest->second;
  const StreamId id = stream.id;
  ++counters_.streams_overrun;
  Event(stream).reset = true;
  Forget(stream, /*tell=*/true);
  QueueReset(id);
}

}  // namespace noisegate::libp2p
