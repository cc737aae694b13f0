// A queue of bytes in chunks. Chunks move between queues without being copied, which is how a relay
// passes bytes on.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

namespace noisegate::libp2p {

// Not thread-safe. Memory is at most size() rounded up to chunks, and none when empty.
class ByteQueue {
 public:
  static constexpr size_t kMinChunk = 512;        // bytes
  static constexpr size_t kMaxChunk = 32 * 1024;  // bytes

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  void Append(std::span<const uint8_t> bytes);
  // The first bytes in one piece. Empty only if the queue is. Valid until the queue changes.
  std::span<const uint8_t> front() const;
  // Drops the first `size` bytes. Requires size <= size().
  void Consume(size_t size);
  // Copies the first out.size() bytes out and drops them. Requires out.size() <= size().
  void Read(std::span<uint8_t> out);
  // Moves up to `limit` bytes to the end of `to`; whole chunks are not copied. Returns how many.
  size_t MoveTo(ByteQueue& to, size_t limit);
  void Clear();

 private:
  struct Chunk {
    std::unique_ptr<uint8_t[]> bytes;
    uint32_t capacity;
    uint32_t begin;
    uint32_t end;
    size_t size() const { return end - begin; }
  };
  std::deque<Chunk> chunks_;
  size_t size_ = 0;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_BYTE_QUEUE_H_
