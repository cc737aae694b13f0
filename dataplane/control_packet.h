// The gateway's small talk with its links: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861),
// read and written. Ping and ICMP errors are icmp.h, included here.
//
// For the control thread. Frames carry no 802.1Q tag when built (the port adds its own) and may
// when parsed. Whether an address is ours, and how often to answer, is for the caller.
#ifndef NOISEGATE_DATAPLANE_CONTROL_PACKET_H_
#define NOISEGATE_DATAPLANE_CONTROL_PACKET_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/icmp.h"

namespace noisegate::dataplane {

inline constexpr MacAddress kBroadcastMac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// Whether a host can have it: neither a group address nor all zeros.
bool IsHostMac(const MacAddress& mac);

// An Ethernet frame around `payload`, padded to the 60 bytes that a wire needs.
std::vector<uint8_t> BuildFrame(const MacAddress& destination, const MacAddress& source,
                                uint16_t ether_type, std::span<const uint8_t> payload);

// ARP for IPv4 over Ethernet.
struct ArpMessage {
  enum class Operation : uint8_t { kRequest = 1, kReply = 2 };
  Operation operation = Operation::kRequest;
  MacAddress sender_mac;
  IpAddress sender;       // 0.0.0.0: a probe for duplicates (RFC 5227), nothing to learn from
  MacAddress target_mac;  // means nothing in a request
  IpAddress target;
  bool operator==(const ArpMessage&) const = default;
};

// Nothing for other frames, other media, and senders that no host can have.
std::optional<ArpMessage> ParseArp(std::span<const uint8_t> frame);
std::vector<uint8_t> BuildArp(const ArpMessage& message, const MacAddress& frame_destination);
// To everyone, or to `known` to ask whether it is still there.
std::vector<uint8_t> BuildArpRequest(const MacAddress& own_mac, const IpAddress& own_address,
                                     const IpAddress& target,
                                     const std::optional<MacAddress>& known = std::nullopt);
std::vector<uint8_t> BuildArpReply(const ArpMessage& request, const MacAddress& own_mac);

// Neighbour solicitation and advertisement.
struct NeighbourMessage {
  enum class Kind : uint8_t { kSolicitation = 135, kAdvertisement = 136 };  // ICMPv6 types
  Kind kind = Kind::kSolicitation;
  MacAddress frame_source;
  IpAddress source;  // ::, a probe for duplicates (RFC 4862), nothing to learn from
  IpAddress destination;
  IpAddress target;
  std::optional<MacAddress> link_address;  // of the source, or, in an advertisement, of the target
  bool router = false;                     // advertisements only, as the next ones
  bool solicited = false;
  bool override_existing = false;
  bool operator==(const NeighbourMessage&) const = default;
};

// Nothing for other frames, and for those to discard (RFC 4861 7.1): a hop limit below 255 (so it
// crossed a router), a wrong checksum, a fragment (RFC 6980), an option of no length,
// contradictions.
std::optional<NeighbourMessage> ParseNeighbour(std::span<const uint8_t> frame);
std::vector<uint8_t> BuildNeighbour(const NeighbourMessage& message,
                                    const MacAddress& frame_destination);
// To the target's solicited-node group, or to `known` to ask whether it is still there.
std::vector<uint8_t> BuildSolicitation(const MacAddress& own_mac, const IpAddress& own_address,
                                       const IpAddress& target,
                                       const std::optional<MacAddress>& known = std::nullopt);
// The answer to a solicitation for an address of ours, as a router.
std::vector<uint8_t> BuildAdvertisement(const NeighbourMessage& solicitation,
                                        const MacAddress& own_mac);
// Tells everyone on the link that `own_address` is here.
std::vector<uint8_t> BuildUnsolicitedAdvertisement(const MacAddress& own_mac,
                                                   const IpAddress& own_address);

IpAddress SolicitedNodeGroup(const IpAddress& target);  // ff02::1:ffXX:XXXX (RFC 4291 2.7.1)
MacAddress GroupMac(const IpAddress& group);            // 33:33:… of an IPv6 group (RFC 2464 7)

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_CONTROL_PACKET_H_
