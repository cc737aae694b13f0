// HandshakeState of the Noise Protocol Framework, revision 34:
// Noise_*_25519_ChaChaPoly_{BLAKE2b,SHA256}.
//
//   HandshakeOptions options{.pattern = "NN", .hash = HashKind::kBlake2b, .role =
//   NoiseRole::kInitiator}; absl::StatusOr<HandshakeState> hs = HandshakeState::Create(options,
//   SystemRandom()); absl::StatusOr<std::vector<uint8_t>> init = hs->WriteMessage({});   // e … //
//   to the peer and back absl::StatusOr<std::vector<uint8_t>> payload = hs->ReadMessage(resp);  //
//   e, ee if (payload.ok() && hs->finished()) TransportKeys keys = hs->Split();
//
// Pure: randomness and bytes come in, bytes come out.
#ifndef NOISEGATE_CRYPTO_NOISE_H_
#define NOISEGATE_CRYPTO_NOISE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/hash.h"
#include "crypto/noise_pattern.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/symmetric_state.h"
#include "crypto/x25519.h"

namespace noisegate::crypto {

inline constexpr size_t kMaxNoiseMessageSize = 65535;  // bytes, section 3 of the specification

enum class NoiseRole : uint8_t { kInitiator, kResponder };

// Everything is copied by Create(); nothing needs to outlive it.
struct HandshakeOptions {
  std::string_view pattern;  // "NN", "XX", … as FindNoisePattern() takes them
  HashKind hash = HashKind::kBlake2b;
  NoiseRole role = NoiseRole::kInitiator;
  std::span<const uint8_t> prologue = {};
  // Our static key; needed where the pattern sends or presumes it, ignored otherwise.
  const X25519KeyPair* static_key = nullptr;
  // The peer's static key; needed where the pattern presumes it, ignored otherwise.
  std::optional<X25519PublicKey> remote_static = std::nullopt;
};

// Did a ReadMessage or WriteMessage fail because the peer's key is of small order?
bool IsSmallOrderKey(const absl::Status& status);

// One side of one handshake. Movable; not copyable; not thread-safe. All keys are wiped when
// destroyed.
//
// Calls are all or nothing: a WriteMessage or ReadMessage that fails leaves the state exactly as it
// was. So a message may be tried against several outstanding handshakes, and one with a bad tag
// costs the handshake nothing: it goes on waiting for the real one.
class HandshakeState {
 public:
  // InvalidArgument for an unknown pattern or a static key that it needs and lacks. Each `e` token
  // that is written takes exactly 32 bytes from `random` (as the private key), which must outlive
  // this.
  static absl::StatusOr<HandshakeState> Create(const HandshakeOptions& options, Random& random);

  // The next message with `payload`, which is in cleartext as long as no key has been agreed.
  // FailedPrecondition if it is not our turn; InvalidArgument if the message would be longer than
  // kMaxNoiseMessageSize, or if the peer's key is of small order (only here does it show in NN: the
  // first DH of the responder comes with its answer).
  absl::StatusOr<std::vector<uint8_t>> WriteMessage(std::span<const uint8_t> payload);

  // The payload of the peer's next message. FailedPrecondition if it is not its turn;
  // InvalidArgument for a message that is cut short or too long, a key of small order, or a bad
  // tag.
  absl::StatusOr<std::vector<uint8_t>> ReadMessage(std::span<const uint8_t> message);

  // The size of what WriteMessage would make, or the least that ReadMessage can take with
  // payload_size 0, whichever comes next. 0 when finished.
  size_t NextMessageSize(size_t payload_size) const;

  bool finished() const { return next_message_ == pattern_->message_count; }
  bool my_turn() const;
  NoiseRole role() const { return role_; }
  const NoisePattern& pattern() const { return *pattern_; }

  // h: HashSize(hash) bytes, the channel binding once finished. Valid until the next call.
  std::span<const uint8_t> handshake_hash() const { return keys_.symmetric.handshake_hash(); }

  // The peer's keys, as soon as they are known. A static key is authenticated only by what follows
  // it.
  const std::optional<X25519PublicKey>& remote_ephemeral() const { return keys_.remote_ephemeral; }
  const std::optional<X25519PublicKey>& remote_static() const { return keys_.remote_static; }

  // The transport keys. Requires finished(). One-way patterns only use the first.
  TransportKeys Split() const;

  HandshakeState(HandshakeState&&) noexcept = default;
  HandshakeState& operator=(HandshakeState&&) noexcept = default;

 private:
  // What messages change: worked on as a copy, and put back only when the whole message was good.
  struct Keys {
    SymmetricState symmetric;
    std::optional<X25519KeyPair> ephemeral;
    std::optional<X25519PublicKey> remote_ephemeral;
    std::optional<X25519PublicKey> remote_static;
    Keys Clone() const;
  };

  HandshakeState(const NoisePattern* pattern, NoiseRole role, Random* random, Keys keys);

  void MixPreMessages();
  absl::Status WriteToken(NoiseToken token, Keys& keys, std::vector<uint8_t>& message) const;
  absl::Status ReadToken(NoiseToken token, Keys& keys, std::span<const uint8_t>& rest) const;
  absl::Status MixDh(NoiseToken token, Keys& keys) const;

  const NoisePattern* pattern_;
  NoiseRole role_;
  Random* random_;
  std::optional<X25519KeyPair> static_key_;
  Keys keys_;
  size_t next_message_ = 0;
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_NOISE_H_
