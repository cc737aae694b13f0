// One Noise Swarm handshake, seen from either side: Noise_NN_25519_ChaChaPoly_BLAKE2b, then an identity
// each way, sealed and signed over what Noise agreed on (docs/protocol.md).
//
//   initiator                    responder
//     -> 0 init: e, payload                  anyone can send it, and has learnt nothing for it
//     <- 1 resp: e, ee                       both now share keys, with somebody
//     -> 2 sig:  AEAD(AuthIntro)             who the initiator is
//     <- 3 sig:  AEAD(AuthIntro)             who the responder is, only told to whom it has verified
//
// Pure: bytes and randomness in, bytes out. When to send, to retry and whom to accept is the session
// machine's affair. Nothing here changes when a datagram turns out to be forged.
#ifndef NOISEGATE_CONTROLPLANE_HANDSHAKE_H_
#define NOISEGATE_CONTROLPLANE_HANDSHAKE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "controlplane/auth_intro.h"
#include "controlplane/capabilities.h"
#include "crypto/channel_binding.h"
#include "crypto/key.h"
#include "crypto/noise.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"
#include "dataplane/drop_reason.h"
#include "dataplane/header.h"

namespace noisegate::controlplane {

inline constexpr size_t kRespSize = 52;             // bytes, header included
inline constexpr size_t kMinInitSize = 36;          // bytes, header included
inline constexpr size_t kMaxInitPayloadSize = 256;  // bytes
inline constexpr size_t kMaxSigSize = dataplane::kOverhead + kMaxAuthIntroSize;

// Who is at the other end: the signature over this very handshake was good.
struct ProvenPeer {
  std::shared_ptr<const crypto::PublicKey> public_key;
  Capabilities capabilities;
};

// Either that, or why not: kBadHandshake, kBadKey, kUnknownPeer or kBadSignature.
using Proof = std::variant<ProvenPeer, dataplane::DropReason>;

// A handshake after resp. The keys are agreed on with somebody; whom, sig tells. Movable; wiped when
// destroyed.
class SecuredHandshake {
 public:
  // `noise` is finished.
  SecuredHandshake(const crypto::HandshakeState& noise, dataplane::Role role);

  // Our sig datagram. Internal where the key cannot sign.
  absl::StatusOr<std::vector<uint8_t>> WriteSig(const crypto::PrivateKey& identity,
                                                const Capabilities& capabilities) const;

  // Judges the other side's sig datagram. nullopt where it was not sealed in this handshake. `local` is
  // our own id, which the other side cannot have; `known` a key to save parsing the same one again,
  // or null. Whom `admits` refuses (kUnknownPeer) does not cost us the verification of a signature.
  std::optional<Proof> ReadSig(std::span<const uint8_t> datagram, const crypto::PeerId& local,
                               const std::shared_ptr<const crypto::PublicKey>& known,
                               absl::FunctionRef<bool(const crypto::PeerId&)> admits) const;

  dataplane::Role role() const { return role_; }
  const crypto::Secret<32>& send_key() const { return send_key_; }
  const crypto::Secret<32>& receive_key() const { return receive_key_; }

 private:
  SecuredHandshake(crypto::TransportKeys keys, dataplane::Role role,
                   std::span<const uint8_t> handshake_hash);

  dataplane::Role role_;
  crypto::Secret<32> send_key_;
  crypto::Secret<32> receive_key_;
  crypto::ChannelDigestBytes digest_;
};

// The initiator's side up to resp.
class InitiatorHandshake {
 public:
  // Draws the ephemeral key. `*init` is the datagram to send.
  InitiatorHandshake(crypto::Random& random, std::vector<uint8_t>* init);

  // nullopt, and nothing changed, where the datagram does not answer our init.
  std::optional<SecuredHandshake> ReadResp(std::span<const uint8_t> datagram);

 private:
  crypto::HandshakeState noise_;
};

// The responder's side up to resp.
struct AnsweredInit {
  crypto::X25519PublicKey initiator_ephemeral;
  std::vector<uint8_t> resp;  // the datagram to send
  SecuredHandshake secured;
};

// The initiator's ephemeral key; nullopt for what is no init: its size, or a payload that is no list of
// type-length-value items.
std::optional<crypto::X25519PublicKey> ParseInit(std::span<const uint8_t> datagram);

// Answers a datagram that ParseInit took. nullopt for a key of small order.
std::optional<AnsweredInit> AnswerInit(std::span<const uint8_t> datagram, crypto::Random& random);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_HANDSHAKE_H_
