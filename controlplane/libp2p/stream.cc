#include "controlplane/libp2p/stream.h"

#include <utility>

#include "controlplane/libp2p/connection.h"
#include "controlplane/libp2p/length_prefixed.h"

namespace noisegate::libp2p {

Stream::Stream(std::shared_ptr<Connection> connection, StreamId id)
    : connection_(std::move(connection)),
      id_(id),
      readable_(connection_->executor_),
      writable_(connection_->executor_) {
  connection_->streams_[id] = this;
}

Stream::~Stream() {
  if (gone_) return;
  connection_->streams_.erase(id_);
  // Where both sides have ended, the muxer sends what is queued and forgets the stream by itself.
  if (finished_ && ended_) return;
  connection_->mux_.Reset(id_);
  connection_->Pump();
}

void Stream::Handle(const YamuxStreamEvent& event) {
  if (event.finished) finished_ = true;
  if (event.reset) {
    connection_->streams_.erase(id_);
    Detach();
    return;
  }
  if (event.readable || event.finished) readable_.Notify();
  if (event.writable) writable_.Notify();
}

void Stream::Detach() {
  gone_ = true;
  limit_.reset();
  readable_.Notify();
  writable_.Notify();
}

absl::Status Stream::Gone() const {
  if (connection_->closed() && !connection_->status().ok()) return connection_->status();
  return absl::AbortedError("the stream was reset");
}

Task<bool> Stream::WaitReadable() {
  while (!gone_ && !finished_ && connection_->mux_.ReadableSize(id_) == 0) {
    co_await readable_.Wait();
  }
  co_return !gone_ && connection_->mux_.ReadableSize(id_) > 0;
}

Task<bool> Stream::WaitWritable() {
  static constexpr uint8_t kProbe[1] = {};
  while (!gone_ && connection_->mux_.WriteRoom(id_) == 0) {
    connection_->mux_.Write(id_, kProbe);  // takes nothing, and asks to be told
    co_await writable_.Wait();
  }
  co_return !gone_;
}

Task<absl::StatusOr<size_t>> Stream::Read(std::span<uint8_t> out) {
  const bool some = co_await WaitReadable();
  if (!some) {
    if (gone_) co_return Gone();
    co_return size_t{0};
  }
  const size_t size = connection_->mux_.Read(id_, out);
  connection_->Pump();
  co_return size;
}

Task<absl::Status> Stream::ReadExactly(std::span<uint8_t> out) {
  while (!out.empty()) {
    const auto size = co_await Read(out);
    if (!size.ok()) co_return size.status();
    if (*size == 0) co_return absl::OutOfRangeError("the stream ended early");
    out = out.subspan(*size);
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<uint8_t>>> Stream::ReadMessage(size_t max_size) {
  LengthPrefixedReader reader(max_size);
  while (reader.state() == LengthPrefixedReader::State::kRunning) {
    const bool some = co_await WaitReadable();
    if (!some) {
      if (gone_) co_return Gone();
      reader.ReceiveEnd();
      break;
    }
    const size_t used = reader.Receive(connection_->mux_.Readable(id_));
    connection_->mux_.Consume(id_, used);
    connection_->Pump();
  }
  switch (reader.state()) {
    case LengthPrefixedReader::State::kDone:
      co_return reader.TakeMessage();
    case LengthPrefixedReader::State::kTooLong:
      co_return absl::InvalidArgumentError("the message is too long");
    case LengthPrefixedReader::State::kTruncated:
      co_return absl::OutOfRangeError("the stream ended inside a message");
    default:
      co_return absl::InvalidArgumentError("the message has a malformed length");
  }
}

std::span<const uint8_t> Stream::Received() const { return connection_->mux_.Readable(id_); }

void Stream::Drop(size_t size) {
  connection_->mux_.Consume(id_, size);
  connection_->Pump();
}

void Stream::Discard() { Drop(connection_->mux_.ReadableSize(id_)); }

Task<void> Stream::WaitEnd() {
  for (;;) {
    const bool some = co_await WaitReadable();
    if (!some) break;
    Discard();
  }
}

Task<IoResult> Stream::WriteSome(std::span<const uint8_t> bytes, const Buffer* lender) {
  IoResult result;
  if (bytes.empty()) co_return result;
  const bool room = co_await WaitWritable();
  if (!room) {
    result.status = Gone();
    co_return result;
  }
  result.size = connection_->mux_.Write(id_, bytes, lender);
  connection_->Pump();
  co_return result;
}

Task<absl::Status> Stream::Write(std::span<const uint8_t> bytes, const Buffer* lender) {
  while (!bytes.empty()) {
    const IoResult written = co_await WriteSome(bytes, lender);
    if (!written.status.ok()) co_return written.status;
    bytes = bytes.subspan(written.size);
  }
  co_return absl::OkStatus();
}

void Stream::CloseWrite() {
  if (gone_) return;
  ended_ = true;
  connection_->mux_.CloseWrite(id_);
  connection_->Pump();
}

void Stream::Reset() {
  if (gone_) return;
  connection_->streams_.erase(id_);
  connection_->mux_.Reset(id_);
  connection_->Pump();
  Detach();
}

void Stream::SetTimeLimit(std::chrono::milliseconds limit) {
  if (gone_) return;
  limit_.emplace(connection_->executor_, limit, [this] { Reset(); });
}

size_t Stream::MoveTo(Stream& to, uint64_t limit) {
  if (gone_ || to.gone_) return 0;
  const size_t moved =
      connection_->mux_.MoveTo(id_, to.connection_->mux_, to.id_,
                               static_cast<size_t>(std::min<uint64_t>(limit, SIZE_MAX)));
  connection_->Pump();
  to.connection_->Pump();
  return moved;
}

}  // namespace noisegate::libp2p
