// Noise_XX_25519_ChaChaPoly_SHA256 with libp2p's payloads (specification: noise), without I/O.
//
//   -> e                          empty payload
//   <- e, ee, s, es               responder's NoisePayload
//   -> s, se                      initiator's NoisePayload
//
// The prologue is empty. Each message has 2 bytes of big-endian size in front. A payload carries
// the identity key, its signature over "noise-libp2p-static-key:" ‖ the sender's static key, and
// the muxers that the sender speaks.
//
//   NoiseHandshake handshake({.role = kInitiator, .identity = &identity, .expected_peer = id},
//   random); Send(handshake.TakeOutput()); size_t used = handshake.Receive(bytes);  // bytes[used…]
//   are transport frames already if (handshake.state() == NoiseState::kDone) { NoiseSession session
//   = handshake.Finish(); … }
//
// Single-threaded; a NoiseIdentity is immutable and may be shared by threads.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_HANDSHAKE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_HANDSHAKE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/peer_id.h"
#include "crypto/key.h"
#include "crypto/noise.h"
#include "crypto/random.h"
#include "crypto/x25519.h"

namespace noisegate::libp2p {

inline constexpr std::string_view kNoiseProtocol = "/noise";
inline constexpr std::string_view kYamuxProtocol = "/yamux/1.0.0";

// Why a secure channel could not be made or had to end. One reason each, for messages and counters.
enum class NoiseError : uint8_t {
  kNone,
  // Handshake.
  kMessageSize,           // a message shorter than its pattern needs, or longer than we accept
  kFirstMessageNotEmpty,  // message 1 had a payload
  kBadHandshakeTag,       // a handshake message does not open: other prologue, or tampering
  kSmallOrderKey,         // the peer's X25519 key gives an all-zero secret
  kMalformedPayload,      // the payload is not a NoisePayload, or lacks key or signature
  kBadIdentityKey,        // the identity key is of an unknown or unacceptable kind
  kBadSignature,          // the identity key did not sign this static key
  kWrongPeerId,           // somebody else than was dialled answered
  kOwnPeerId,             // the peer has our own identity: we reached ourselves, or a reflection
  kNoCommonMuxer,         // the peer lists muxers, and ours is not among them
  // Transport.
  kFrameTooShort,   // a frame of 1 to 15 bytes, which has no room for a tag
  kBadTag,          // a frame does not open
  kNonceExhausted,  // 2^64-1 frames
  kTruncated,       // the connection ended inside the handshake or inside a frame
};
std::string_view ToString(NoiseError error);

// Longest handshake message that is accepted: an RSA-4096 identity takes 1.3 KB.
inline constexpr size_t kMaxNoiseHandshakeMessage = 4096;  // bytes, size prefix not counted

// What a node says of itself in every handshake. The static key is made once for a process: the
// signature, the costly part, is then made once too.
class NoiseIdentity {
 public:
  static absl::StatusOr<NoiseIdentity> Create(const crypto::PrivateKey& identity,
                                              crypto::X25519KeyPair static_key,
                                              std::vector<std::string> muxers = {
                                                  std::string(kYamuxProtocol)});

  // From a signature that was made before. InvalidArgument if it is not `key`'s over `static_key`.
  static absl::StatusOr<NoiseIdentity> FromSignature(const crypto::PublicKey& key,
                                                     crypto::X25519KeyPair static_key,
                                                     std::span<const uint8_t> signature,
                                                     std::vector<std::string> muxers);

  const PeerId& peer_id() const { return peer_id_; }
  const crypto::X25519KeyPair& static_key() const { return static_key_; }
  const std::vector<uint8_t>& payload() const { return payload_; }
  const std::vector<std::string>& muxers() const { return muxers_; }

 private:
  NoiseIdentity() = default;
  PeerId peer_id_;
  crypto::X25519KeyPair static_key_;
  std::vector<std::string> muxers_;
  std::vector<uint8_t> payload_;  // serialized NoisePayload
};

struct NoiseHandshakeOptions {
  crypto::NoiseRole role = crypto::NoiseRole::kInitiator;
  const NoiseIdentity* identity = nullptr;  // must outlive the handshake
  // Who must be at the other end. Without it anyone is accepted, and Finish() says who it was.
  std::optional<PeerId> expected_peer = std::nullopt;
  // Anything but empty makes a handshake that no libp2p peer completes; for test vectors.
  std::span<const uint8_t> prologue = {};
};

// What a finished handshake leaves.
struct NoiseSession {
  PeerId peer_id;  // verified
  crypto::PublicKey peer_key;
  std::optional<std::string> muxer;  // agreed inside the handshake; without it use multistream
  crypto::Secret<32> send_key;
  crypto::Secret<32> receive_key;
  std::vector<uint8_t> handshake_hash;
};

enum class NoiseState : uint8_t { kRunning, kDone, kFailed };

class NoiseHandshake {
 public:
  // `random` gives 32 bytes, the ephemeral private key, and must outlive this.
  NoiseHandshake(const NoiseHandshakeOptions& options, crypto::Random& random);

  // Consumes handshake messages from the front of `bytes` and returns how many bytes that was: all
  // of them while kRunning; once kDone, what is left belongs to the transport.
  size_t Receive(std::span<const uint8_t> bytes);
  // The other side ended. A handshake that still runs fails with kTruncated.
  void ReceiveEnd();
  // Framed messages to send now; empty if none. The initiator has one from the start, and has its
  // last when it is kDone. After a failure there is nothing.
  std::vector<uint8_t> TakeOutput();

  NoiseState state() const { return state_; }
  NoiseError error() const { return error_; }
  // The identity that the peer proved, if it got as far; for messages about kWrongPeerId.
  const std::optional<PeerId>& peer_id() const { return peer_id_; }

  // Requires kDone; call once.
  NoiseSession Finish();

 private:
  void HandleMessage(std::span<const uint8_t> message);
  bool CheckPayload(std::span<const uint8_t> payload);
  void SendMessage();
  void Fail(NoiseError error);

  const NoiseIdentity* identity_;
  const std::optional<PeerId> expected_peer_;
  crypto::HandshakeState noise_;
  std::vector<uint8_t> input_;  // an incomplete message with its size
  std::vector<uint8_t> output_;
  std::optional<PeerId> peer_id_;
  std::optional<crypto::PublicKey> peer_key_;
  std::optional<std::string> muxer_;
  NoiseState state_ = NoiseState::kRunning;
  NoiseError error_ = NoiseError::kNone;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_NOISE_HANDSHAKE_H_
