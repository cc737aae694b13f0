// libp2p peer ids, and public keys as libp2p writes them (specifications: peer-ids).
//
//   PeerId id = PeerId::OfPublicKey(key);
//   id.ToString();                             // "12D3KooW…", "16Uiu2HA…", "Qm…"
//   PeerId::Parse("bafzaajaiaejca…").value();  // the same as a CID
//
// Not to be confused with crypto::PeerId, the id of the Noise Swarm protocol: one key has both.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_PEER_ID_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_PEER_ID_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/key.h"

namespace noisegate::libp2p {

// Bytes of a protobuf public key: RSA with 4,096 bits takes 556.
inline constexpr size_t kMaxPublicKeySize = 640;

// The protobuf PublicKey { 1 type, 2 data }, both always written: the form that is hashed and sent.
// Data is 32 bytes for Ed25519, the compressed point for secp256k1, PKIX DER for RSA and ECDSA.
std::vector<uint8_t> EncodePublicKey(const crypto::PublicKey& key);

// InvalidArgument for what is not such a message, for an unknown type, and for keys that
// crypto::PublicKey refuses. Unknown fields are skipped.
absl::StatusOr<crypto::PublicKey> DecodePublicKey(std::span<const uint8_t> bytes);

// A multihash of the protobuf key: identity (00 ‖ size ‖ key) where the key is at most 42 bytes,
// else sha2-256 (12 20 ‖ digest). A value, cheap to copy; never empty unless default-constructed.
class PeerId {
 public:
  static constexpr size_t kMaxSize = 44;  // bytes
  static constexpr size_t kMaxInlineKeySize = 42;

  PeerId() = default;

  static PeerId OfPublicKey(const crypto::PublicKey& key);

  // A bare multihash, as in protobuf messages and multiaddrs. InvalidArgument for other hash
  // functions, wrong sizes, trailing bytes, and an identity that has not the form of a key. Cheap:
  // it takes an id whose point is on no curve, which InlineKey() then refuses.
  static absl::StatusOr<PeerId> FromBytes(std::span<const uint8_t> multihash);

  // base58btc of the multihash ("12D3…", "16Uiu…", "Qm…"), or a CIDv1 of codec libp2p-key in base32
  // ("b…"), base36 ("k…") or base58btc ("z…").
  static absl::StatusOr<PeerId> Parse(std::string_view text);

  std::string ToString() const;     // base58btc, what people know
  std::string ToCidString() const;  // CIDv1 in base32

  // The key, where the id holds it. NotFound for a hashed one, InvalidArgument for what is none.
  absl::StatusOr<crypto::PublicKey> InlineKey() const;

  std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }
  bool empty() const { return size_ == 0; }
  auto operator<=>(const PeerId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const PeerId& id) {
    return H::combine(std::move(h), id.bytes_, id.size_);
  }

 private:
  std::array<uint8_t, kMaxSize> bytes_{};  // zero behind size_
  uint8_t size_ = 0;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_PEER_ID_H_
