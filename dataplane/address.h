// Network addresses as plain values, and their text: MAC, IP, prefixes, UDP endpoints.
//
// IPv4 is held as the IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), so that one 16-byte form serves
// keys of tables and comparisons. Parsing is strict: no names, no scope, no decimal with leading
// zeros, and no IPv4-mapped text, which would be a second way to write an IPv4 address.
#ifndef NOISEGATE_DATAPLANE_ADDRESS_H_
#define NOISEGATE_DATAPLANE_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::dataplane {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  auto operator<=>(const MacAddress&) const = default;
  std::string ToString() const;  // "02:00:00:00:00:01"
  static absl::StatusOr<MacAddress> Parse(std::string_view text);
};

struct IpAddress {
  std::array<uint8_t, 16> bytes{};  // network order; IPv4 as ::ffff:a.b.c.d

  static IpAddress V4(uint32_t host_order);
  static IpAddress V4(std::span<const uint8_t, 4> network_order);
  static IpAddress V6(std::span<const uint8_t, 16> network_order);

  bool is_v4() const;
  uint32_t v4() const;  // host order; only where is_v4()
  bool is_unspecified() const;
  bool is_multicast() const;
  bool is_link_local() const;  // fe80::/10
  auto operator<=>(const IpAddress&) const = default;
  std::string ToString() const;
  static absl::StatusOr<IpAddress> Parse(std::string_view text);

  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes);
  }
};

// `length` counts bits of the address's own family: 0 … 32 for IPv4, 0 … 128 for IPv6.
struct Prefix {
  IpAddress address;  // host bits are kept for an interface address, zero for a route
  uint8_t length = 0;

  bool Contains(const IpAddress& a) const;  // false across families
  Prefix Masked() const;                    // host bits cleared
  auto operator<=>(const Prefix&) const = default;
  std::string ToString() const;
  static absl::StatusOr<Prefix> Parse(std::string_view text);  // a bare address is /32 or /128

  template <typename H>
  friend H AbslHashValue(H h, const Prefix& p) {
    return H::combine(std::move(h), p.address, p.length);
  }
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order; text has 1 … 65535

  auto operator<=>(const Endpoint&) const = default;
  std::string ToString() const;  // "192.0.2.1:4242", "[2001:db8::1]:4242"
  static absl::StatusOr<Endpoint> Parse(std::string_view text);

  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

// A peer's consecutive UDP ports, one for each of its stripes: "192.0.2.1:4242-4249".
struct EndpointRange {
  IpAddress address;
  uint16_t first_port = 0;
  uint16_t last_port = 0;  // equal to first_port where no range was written

  bool has_range() const { return last_port != first_port; }
  uint32_t count() const { return uint32_t{last_port} - first_port + 1; }
  auto operator<=>(const EndpointRange&) const = default;
  std::string ToString() const;
  static absl::StatusOr<EndpointRange> Parse(std::string_view text);
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_ADDRESS_H_
