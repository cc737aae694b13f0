#include "controlplane/libp2p/noise_channel.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

#include "dataplane/bytes.h"

namespace noisegate::libp2p {
namespace {

// Reserved by Noise for Rekey.
constexpr uint64_t kLastNonce = std::numeric_limits<uint64_t>::max();
constexpr size_t kIdleBuffer = 4 * 1024;  // bytes that an idle direction keeps
// A buffer shrinks after so many uses in a row that filled less than a quarter of it.
constexpr size_t kSmallUses = 16;

crypto::AeadMessage Message(const crypto::Secret<32>& key, uint64_t counter, uint8_t* text,
                            size_t size) {
  crypto::AeadMessage message{};
  message.key = key.data();
  message.counter = counter;
  message.text = text;
  message.text_size = static_cast<uint32_t>(size);
  return message;
}

}  // namespace

NoiseSealer::NoiseSealer(crypto::Secret<32> key, crypto::AeadEngine& engine,
                         const NoiseChannelOptions& options)
    : key_(std::move(key)), engine_(engine), options_(options) {
  assert(options.max_frame_text > 0 && options.max_frame_text <= kMaxNoiseFrameText);
}

std::span<uint8_t> NoiseSealer::Prepare(size_t want) {
  assert(want > 0);
  if (sealed_ > 0) return {};
  const size_t text = std::min(want, options_.max_frame_text);
  // The first frame always fits, whatever the limit.
  if (filled_ > 0 && filled_ + text + kNoiseFrameOverhead > options_.max_sealed) return {};
  Reserve(filled_ + text + kNoiseFrameOverhead);
  prepared_ = text;
  return {buffer_.get() + filled_ + kNoiseFrameHeaderSize, text};
}

void NoiseSealer::Commit(size_t size) {
  assert(size <= prepared_);
  prepared_ = 0;
  if (size == 0) return;
  frames_.push_back({static_cast<uint32_t>(filled_), static_cast<uint32_t>(size)});
  filled_ += size + kNoiseFrameOverhead;
}

NoiseError NoiseSealer::Seal() {
  if (frames_.size() > kLastNonce - counter_) return NoiseError::kNonceExhausted;
  burst_.clear();
  for (const Frame& frame : frames_) {
    uint8_t* const start = buffer_.get() + frame.offset;
    dataplane::StoreBe16(start, static_cast<uint16_t>(frame.text_size + crypto::kAeadTagSize));
    burst_.push_back(Message(key_, counter_++, start + kNoiseFrameHeaderSize, frame.text_size));
  }
  engine_.Seal(burst_);
  frames_.clear();
  sealed_ = filled_;
  return NoiseError::kNone;
}

void NoiseSealer::Consume(size_t size) {
  assert(size <= sealed_ - consumed_);
  consumed_ += size;
  if (consumed_ < sealed_) return;
  small_bursts_ = sealed_ * 4 < capacity_ ? small_bursts_ + 1 : 0;
  filled_ = sealed_ = consumed_ = 0;
  if (capacity_ > kIdleBuffer && small_bursts_ >= kSmallUses) {
    buffer_.reset();
    capacity_ = 0;
  }
}

void NoiseSealer::Reserve(size_t size) {
  if (size <= capacity_) return;
  const size_t capacity = std::max({kIdleBuffer, size, 2 * capacity_});
  auto bigger = std::make_unique_for_overwrite<uint8_t[]>(capacity);
  if (filled_ > 0) std::memcpy(bigger.get(), buffer_.get(), filled_);
  buffer_ = std::move(bigger);
  capacity_ = capacity;
}

NoiseError NoiseSealer::SealInto(std::span<const uint8_t> text, std::vector<uint8_t>& out) {
  assert(filled_ == 0);
  while (!text.empty()) {
    const std::span<uint8_t> room = Prepare(text.size());
    if (!room.empty()) {
      std::memcpy(room.data(), text.data(), room.size());
      Commit(room.size());
      text = text.subspan(room.size());
      if (!text.empty()) continue;
    }
    if (const NoiseError error = Seal(); error != NoiseError::kNone) return error;
    out.insert(out.end(), sealed().begin(), sealed().end());
    Consume(sealed().size());
  }
  return NoiseError::kNone;
}

NoiseOpener::NoiseOpener(crypto::Secret<32> key, crypto::AeadEngine& engine,
                         const NoiseChannelOptions& options)
    : key_(std::move(key)), engine_(engine), options_(options) {}

std::span<uint8_t> NoiseOpener::Prepare() {
  const size_t pending = end_ - begin_;
  const size_t limit = std::max(options_.max_received, kNoiseFrameHeaderSize + kMaxNoiseFrameSize);
  size_t capacity = std::max(capacity_, kIdleBuffer);
  if (capacity_ > 0 && end_ == capacity_ && capacity_ < limit) {
    capacity = std::min(4 * capacity_, limit);  // the last read filled all that there was
  } else if (small_reads_ >= kSmallUses && pending <= kIdleBuffer / 2) {
    capacity = kIdleBuffer;
    small_reads_ = 0;
  }
  if (capacity != capacity_) {
    Resize(capacity);
  } else if (begin_ > 0) {
    // What is left is less than a frame, so this moves little.
    std::memmove(buffer_.get(), buffer_.get() + begin_, pending);
    begin_ = 0;
    end_ = pending;
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

void NoiseOpener::Resize(size_t capacity) {
  auto other = std::make_unique_for_overwrite<uint8_t[]>(capacity);
  const size_t pending = end_ - begin_;
  if (pending > 0) std::memcpy(other.get(), buffer_.get() + begin_, pending);
  buffer_ = std::move(other);
  capacity_ = capacity;
  begin_ = 0;
  end_ = pending;
}

void NoiseOpener::Commit(size_t size) {
  assert(size <= capacity_ - end_);
  end_ += size;
  small_reads_ = size * 4 < capacity_ ? small_reads_ + 1 : 0;
}

void NoiseOpener::Append(std::span<const uint8_t> bytes) {
  if (bytes.size() > capacity_ - end_) {
    Resize(std::max(kIdleBuffer, end_ - begin_ + bytes.size()));
  }
  if (!bytes.empty()) std::memcpy(buffer_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

NoiseOpened NoiseOpener::Open() {
  texts_.clear();
  burst_.clear();
  if (error_ != NoiseError::kNone) return {.texts = {}, .error = error_};
  while (end_ - begin_ >= kNoiseFrameHeaderSize && error_ == NoiseError::kNone) {
    uint8_t* const start = buffer_.get() + begin_;
    const size_t size = dataplane::LoadBe16(start);
    if (end_ - begin_ - kNoiseFrameHeaderSize < size) break;
    if (size > 0 && size < crypto::kAeadTagSize) {
      error_ = NoiseError::kFrameTooShort;
    } else if (size > 0 && counter_ == kLastNonce) {
      error_ = NoiseError::kNonceExhausted;
    } else {
      begin_ += kNoiseFrameHeaderSize + size;
      if (size == 0) continue;
      burst_.push_back(
          Message(key_, counter_++, start + kNoiseFrameHeaderSize, size - crypto::kAeadTagSize));
    }
  }
  engine_.Open(burst_);
  for (const crypto::AeadMessage& message : burst_) {
    if (!message.ok) {
      error_ = NoiseError::kBadTag;
      break;
    }
    if (message.text_size > 0) texts_.emplace_back(message.text, message.text_size);
  }
  return {.texts = texts_, .error = error_};
}

}  // namespace noisegate::libp2p
