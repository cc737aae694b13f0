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
    : key_(std::move(key)), engine_(engine), options_(options), lent_(options.max_lent) {
  assert(options.max_frame_text > 0 && options.max_frame_text <= kMaxNoiseFrameText);
}

std::span<const std::span<uint8_t>> NoiseSealer::Prepare(size_t want) {
  assert(want > 0);
  rooms_.clear();
  if (sealed_ > 0) return rooms_;
  // At least one byte goes, whatever the limit.
  const size_t most_frames = std::max<size_t>(
      options_.max_sealed / (options_.max_frame_text + kNoiseFrameOverhead), 1);
  const size_t frames =
      std::min((want + options_.max_frame_text - 1) / options_.max_frame_text, most_frames);
  const size_t text = std::min((want + frames - 1) / frames, options_.max_frame_text);
  Reserve(frames * (text + kNoiseFrameOverhead));
  for (size_t i = 0; i < frames; ++i) {
    rooms_.emplace_back(
        buffer_.data() + i * (text + kNoiseFrameOverhead) + kNoiseFrameHeaderSize, text);
  }
  return rooms_;
}

void NoiseSealer::Commit(size_t size) { committed_ = size; }

NoiseError NoiseSealer::Seal() {
  burst_.clear();
  size_t end = 0;
  for (const std::span<uint8_t> room : rooms_) {
    if (committed_ == 0) break;
    if (counter_ == kLastNonce) return NoiseError::kNonceExhausted;
    const size_t size = std::min(committed_, room.size());
    committed_ -= size;
    uint8_t* const prefix = room.data() - kNoiseFrameHeaderSize;
    dataplane::StoreBe16(prefix, static_cast<uint16_t>(size + crypto::kAeadTagSize));
    burst_.push_back(Message(key_, counter_++, room.data(), size));
    end = static_cast<size_t>(prefix - buffer_.data()) + size + kNoiseFrameOverhead;
  }
  assert(committed_ == 0);
  rooms_.clear();
  engine_.Seal(burst_);
  sealed_ = end;
  return NoiseError::kNone;
}

void NoiseSealer::Consume(size_t size) {
  assert(size <= sealed_ - consumed_);
  consumed_ += size;
  if (consumed_ < sealed_) return;
  small_bursts_ = sealed_ * 4 < buffer_.capacity() ? small_bursts_ + 1 : 0;
  sealed_ = consumed_ = 0;
  if (buffer_.capacity() > kIdleBuffer && small_bursts_ >= kSmallUses) {
    lent_.PutAside(std::exchange(buffer_, Buffer()));
    lent_.KeepOnly(0);
  }
}

void NoiseSealer::Reserve(size_t size) {
  if (size <= buffer_.capacity() && !buffer_.shared()) return;
  const size_t capacity = size <= buffer_.capacity()
                              ? buffer_.capacity()
                              : std::max({kIdleBuffer, size, 2 * buffer_.capacity()});
  lent_.PutAside(std::exchange(buffer_, lent_.Take(capacity)));
}

NoiseError NoiseSealer::SealInto(std::span<const uint8_t> text, std::vector<uint8_t>& out) {
  while (!text.empty()) {
    size_t size = 0;
    for (const std::span<uint8_t> room : Prepare(text.size())) {
      const size_t n = std::min(room.size(), text.size() - size);
      std::memcpy(room.data(), text.data() + size, n);
      size += n;
    }
    Commit(size);
    if (const NoiseError error = Seal(); error != NoiseError::kNone) return error;
    text = text.subspan(size);
    out.insert(out.end(), sealed().begin(), sealed().end());
    Consume(sealed().size());
  }
  return NoiseError::kNone;
}

NoiseOpener::NoiseOpener(crypto::Secret<32> key, crypto::AeadEngine& engine,
                         const NoiseChannelOptions& options)
    : key_(std::move(key)), engine_(engine), options_(options), lent_(options.max_lent) {}

std::span<uint8_t> NoiseOpener::Prepare() {
  const size_t pending = end_ - begin_;
  const size_t limit = std::max(options_.max_received, kNoiseFrameHeaderSize + kMaxNoiseFrameSize);
  size_t capacity = std::max(buffer_.capacity(), kIdleBuffer);
  if (buffer_.capacity() > 0 && end_ == buffer_.capacity() && end_ < limit) {
    capacity = std::min(4 * capacity, limit);  // the last read filled all that there was
  } else if (small_reads_ >= kSmallUses && pending <= kIdleBuffer / 2) {
    capacity = kIdleBuffer;
    small_reads_ = 0;
  }
  lent_.KeepOnly(capacity);
  if (capacity != buffer_.capacity() || buffer_.shared()) {
    Replace(capacity);
  } else if (begin_ > 0) {
    // What is left is less than a frame, so this moves little.
    std::memmove(buffer_.data(), buffer_.data() + begin_, pending);
    begin_ = 0;
    end_ = pending;
  }
  return {buffer_.data() + end_, buffer_.capacity() - end_};
}

void NoiseOpener::Replace(size_t capacity) {
  Buffer other = lent_.Take(capacity);
  const size_t pending = end_ - begin_;
  if (pending > 0) std::memcpy(other.data(), buffer_.data() + begin_, pending);
  std::swap(buffer_, other);
  lent_.PutAside(std::move(other));
  begin_ = 0;
  end_ = pending;
}

void NoiseOpener::Commit(size_t size) {
  assert(size <= buffer_.capacity() - end_);
  end_ += size;
  small_reads_ = size * 4 < buffer_.capacity() ? small_reads_ + 1 : 0;
}

void NoiseOpener::Append(std::span<const uint8_t> bytes) {
  if (bytes.size() > buffer_.capacity() - end_) {
    Replace(std::max(kIdleBuffer, end_ - begin_ + bytes.size()));
  }
  if (!bytes.empty()) std::memcpy(buffer_.data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

NoiseOpened NoiseOpener::Open() {
  texts_.clear();
  burst_.clear();
  if (error_ != NoiseError::kNone) return {.texts = {}, .error = error_};
  while (end_ - begin_ >= kNoiseFrameHeaderSize && error_ == NoiseError::kNone) {
    uint8_t* const start = buffer_.data() + begin_;
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
  return {.texts = texts_, .error = error_, .lender = lent_.MayLend() ? &buffer_ : nullptr};
}

}  // namespace noisegate::libp2p
