// A stream of a connection, for coroutines.
//
//   Task<void> Echo(std::shared_ptr<Stream> stream) {
//     std::array<uint8_t, 4096> buffer;
//     for (;;) {
//       const absl::StatusOr<size_t> size = co_await stream->Read(buffer);
//       if (!size.ok()) co_return;                       // reset, or the connection is gone
//       if (*size == 0) break;                           // the peer sends no more
//       if (!(co_await stream->Write({buffer.data(), *size})).ok()) co_return;
//     }
//     stream->CloseWrite();
//   }
//
// A stream that is let go before both sides ended it is reset. One reader and one writer at a time;
// the host's thread.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_STREAM_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/yamux.h"

namespace noisegate::libp2p {

class Connection;

class Stream {
 public:
  Stream(std::shared_ptr<Connection> connection, StreamId id);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Connection& connection() const { return *connection_; }
  StreamId id() const { return id_; }
  const std::string& protocol() const { return protocol_; }

  // At least one byte; 0 once the peer has ended its side. Aborted where the stream was reset.
  Task<absl::StatusOr<size_t>> Read(std::span<uint8_t> out);
  // Exactly out.size() bytes; OutOfRange where the peer ended before.
  Task<absl::Status> ReadExactly(std::span<uint8_t> out);
  // A message behind its uvarint size; InvalidArgument where it is malformed or over `max_size`.
  // What follows it stays unread.
  Task<absl::StatusOr<std::vector<uint8_t>>> ReadMessage(size_t max_size);

  // All of it, waiting while the peer or the socket does not take more. Queued when it returns.
  // Where the bytes lie in a `lender`, that is held until they are sent, and bulk is not copied:
  // nobody may change them any more.
  Task<absl::Status> Write(std::span<const uint8_t> bytes, const Buffer* lender = nullptr);
  // What goes without waiting for more than some room.
  Task<IoResult> WriteSome(std::span<const uint8_t> bytes, const Buffer* lender = nullptr);
  // Behind what was written.
  void CloseWrite();
  void Reset();

  // Resets the stream if it still lives then. A later call replaces an earlier one.
  void SetTimeLimit(std::chrono::milliseconds limit);
  void ClearTimeLimit() { limit_.reset(); }

  // Moves up to `limit` bytes that were received here to the send queue of `to`, without waiting.
  size_t MoveTo(Stream& to, uint64_t limit);
  // The first received bytes in one piece, until Drop(): reading without a copy. Empty if there are
  // none now.
  std::span<const uint8_t> Received() const;
  void Drop(size_t size);
  // Drops what was received so far.
  void Discard();
  // Until MoveTo() from here has something to move; true unless nothing more will come.
  Task<bool> WaitReadable();
  // Until nothing more comes; what still does is dropped. A stream whose last bytes are on their way
  // must wait for it, as one that is let go earlier is reset.
  Task<void> WaitEnd();
  // Until there is room to send; false once the stream is gone.
  Task<bool> WaitWritable();
  // After WaitReadable() said false: whether the peer ended in order.
  bool finished() const { return finished_ && !gone_; }
  bool gone() const { return gone_; }
  // Why; once it is gone.
  absl::Status Gone() const;

 private:
  friend class Connection;

  void Handle(const YamuxStreamEvent& event);
  // From now on nothing works; everybody who waits is told.
  void Detach();

  const std::shared_ptr<Connection> connection_;
  const StreamId id_;
  std::string protocol_;
  Notifier readable_, writable_;
  bool finished_ = false;  // the peer sends no more
  bool ended_ = false;     // nor do we
  bool gone_ = false;
  std::optional<TimeLimit> limit_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_STREAM_H_
