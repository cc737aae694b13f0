#include "controlplane/libp2p/buffer.h"

#include <algorithm>
#include <iterator>
#include <new>

namespace noisegate::libp2p {
namespace {

// Free blocks of kPooledSize, of this thread.
struct Pool {
  std::vector<void*> free;
  ~Pool() {
    for (void* const block : free) ::operator delete(block);
  }
};
thread_local Pool pool;

}  // namespace

Buffer::Buffer(size_t capacity) {
  void* memory = nullptr;
  if (capacity == kPooledSize && !pool.free.empty()) {
    memory = pool.free.back();
    pool.free.pop_back();
  } else {
    memory = ::operator new(sizeof(Block) + capacity);
  }
  block_ = new (memory) Block{.references = 1, .capacity = capacity};
}

void Buffer::Free(Block* block) {
  if (block->capacity == kPooledSize && pool.free.size() < kMaxPooled) {
    pool.free.push_back(block);
  } else {
    ::operator delete(block);
  }
}

bool LentBuffers::MayLend() const {
  return lent_.size() < most_ ||
         std::any_of(lent_.begin(), lent_.end(), [](const Buffer& b) { return !b.shared(); });
}

size_t LentBuffers::capacity() const {
  size_t sum = 0;
  for (const Buffer& buffer : lent_) sum += buffer.capacity();
  return sum;
}

Buffer LentBuffers::Take(size_t capacity) {
  KeepOnly(capacity);
  // Of those that have come back, the one that was lent last is what the CPU's cache holds.
  const auto found =
      std::find_if(lent_.rbegin(), lent_.rend(), [](const Buffer& b) { return !b.shared(); });
  if (found == lent_.rend()) return Buffer(capacity);
  Buffer back = std::move(*found);
  lent_.erase(std::next(found).base());
  return back;
}

void LentBuffers::PutAside(Buffer used) {
  if (used.shared()) lent_.push_back(std::move(used));
}

void LentBuffers::KeepOnly(size_t capacity) {
  std::erase_if(lent_, [capacity](const Buffer& buffer) {
    return !buffer.shared() && buffer.capacity() != capacity;
  });
}

}  // namespace noisegate::libp2p
