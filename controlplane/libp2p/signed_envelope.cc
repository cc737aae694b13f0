#include "controlplane/libp2p/signed_envelope.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/protobuf.h"
#include "controlplane/libp2p/varint.h"
#include "controlplane/libp2p/wire.pb.h"

namespace noisegate::libp2p {
namespace {

void AppendSized(std::span<const uint8_t> bytes, std::vector<uint8_t>& out) {
  AppendVarint(bytes.size(), out);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

absl::Status NotA(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("not a ", what));
}

}  // namespace

std::vector<uint8_t> EnvelopeSignedBytes(const EnvelopePurpose& purpose,
                                         std::span<const uint8_t> payload) {
  std::vector<uint8_t> bytes;
  AppendVarint(purpose.domain.size(), bytes);
  bytes.insert(bytes.end(), purpose.domain.begin(), purpose.domain.end());
  AppendSized(purpose.payload_type, bytes);
  AppendSized(payload, bytes);
  return bytes;
}

absl::StatusOr<std::vector<uint8_t>> SealEnvelope(const crypto::PrivateKey& key,
                                                  const EnvelopePurpose& purpose,
                                                  std::span<const uint8_t> payload) {
  const absl::StatusOr<std::vector<uint8_t>> signature =
      key.SignMessage(EnvelopeSignedBytes(purpose, payload));
  if (!signature.ok()) return signature.status();
  wire::Envelope envelope;
  envelope.set_public_key(TextOf(EncodePublicKey(key.public_key())));
  envelope.set_payload_type(TextOf(purpose.payload_type));
  envelope.set_payload(TextOf(payload));
  envelope.set_signature(TextOf(*signature));
  return Serialize(envelope);
}

absl::StatusOr<OpenedEnvelope> OpenEnvelope(std::span<const uint8_t> bytes,
                                            const EnvelopePurpose& purpose) {
  wire::Envelope envelope;
  if (bytes.size() > kMaxEnvelopeSize || !ParseMessage(bytes, envelope)) {
    return NotA("signed envelope");
  }
  if (!std::ranges::equal(BytesOf(envelope.payload_type()), purpose.payload_type)) {
    return absl::InvalidArgumentError("a signed envelope with another type of payload");
  }
  const absl::StatusOr<crypto::PublicKey> key = DecodePublicKey(BytesOf(envelope.public_key()));
  if (!key.ok()) return key.status();
  const std::span<const uint8_t> payload = BytesOf(envelope.payload());
  if (!key->VerifyMessage(EnvelopeSignedBytes(purpose, payload), BytesOf(envelope.signature()))) {
    return absl::InvalidArgumentError("the signature of the envelope is wrong");
  }
  return OpenedEnvelope{PeerId::OfPublicKey(*key), CopyOf(envelope.payload())};
}

absl::StatusOr<std::vector<uint8_t>> SealPeerRecord(const crypto::PrivateKey& key,
                                                    const PeerRecord& record) {
  wire::PeerRecord message;
  message.set_peer_id(TextOf(record.peer.bytes()));
  message.set_seq(record.sequence);
  for (const Multiaddr& address : record.addresses) {
    message.add_addresses()->set_multiaddr(TextOf(address.ToBytes()));
  }
  return SealEnvelope(key, kPeerRecordPurpose, Serialize(message));
}

absl::StatusOr<PeerRecord> OpenPeerRecord(std::span<const uint8_t> envelope) {
  const absl::StatusOr<OpenedEnvelope> opened = OpenEnvelope(envelope, kPeerRecordPurpose);
  if (!opened.ok()) return opened.status();
  wire::PeerRecord message;
  if (!ParseMessage(opened->payload, message)) return NotA("peer record");
  const absl::StatusOr<PeerId> peer = PeerId::FromBytes(BytesOf(message.peer_id()));
  if (!peer.ok()) return peer.status();
  if (*peer != opened->signer) {
    return absl::InvalidArgumentError("a peer record that another peer signed");
  }
  PeerRecord record{.peer = *peer, .sequence = message.seq(), .addresses = {}};
  for (const wire::AddressInfo& info : message.addresses()) {
    if (record.addresses.size() == kMaxRecordAddresses) break;
    absl::StatusOr<Multiaddr> address = Multiaddr::FromBytes(BytesOf(info.multiaddr()));
    if (address.ok()) record.addresses.push_back(*std::move(address));
  }
  return record;
}

absl::StatusOr<std::vector<uint8_t>> SealVoucher(const crypto::PrivateKey& relay_key,
                                                 const ReservationVoucher& voucher) {
  wire::ReservationVoucher message;
  message.set_relay(TextOf(voucher.relay.bytes()));
  message.set_peer(TextOf(voucher.peer.bytes()));
  message.set_expiration(voucher.expiration);
  return SealEnvelope(relay_key, kReservationVoucherPurpose, Serialize(message));
}

absl::StatusOr<ReservationVoucher> OpenVoucher(std::span<const uint8_t> envelope) {
  const absl::StatusOr<OpenedEnvelope> opened = OpenEnvelope(envelope, kReservationVoucherPurpose);
  if (!opened.ok()) return opened.status();
  wire::ReservationVoucher message;
  if (!ParseMessage(opened->payload, message)) return NotA("reservation voucher");
  const absl::StatusOr<PeerId> relay = PeerId::FromBytes(BytesOf(message.relay()));
  if (!relay.ok()) return relay.status();
  const absl::StatusOr<PeerId> peer = PeerId::FromBytes(BytesOf(message.peer()));
  if (!peer.ok()) return peer.status();
  if (*relay != opened->signer) {
    return absl::InvalidArgumentError("a reservation voucher that another than its relay signed");
  }
  return ReservationVoucher{.relay = *relay, .peer = *peer, .expiration = message.expiration()};
}

}  // namespace noisegate::libp2p
