#include "controlplane/libp2p/peer_id.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/base_text.h"
#include "controlplane/libp2p/protobuf.h"
#include "controlplane/libp2p/wire.pb.h"
#include "crypto/hash.h"

namespace noisegate::libp2p {
namespace {

constexpr uint64_t kIdentityHash = 0x00;
constexpr uint64_t kSha256Hash = 0x12;
constexpr size_t kSha256Size = 32;
constexpr std::array<uint8_t, 2> kCidPrefix = {0x01, 0x72};  // version 1, codec libp2p-key

// The numbers of the specification's enum.
constexpr int kRsa = 0;
constexpr int kEd25519 = 1;
constexpr int kSecp256k1 = 2;
constexpr int kEcdsa = 3;

// Whether these are the bytes that OfPublicKey() makes of a key that is short enough. The points are
// not looked for on their curves: that takes longer than a message to make a stranger's ids in it
// worth anything, and nobody can prove to be an id that is no key.
bool IsInlineKey(std::span<const uint8_t> key) {
  static constexpr std::array<uint8_t, 4> kEd25519Head = {0x08, kEd25519, 0x12,
                                                          crypto::kEd25519PointSize};
  static constexpr std::array<uint8_t, 4> kSecp256k1Head = {0x08, kSecp256k1, 0x12,
                                                            crypto::kSecp256k1PointSize};
  const auto is = [&](const std::array<uint8_t, 4>& head) {
    return key.size() == head.size() + head.back() &&
           std::equal(head.begin(), head.end(), key.begin());
  };
  return is(kEd25519Head) || (is(kSecp256k1Head) && (key[4] == 0x02 || key[4] == 0x03));
}

absl::StatusOr<crypto::PublicKey> DecodePkix(std::span<const uint8_t> der, crypto::KeyType type) {
  absl::StatusOr<crypto::PublicKey> key =
      crypto::PublicKey::FromPkixDer(der, crypto::KeyUse::kLibp2p);
  if (key.ok() && key->type() != type) {
    return absl::InvalidArgumentError("a libp2p key of another type than it says");
  }
  return key;
}

}  // namespace

std::vector<uint8_t> EncodePublicKey(const crypto::PublicKey& key) {
  wire::PublicKey message;
  std::vector<uint8_t> data = key.Point();
  switch (key.type()) {
    case crypto::KeyType::kEd25519:
      message.set_type(kEd25519);
      break;
    case crypto::KeyType::kSecp256k1:
      message.set_type(kSecp256k1);
      break;
    case crypto::KeyType::kP256:
      message.set_type(kEcdsa);
      data = key.pkix_der();
      break;
    case crypto::KeyType::kRsa:
      message.set_type(kRsa);
      data = key.pkix_der();
      break;
  }
  message.set_data(data.data(), data.size());
  return Serialize(message);
}

absl::StatusOr<crypto::PublicKey> DecodePublicKey(std::span<const uint8_t> bytes) {
  wire::PublicKey message;
  if (bytes.size() > kMaxPublicKeySize || !ParseMessage(bytes, message) || !message.has_type() ||
      !message.has_data()) {
    return absl::InvalidArgumentError("not a protobuf public key");
  }
  const std::span<const uint8_t> data = BytesOf(message.data());
  switch (message.type()) {
    case kEd25519:
      if (data.size() != crypto::kEd25519PointSize) break;
      return crypto::PublicKey::FromEd25519Point(data.first<crypto::kEd25519PointSize>());
    case kSecp256k1:
      if (data.size() != crypto::kSecp256k1PointSize) break;
      return crypto::PublicKey::FromSecp256k1Point(data.first<crypto::kSecp256k1PointSize>());
    case kRsa:
      return DecodePkix(data, crypto::KeyType::kRsa);
    case kEcdsa:
      return DecodePkix(data, crypto::KeyType::kP256);
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "libp2p key type ", message.type(), " is not RSA 0, Ed25519 1, secp256k1 2 or ECDSA 3"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("libp2p key of type ", message.type(), " with ", data.size(), " bytes"));
}

PeerId PeerId::OfPublicKey(const crypto::PublicKey& key) {
  const std::vector<uint8_t> encoded = EncodePublicKey(key);
  PeerId id;
  if (encoded.size() <= kMaxInlineKeySize) {
    id.bytes_[0] = kIdentityHash;
    id.bytes_[1] = static_cast<uint8_t>(encoded.size());
    std::ranges::copy(encoded, id.bytes_.begin() + 2);
  } else {
    id.bytes_[0] = kSha256Hash;
    id.bytes_[1] = kSha256Size;
    crypto::Hash(crypto::HashKind::kSha256, {encoded},
                 std::span(id.bytes_).subspan(2, kSha256Size));
  }
  id.size_ = static_cast<uint8_t>(2 + id.bytes_[1]);
  return id;
}

absl::StatusOr<PeerId> PeerId::FromBytes(std::span<const uint8_t> multihash) {
  if (multihash.size() < 2 || multihash.size() > kMaxSize || multihash[1] != multihash.size() - 2) {
    return absl::InvalidArgumentError("a peer id is a multihash of 2 to 44 bytes, this is none");
  }
  if (multihash[0] != kIdentityHash && multihash[0] != kSha256Hash) {
    return absl::InvalidArgumentError(
        absl::StrCat("a peer id uses hash 0 (identity) or 18 (sha2-256), not ", multihash[0]));
  }
  if (multihash[0] == kSha256Hash && multihash[1] != kSha256Size) {
    return absl::InvalidArgumentError("a peer id by sha2-256 has 34 bytes");
  }
  PeerId id;
  std::ranges::copy(multihash, id.bytes_.begin());
  id.size_ = static_cast<uint8_t>(multihash.size());
  if (multihash[0] == kIdentityHash && !IsInlineKey(multihash.subspan(2))) {
    return absl::InvalidArgumentError("a peer id by identity is an Ed25519 or secp256k1 key");
  }
  return id;
}

absl::StatusOr<PeerId> PeerId::Parse(std::string_view text) {
  const absl::Status bad = absl::InvalidArgumentError(
      "a libp2p peer id is base58btc (12D3KooW…, 16Uiu2HA…, Qm…) or a CID (b…, k…, z…) of one");
  if (text.empty()) return bad;
  if (text[0] == '1' || text[0] == 'Q') {
    const std::optional<std::vector<uint8_t>> multihash = DecodeBase(Base::k58, text);
    return multihash ? FromBytes(*multihash) : absl::StatusOr<PeerId>(bad);
  }
  const std::optional<Base> base = BaseOfPrefix(text[0]);
  if (!base || base == Base::k64) return bad;
  const std::optional<std::vector<uint8_t>> cid = DecodeBase(*base, text.substr(1));
  if (!cid || cid->size() < kCidPrefix.size() ||
      !std::equal(kCidPrefix.begin(), kCidPrefix.end(), cid->begin())) {
    return bad;
  }
  return FromBytes(std::span(*cid).subspan(kCidPrefix.size()));
}

std::string PeerId::ToString() const { return EncodeBase(Base::k58, bytes()); }

std::string PeerId::ToCidString() const {
  std::vector<uint8_t> cid(kCidPrefix.begin(), kCidPrefix.end());
  cid.insert(cid.end(), bytes().begin(), bytes().end());
  return "b" + EncodeBase(Base::k32, cid);
}

absl::StatusOr<crypto::PublicKey> PeerId::InlineKey() const {
  if (size_ == 0 || bytes_[0] != kIdentityHash) {
    return absl::NotFoundError("this peer id is only a hash of its key");
  }
  return DecodePublicKey(bytes().subspan(2));
}

}  // namespace noisegate::libp2p
