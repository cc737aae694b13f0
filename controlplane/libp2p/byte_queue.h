// A queue of bytes in chunks. Chunks move between queues without being copied, which is how a relay
// passes bytes on.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "controlplane/libp2p/buffer.h"

namespace noisegate::libp2p {

// Not thread-safe. Memory of its own is at most size() rounded up to chunks, and none when empty.
class ByteQueue {
 public:
  static constexpr size_t kMinChunk = 512;                  // bytes
  static constexpr size_t kMaxChunk = Buffer::kPooledSize;  // bytes
  static constexpr size_t kMinLoan = 8 * 1024;              // bytes

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // With a `lender`, in which the bytes lie, kMinLoan or more are not copied: the queue then holds the
  // lender until they are consumed, and nobody may change them meanwhile.
  void Append(std::span<const uint8_t> bytes, const Buffer* lender = nullptr);
  // The first bytes in one piece. Empty only if the queue is. Valid until the queue changes.
  std::span<const uint8_t> front() const;
  // Drops the first `size` bytes. Requires size <= size().
  void Consume(size_t size);
  // Copies the first out.size() bytes out and drops them. Requires out.size() <= size().
  void Read(std::span<uint8_t> out);
  // Moves up to `limit` bytes to the end of `to`, bulk without copying it. Returns how many.
  size_t MoveTo(ByteQueue& to, size_t limit);
  void Clear();

 private:
  struct Chunk {
    Buffer buffer;
    uint8_t* begin;
    uint8_t* end;
    uint8_t* limit;  // bytes may be appended up to here; `end` where they are lent
    size_t size() const { return static_cast<size_t>(end - begin); }
  };
  std::deque<Chunk> chunks_;
  size_t size_ = 0;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_
