#include "controlplane/libp2p/byte_queue.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace noisegate::libp2p {

void ByteQueue::Append(std::span<const uint8_t> bytes, const Buffer* lender) {
  size_ += bytes.size();
  if (lender != nullptr && bytes.size() >= kMinLoan) {
    uint8_t* const begin = lender->data() + (bytes.data() - lender->data());
    uint8_t* const end = begin + bytes.size();
    assert(begin >= lender->data() && end <= lender->data() + lender->capacity());
    chunks_.push_back({*lender, begin, end, end});
    return;
  }
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().end == chunks_.back().limit) {
      Buffer buffer(std::clamp(std::bit_ceil(bytes.size()), kMinChunk, kMaxChunk));
      uint8_t* const begin = buffer.data();
      uint8_t* const limit = begin + buffer.capacity();
      chunks_.push_back({std::move(buffer), begin, begin, limit});
    }
    Chunk& chunk = chunks_.back();
    const size_t n = std::min(bytes.size(), static_cast<size_t>(chunk.limit - chunk.end));
    std::memcpy(chunk.end, bytes.data(), n);
    chunk.end += n;
    bytes = bytes.subspan(n);
  }
}

std::span<const uint8_t> ByteQueue::front() const {
  if (chunks_.empty()) return {};
  return {chunks_.front().begin, chunks_.front().end};
}

void ByteQueue::Consume(size_t size) {
  assert(size <= size_);
  size_ -= size;
  while (size > 0) {
    Chunk& chunk = chunks_.front();
    const size_t n = std::min(size, chunk.size());
    chunk.begin += n;
    size -= n;
    if (chunk.begin == chunk.end) chunks_.pop_front();
  }
}

void ByteQueue::Read(std::span<uint8_t> out) {
  assert(out.size() <= size_);
  while (!out.empty()) {
    const std::span<const uint8_t> piece = front();
    const size_t n = std::min(piece.size(), out.size());
    std::memcpy(out.data(), piece.data(), n);
    out = out.subspan(n);
    Consume(n);
  }
}

size_t ByteQueue::MoveTo(ByteQueue& to, size_t limit) {
  assert(this != &to);
  size_t moved = 0;
  while (!chunks_.empty() && moved < limit) {
    Chunk& chunk = chunks_.front();
    const size_t n = std::min(chunk.size(), limit - moved);
    if (n < std::min(kMinLoan, chunk.buffer.capacity() / 2 + 1)) {
      // To hold a block for so little would cost more memory than the bytes that are in it.
      to.Append({chunk.begin, n});
      Consume(n);
    } else if (n < chunk.size()) {
      to.chunks_.push_back({chunk.buffer, chunk.begin, chunk.begin + n, chunk.begin + n});
      to.size_ += n;
      Consume(n);
    } else {
      to.chunks_.push_back(std::move(chunk));
      to.size_ += n;
      size_ -= n;
      chunks_.pop_front();
    }
    moved += n;
  }
  return moved;
}

void ByteQueue::Clear() {
  chunks_.clear();
  size_ = 0;
}

}  // namespace noisegate::libp2p
