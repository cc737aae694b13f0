#include "controlplane/libp2p/length_prefixed.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "controlplane/libp2p/varint.h"

namespace noisegate::libp2p {

std::vector<uint8_t> WithLengthPrefix(std::span<const uint8_t> message) {
  std::vector<uint8_t> bytes;
  AppendVarint(message.size(), bytes);
  bytes.insert(bytes.end(), message.begin(), message.end());
  return bytes;
}

size_t LengthPrefixedReader::Receive(std::span<const uint8_t> bytes) {
  size_t used = 0;
  while (state_ == State::kRunning && !size_known_ && used < bytes.size()) {
    prefix_.push_back(bytes[used++]);
    const Varint size = ReadVarint(prefix_);
    if (size.state == Varint::State::kMalformed) {
      state_ = State::kMalformedLength;
    } else if (size.state == Varint::State::kOk && size.value > max_size_) {
      state_ = State::kTooLong;
    } else if (size.state == Varint::State::kOk) {
      size_ = size.value;
      size_known_ = true;
    }
  }
  if (state_ != State::kRunning || !size_known_) return used;
  const size_t n = std::min(size_ - message_.size(), bytes.size() - used);
  const auto from = bytes.begin() + static_cast<ptrdiff_t>(used);
  message_.insert(message_.end(), from, from + static_cast<ptrdiff_t>(n));
  if (message_.size() == size_) state_ = State::kDone;
  return used + n;
}

void LengthPrefixedReader::ReceiveEnd() {
  if (state_ == State::kRunning) state_ = State::kTruncated;
}

std::vector<uint8_t> LengthPrefixedReader::TakeMessage() {
  assert(state_ == State::kDone);
  prefix_.clear();
  size_known_ = false;
  state_ = State::kRunning;
  return std::exchange(message_, {});
}

}  // namespace noisegate::libp2p
