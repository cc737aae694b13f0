// The messages of Circuit Relay v2 (specification: circuit-v2), as values and as protobuf bodies.
// On a stream each goes behind its size (length_prefixed.h), at most kMaxCircuitMessage bytes.
//
// Parsing is lenient where the specification lets peers differ (unknown fields, absent optionals)
// and strict where a field is used: ids must be ids, addresses that we cannot read are left out.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_CIRCUIT_MESSAGES_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_CIRCUIT_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/multiaddr.h"
#include "controlplane/libp2p/peer_id.h"

namespace noisegate::libp2p {

inline constexpr std::string_view kHopProtocol = "/libp2p/circuit/relay/0.2.0/hop";
inline constexpr std::string_view kStopProtocol = "/libp2p/circuit/relay/0.2.0/stop";
inline constexpr size_t kMaxCircuitAddresses = 32;  // in one message; more are left out

enum class HopType : uint8_t { kReserve = 0, kConnect = 1, kStatus = 2 };
enum class StopType : uint8_t { kConnect = 0, kStatus = 1 };

enum class CircuitStatus : uint16_t {
  kOk = 100,
  kReservationRefused = 200,
  kResourceLimitExceeded = 201,
  kPermissionDenied = 202,
  kConnectionFailed = 203,
  kNoReservation = 204,
  kMalformedMessage = 400,
  kUnexpectedMessage = 401,
};
// "RESERVATION_REFUSED", …; "UNKNOWN" for other numbers.
std::string_view ToString(CircuitStatus status);

struct CircuitPeer {
  PeerId id = {};
  std::vector<Multiaddr> addresses = {};
  bool operator==(const CircuitPeer&) const = default;
};

struct CircuitReservation {
  uint64_t expire = 0;                    // unix time, s
  std::vector<Multiaddr> addresses = {};  // the relay's own
  std::vector<uint8_t> voucher = {};      // a signed envelope; empty if there is none
  bool operator==(const CircuitReservation&) const = default;
};

// 0 is unlimited. Both zero is written as an empty message; no limit at all as no message.
struct CircuitLimit {
  uint32_t duration = 0;  // s
  uint64_t data = 0;      // bytes in each direction
  bool operator==(const CircuitLimit&) const = default;
};

struct HopMessage {
  HopType type = HopType::kReserve;
  std::optional<CircuitPeer> peer = std::nullopt;
  std::optional<CircuitReservation> reservation = std::nullopt;
  std::optional<CircuitLimit> limit = std::nullopt;
  std::optional<CircuitStatus> status = std::nullopt;  // any number, also ones without a name
  bool operator==(const HopMessage&) const = default;
};

struct StopMessage {
  StopType type = StopType::kConnect;
  std::optional<CircuitPeer> peer = std::nullopt;
  std::optional<CircuitLimit> limit = std::nullopt;
  std::optional<CircuitStatus> status = std::nullopt;
  bool operator==(const StopMessage&) const = default;
};

// Protobuf bodies, without size in front. The type is written even where it is 0.
std::vector<uint8_t> SerializeHop(const HopMessage& message);
std::vector<uint8_t> SerializeStop(const StopMessage& message);

// InvalidArgument for what answers MALFORMED_MESSAGE: not protobuf, too long, a type that is
// missing or unknown, a CONNECT without a peer, a peer whose id is none.
absl::StatusOr<HopMessage> ParseHop(std::span<const uint8_t> body);
absl::StatusOr<StopMessage> ParseStop(std::span<const uint8_t> body);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_CIRCUIT_MESSAGES_H_
