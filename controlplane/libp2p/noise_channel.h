// The transport of a libp2p Noise channel: frames of 2 bytes big-endian size ‖ ciphertext ‖ 16-byte
// tag, sealed and opened in bursts through the AEAD burst interface. Without I/O, and without
// copies: text is written where it is sealed, and read where it was opened.
//
//   // Sending: fill a burst of frames in place, seal them together, hand the bytes to the socket.
//   sealer.Commit(yamux.Pull(sealer.Prepare(yamux.OutputSize()), now));
//   sealer.Seal();
//   sealer.Consume(socket.write_some(sealer.sealed()));  // until sealed() is empty
//
//   // Receiving: let the socket write into the opener, open all complete frames together.
//   opener.Commit(socket.read_some(opener.Prepare()));
//   NoiseOpened opened = opener.Open();
//   for (std::span<const uint8_t> text : opened.texts) yamux.Receive(text, now);
//   if (opened.error != NoiseError::kNone) …close…
//
// The nonce is 4 zero bytes ‖ LE64(counter), counters start at 0 in each direction. There is no
// associated data. Frames without text (16 bytes) and without anything (size 0) are accepted; the
// latter cost no counter.
//
// Buffers grow with the traffic and shrink again, so that most of many connections hold little.
// Single-threaded; the engine must outlive both, and may serve many channels of one thread.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_CHANNEL_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "controlplane/libp2p/buffer.h"
#include "controlplane/libp2p/noise_handshake.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

namespace noisegate::libp2p {

inline constexpr size_t kNoiseFrameHeaderSize = 2;   // bytes
inline constexpr size_t kMaxNoiseFrameSize = 65535;  // ciphertext and tag
inline constexpr size_t kMaxNoiseFrameText = kMaxNoiseFrameSize - crypto::kAeadTagSize;  // 65,519
inline constexpr size_t kNoiseFrameOverhead = kNoiseFrameHeaderSize + crypto::kAeadTagSize;

struct NoiseChannelOptions {
  // Text in one frame. Smaller frames give the AEAD more messages at a time, larger ones cost the
  // receiver less. 1 … kMaxNoiseFrameText.
  size_t max_frame_text = kMaxNoiseFrameText;
  // Bytes sealed ahead of the socket; at least a frame. What is urgent waits behind no more than this.
  size_t max_sealed = 4 * (kNoiseFrameHeaderSize + kMaxNoiseFrameSize);
  // Bytes read from the socket at a time. At least one frame fits whatever is set.
  size_t max_received = 256 * 1024;
  // Blocks that each direction may have lent: of max_received bytes to those who read the text, of
  // max_sealed to a transport that keeps what it is given. Beyond it they copy.
  size_t max_lent = 3;
};

class NoiseSealer {
 public:
  NoiseSealer(crypto::Secret<32> key, crypto::AeadEngine& engine,
              const NoiseChannelOptions& options = {});

  // Rooms for up to `want` bytes of text, one for each frame of the next burst: as many as max_sealed
  // allows, about equally large. None while earlier bytes are not all consumed. Requires want > 0.
  // Valid until the next call.
  std::span<const std::span<uint8_t>> Prepare(size_t want);
  // The first `size` bytes of the rooms that Prepare() gave were written. With 0 there is no frame.
  void Commit(size_t size);
  // Seals what was committed, in one burst. kNonceExhausted once the counters are used up: then
  // nothing of this burst is sealed, and the connection must end.
  NoiseError Seal();
  // Bytes for the socket, in order. Valid until the next call.
  std::span<const uint8_t> sealed() const {
    return {buffer_.data() + consumed_, sealed_ - consumed_};
  }
  // May be held instead of copying sealed(), which then stays as it is; nullptr: copy.
  const Buffer* lender() const { return lent_.MayLend() ? &buffer_ : nullptr; }
  void Consume(size_t size);

  // For whole messages outside a muxer: cuts `text` into frames, seals them, appends to `out`.
  NoiseError SealInto(std::span<const uint8_t> text, std::vector<uint8_t>& out);

  // Bytes of the block in use and of those that are lent.
  size_t capacity() const { return buffer_.capacity() + lent_.capacity(); }
  uint64_t frames() const { return counter_; }
  void set_counter_for_test(uint64_t counter) { counter_ = counter; }

 private:
  // A block for the next burst.
  void Reserve(size_t size);

  crypto::Secret<32> key_;
  crypto::AeadEngine& engine_;
  const NoiseChannelOptions options_;
  Buffer buffer_;
  LentBuffers lent_;
  std::vector<std::span<uint8_t>> rooms_;
  size_t committed_ = 0;  // bytes of text in them
  size_t sealed_ = 0;     // end of the sealed frames
  size_t consumed_ = 0;   // what the socket took
  size_t small_bursts_ = 0;  // in a row
  std::vector<crypto::AeadMessage> burst_;
  uint64_t counter_ = 0;
};

struct NoiseOpened {
  // Text of each frame that opened, in order; never an empty one. They point into the opener, valid
  // until its next call, or as long as somebody holds `lender`.
  std::span<const std::span<const uint8_t>> texts;
  NoiseError error = NoiseError::kNone;  // of the frame behind `texts`; final
  const Buffer* lender = nullptr;        // may be held instead of copying the texts; nullptr: copy
};

class NoiseOpener {
 public:
  NoiseOpener(crypto::Secret<32> key, crypto::AeadEngine& engine,
              const NoiseChannelOptions& options = {});

  // Where the socket may write. Never empty before an error.
  std::span<uint8_t> Prepare();
  void Commit(size_t size);
  // Copies bytes in, for what came behind the handshake.
  void Append(std::span<const uint8_t> bytes);
  // Opens every complete frame, in one burst.
  NoiseOpened Open();
  // Does the stream end cleanly here, between two frames? Otherwise it is kTruncated.
  bool at_boundary() const { return begin_ == end_; }

  // Bytes of the block in use and of those that are lent.
  size_t capacity() const { return buffer_.capacity() + lent_.capacity(); }
  uint64_t frames() const { return counter_; }
  void set_counter_for_test(uint64_t counter) { counter_ = counter; }

 private:
  // Goes on in another block, with what is not opened yet.
  void Replace(size_t capacity);

  crypto::Secret<32> key_;
  crypto::AeadEngine& engine_;
  const NoiseChannelOptions options_;
  Buffer buffer_;
  LentBuffers lent_;
  size_t begin_ = 0;        // first byte that is not opened yet
  size_t end_ = 0;          // end of what was received
  size_t small_reads_ = 0;  // in a row
  std::vector<crypto::AeadMessage> burst_;
  std::vector<std::span<const uint8_t>> texts_;
  uint64_t counter_ = 0;
  NoiseError error_ = NoiseError::kNone;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_CHANNEL_H_
