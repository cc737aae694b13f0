// Signed envelopes (RFC 0002 of libp2p) and the two records that travel in them: peer records (RFC
// 0003) and reservation vouchers (circuit-v2).
//
// What is signed is  size ‖ domain ‖ size ‖ payload type ‖ size ‖ payload, with uvarint sizes. The
// domain keeps a signature for one purpose from being taken for another.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_SIGNED_ENVELOPE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_SIGNED_ENVELOPE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/multiaddr.h"
#include "controlplane/libp2p/peer_id.h"
#include "crypto/key.h"

namespace noisegate::libp2p {

inline constexpr size_t kMaxEnvelopeSize = 8192;  // bytes
inline constexpr size_t kMaxRecordAddresses = 64;

struct EnvelopePurpose {
  std::string_view domain;
  std::span<const uint8_t> payload_type;
};
inline constexpr std::array<uint8_t, 2> kPeerRecordType = {0x03, 0x01};
inline constexpr EnvelopePurpose kPeerRecordPurpose = {"libp2p-peer-record", kPeerRecordType};
inline constexpr std::array<uint8_t, 2> kReservationVoucherType = {0x03, 0x02};
inline constexpr EnvelopePurpose kReservationVoucherPurpose = {"libp2p-relay-rsvp",
                                                               kReservationVoucherType};

// The bytes that are signed.
std::vector<uint8_t> EnvelopeSignedBytes(const EnvelopePurpose& purpose,
                                         std::span<const uint8_t> payload);

absl::StatusOr<std::vector<uint8_t>> SealEnvelope(const crypto::PrivateKey& key,
                                                  const EnvelopePurpose& purpose,
                                                  std::span<const uint8_t> payload);

struct OpenedEnvelope {
  PeerId signer = {};
  std::vector<uint8_t> payload = {};
};
// InvalidArgument for what is no envelope, has another payload type, or is signed wrongly.
absl::StatusOr<OpenedEnvelope> OpenEnvelope(std::span<const uint8_t> envelope,
                                            const EnvelopePurpose& purpose);

// A node's own addresses. A record with a higher `sequence` replaces an older one.
struct PeerRecord {
  PeerId peer = {};
  uint64_t sequence = 0;
  std::vector<Multiaddr> addresses = {};
  bool operator==(const PeerRecord&) const = default;
};
absl::StatusOr<std::vector<uint8_t>> SealPeerRecord(const crypto::PrivateKey& key,
                                                    const PeerRecord& record);
// Also refuses a record about somebody else than its signer. Addresses that we cannot read are left
// out, as peers speak transports that we do not know.
absl::StatusOr<PeerRecord> OpenPeerRecord(std::span<const uint8_t> envelope);

// A relay's proof that a peer holds a reservation.
struct ReservationVoucher {
  PeerId relay = {};
  PeerId peer = {};
  uint64_t expiration = 0;  // unix time, s
  bool operator==(const ReservationVoucher&) const = default;
};
absl::StatusOr<std::vector<uint8_t>> SealVoucher(const crypto::PrivateKey& relay_key,
                                                 const ReservationVoucher& voucher);
// Also refuses a voucher that another than its relay signed. Expiration is the caller's to judge.
absl::StatusOr<ReservationVoucher> OpenVoucher(std::span<const uint8_t> envelope);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_SIGNED_ENVELOPE_H_
