// Multiaddrs: self-describing addresses, as text and as bytes (specification: addressing).
//
//   Multiaddr a = Multiaddr::Parse("/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…").value();
//   a.tcp();           // the endpoint to dial, if it can be dialled by TCP
//   a.last_peer();     // who must answer there
//   a.circuit();       // for /…/p2p/RELAY/p2p-circuit/p2p/TARGET: both halves
//
// Every protocol below is kept in text and bytes; only those with TCP can be dialled. Protocols
// that are not in the list are refused with an error that names them, as their size is unknown.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_MULTIADDR_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_MULTIADDR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/peer_id.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

// The numbers are those of the multicodec table.
enum class AddressProtocol : uint32_t {
  kIp4 = 4,
  kTcp = 6,
  kIp6 = 41,
  kIp6Zone = 42,
  kDns = 53,
  kDns4 = 54,
  kDns6 = 55,
  kDnsaddr = 56,
  kUdp = 273,
  kP2pCircuit = 290,
  kP2p = 421,
  kTls = 448,
  kSni = 449,
  kNoise = 454,
  kQuic = 460,
  kQuicV1 = 461,
  kWebtransport = 465,
  kCerthash = 466,
  kWs = 477,
  kWss = 478,
  kWebrtcDirect = 280,
  kWebrtc = 281,
};

inline constexpr size_t kMaxMultiaddrSize = 1024;      // bytes of binary form
inline constexpr size_t kMaxMultiaddrTextSize = 2048;  // characters
inline constexpr size_t kMaxMultiaddrParts = 16;

// Where a TCP address leads: an IP address, or a name with the families that it may resolve to.
struct TcpTarget {
  enum class Family : uint8_t { kAny, kV4, kV6 };
  std::optional<dataplane::IpAddress> address = std::nullopt;
  std::string zone = {};  // of a link-local IPv6 address; empty otherwise
  std::string name = {};  // DNS name where there is no address
  Family family = Family::kAny;
  uint16_t port = 0;
};

struct CircuitAddress;

// An immutable value. Two addresses are equal where their bytes are.
class Multiaddr {
 public:
  struct Part {
    AddressProtocol protocol;
    std::vector<uint8_t> value;  // without length prefix
    bool operator==(const Part&) const = default;
  };

  Multiaddr() = default;

  // InvalidArgument names the part and what is wrong with it. "/ipfs/ID" is taken for "/p2p/ID".
  // IPv6 zones come first, as in "/ip6zone/eth0/ip6/fe80::1"; "fe80::1%eth0" is refused.
  static absl::StatusOr<Multiaddr> Parse(std::string_view text);
  // The whole of `bytes`, bounded by kMaxMultiaddrSize.
  static absl::StatusOr<Multiaddr> FromBytes(std::span<const uint8_t> bytes);

  // "/ip4/A/tcp/P" or "/ip6/A/tcp/P".
  static Multiaddr OfTcp(const dataplane::Endpoint& endpoint);

  std::string ToString() const;
  std::vector<uint8_t> ToBytes() const;

  const std::vector<Part>& parts() const { return parts_; }
  bool empty() const { return parts_.empty(); }
  bool Has(AddressProtocol protocol) const;

  // Where this is ip4/ip6/dns… then tcp, then nothing, /p2p/ID, or /p2p/ID/p2p-circuit…: the place
  // to connect to. nullopt where TCP alone does not lead there (QUIC, WebSocket, TLS …).
  std::optional<TcpTarget> tcp() const;

  // The id in the last /p2p part, if the address ends in one: who is meant by the whole address.
  std::optional<PeerId> last_peer() const;

  // Both halves of an address through a relay. nullopt if there is no /p2p-circuit,
  // InvalidArgument-like shapes (two circuits, a relay without id) also give nullopt.
  std::optional<CircuitAddress> circuit() const;

  // With "/p2p/ID" or "/p2p-circuit" behind it. Requires fewer than kMaxMultiaddrParts parts.
  Multiaddr WithPeer(const PeerId& id) const;
  Multiaddr WithCircuit() const;

  bool operator==(const Multiaddr&) const = default;

 private:
  std::vector<Part> parts_;
};

struct CircuitAddress {
  Multiaddr relay;  // ends in /p2p/RELAY; may lack a transport ("/p2p/R/p2p-circuit/…")
  PeerId relay_id = {};
  std::optional<PeerId> target = std::nullopt;  // absent in a listen address
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_MULTIADDR_H_
