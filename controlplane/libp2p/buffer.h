// A block of bytes that several may hold: what was read from a socket is lent to the streams that it
// is for, and freed when the last of them is done with it.
//
// Blocks of kPooledSize are used again, last freed first: bulk then goes through a few that stay in
// the CPU's cache, and no queue that fills and empties makes the heap ask the kernel for pages.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_BUFFER_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace noisegate::libp2p {

// A counted reference. Not thread-safe: all references to a block are of one thread.
class Buffer {
 public:
  static constexpr size_t kPooledSize = 16 * 1024;  // bytes
  static constexpr size_t kMaxPooled = 64;          // free blocks that a thread keeps

  // None.
  Buffer() = default;
  // A new block, of any content.
  explicit Buffer(size_t capacity);
  Buffer(const Buffer& other) : block_(other.block_) {
    if (block_ != nullptr) ++block_->references;
  }
  Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Buffer() {
    if (block_ != nullptr && --block_->references == 0) Free(block_);
  }

  // nullptr and 0 without a block.
  uint8_t* data() const {
    return block_ == nullptr ? nullptr : reinterpret_cast<uint8_t*>(block_ + 1);
  }
  size_t capacity() const { return block_ == nullptr ? 0 : block_->capacity; }
  // Does somebody else hold it too?
  bool shared() const { return block_ != nullptr && block_->references > 1; }

 private:
  struct Block {  // the bytes stand behind it
    size_t references;
    size_t capacity;
  };
  static void Free(Block* block);

  Block* block_ = nullptr;
};

// The blocks of somebody who fills one after the other and lends them out, so many at a time at
// most: whoever is slow to give them back holds no more than those.
class LentBuffers {
 public:
  explicit LentBuffers(size_t most) : most_(most) {}

  // May the block that is in use now be lent?
  bool MayLend() const;
  // Of all that are lent or came back, in bytes.
  size_t capacity() const;
  // A block to use: one that has come back, or a new one.
  Buffer Take(size_t capacity);
  // A block that was used: counts as lent if somebody else holds it, else it is freed.
  void PutAside(Buffer used);
  // Frees blocks that have come back and are not of this size.
  void KeepOnly(size_t capacity);

 private:
  size_t most_;
  std::vector<Buffer> lent_;  // those that came back too
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_BUFFER_H_
