#include "controlplane/libp2p/byte_queue.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace noisegate::libp2p {

void ByteQueue::Append(std::span<const uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().end == chunks_.back().capacity) {
      const size_t capacity = std::clamp(std::bit_ceil(bytes.size()), kMinChunk, kMaxChunk);
      chunks_.push_back({.bytes = std::make_unique_for_overwrite<uint8_t[]>(capacity),
                         .capacity = static_cast<uint32_t>(capacity),
                         .begin = 0,
                         .end = 0});
    }
    Chunk& chunk = chunks_.back();
    const size_t n = std::min<size_t>(bytes.size(), chunk.capacity - chunk.end);
    std::memcpy(chunk.bytes.get() + chunk.end, bytes.data(), n);
    chunk.end += static_cast<uint32_t>(n);
    bytes = bytes.subspan(n);
  }
}

std::span<const uint8_t> ByteQueue::front() const {
  if (chunks_.empty()) return {};
  const Chunk& chunk = chunks_.front();
  return {chunk.bytes.get() + chunk.begin, chunk.size()};
}

void ByteQueue::Consume(size_t size) {
  assert(size <= size_);
  size_ -= size;
  while (size > 0) {
    Chunk& chunk = chunks_.front();
    const size_t n = std::min(size, chunk.size());
    chunk.begin += static_cast<uint32_t>(n);
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
    // A chunk of its own for each small piece would cost more memory than the bytes that it holds.
    if (n < chunk.size() || n <= chunk.capacity / 2) {
      to.Append({chunk.bytes.get() + chunk.begin, n});
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
