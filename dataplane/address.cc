#include "dataplane/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

absl::Status Invalid(const char* what, std::string_view text, const char* want) {
  constexpr size_t kShown = 64;  // a hostile text need not be repeated whole
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::string_view(text.data(), std::min(text.size(), kShown)),
                   "\" is not ", what, want));
}

// Decimal digits only, no leading zero, at most `max`.
std::optional<uint32_t> ParseDecimal(std::string_view text, uint32_t max) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  const std::optional<uint32_t> port = ParseDecimal(text, 65535);
  if (!port.has_value() || *port == 0) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

// Splits "192.0.2.1:PORT" and "[2001:db8::1]:PORT". The brackets belong to IPv6 and to it alone.
bool SplitPort(std::string_view text, IpAddress* address, std::string_view* port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const absl::StatusOr<IpAddress> parsed = IpAddress::Parse(host);
  if (!parsed.ok() || parsed->is_v4() == brackets) return false;
  *address = *parsed;
  *port = text.substr(colon + 1);
  return true;
}

std::string HostText(const IpAddress& address) {
  return address.is_v4() ? address.ToString() : absl::StrCat("[", address.ToString(), "]");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string MacAddress::ToString() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

absl::StatusOr<MacAddress> MacAddress::Parse(std::string_view text) {
  MacAddress mac;
  bool good = text.size() == 17;
  for (size_t i = 0; good && i < mac.bytes.size(); ++i) {
    const int high = HexDigit(text[3 * i]), low = HexDigit(text[3 * i + 1]);
    good = high >= 0 && low >= 0 && (i == 5 || text[3 * i + 2] == ':');
    mac.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  if (!good) return Invalid("a MAC address", text, " (six pairs of hex digits: 02:00:00:00:00:01)");
  return mac;
}

IpAddress IpAddress::V4(uint32_t host_order) {
  const uint32_t network_order = htonl(host_order);
  std::array<uint8_t, 4> four;
  std::memcpy(four.data(), &network_order, 4);
  return V4(four);
}

IpAddress IpAddress::V4(std::span<const uint8_t, 4> network_order) {
  IpAddress address;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes.begin());
  std::copy(network_order.begin(), network_order.end(), address.bytes.begin() + 12);
  return address;
}

IpAddress IpAddress::V6(std::span<const uint8_t, 16> network_order) {
  IpAddress address;
  std::copy(network_order.begin(), network_order.end(), address.bytes.begin());
  return address;
}

bool IpAddress::is_v4() const {
  return std::memcmp(bytes.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
}

uint32_t IpAddress::v4() const {
  assert(is_v4());
  uint32_t network_order;
  std::memcpy(&network_order, bytes.data() + 12, 4);
  return ntohl(network_order);
}

bool IpAddress::is_unspecified() const { return is_v4() ? v4() == 0 : *this == IpAddress{}; }

bool IpAddress::is_multicast() const { return is_v4() ? v4() >> 28 == 0xe : bytes[0] == 0xff; }

bool IpAddress::is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  const bool four = is_v4();
  // Cannot fail: the family is known and the buffer fits the longest text.
  inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? 12 : 0), text, sizeof(text));
  return text;
}

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  std::array<uint8_t, 16> bytes;
  if (text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos) {
    const std::string terminated(text);
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
      return V4(std::span<const uint8_t, 16>(bytes).first<4>());
    }
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
      const IpAddress address = V6(bytes);
      if (!address.is_v4()) return address;
      return Invalid("accepted as an IPv6 address", text, ": write the IPv4 address itself");
    }
  }
  return Invalid("an IP address", text, " (192.0.2.1 or 2001:db8::1)");
}

bool Prefix::Contains(const IpAddress& a) const {
  if (a.is_v4() != address.is_v4()) return false;
  const size_t bits = length + (address.is_v4() ? 96u : 0u);
  const size_t whole = bits / 8;
  if (std::memcmp(a.bytes.data(), address.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff00 >> (bits % 8));
  return ((a.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}

Prefix Prefix::Masked() const {
  Prefix masked = *this;
  const size_t bits = length + (address.is_v4() ? 96u : 0u);
  for (size_t i = 0; i < masked.address.bytes.size(); ++i) {
    const size_t kept = std::clamp<size_t>(bits, 8 * i, 8 * i + 8) - 8 * i;
    masked.address.bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  return masked;
}

std::string Prefix::ToString() const {
  return absl::StrCat(address.ToString(), "/", static_cast<unsigned>(length));
}

absl::StatusOr<Prefix> Prefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  absl::StatusOr<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) return address.status();
  const uint32_t max = address->is_v4() ? 32 : 128;
  std::optional<uint32_t> length = max;
  if (slash != std::string_view::npos) length = ParseDecimal(text.substr(slash + 1), max);
  if (!length.has_value()) {
    return Invalid("a prefix", text,
                   address->is_v4() ? ": the length is 0 to 32" : ": the length is 0 to 128");
  }
  return Prefix{*address, static_cast<uint8_t>(*length)};
}

std::string Endpoint::ToString() const { return absl::StrCat(HostText(address), ":", port); }

absl::StatusOr<Endpoint> Endpoint::Parse(std::string_view text) {
  Endpoint endpoint;
  std::string_view port_text;
  if (SplitPort(text, &endpoint.address, &port_text)) {
    if (const std::optional<uint16_t> port = ParsePort(port_text)) {
      endpoint.port = *port;
      return endpoint;
    }
  }
  return Invalid("an endpoint", text, " (192.0.2.1:4242 or [2001:db8::1]:4242)");
}

std::string EndpointRange::ToString() const {
  std::string text = absl::StrCat(HostText(address), ":", first_port);
  if (has_range()) absl::StrAppend(&text, "-", last_port);
  return text;
}

absl::StatusOr<EndpointRange> EndpointRange::Parse(std::string_view text) {
  EndpointRange range;
  std::string_view ports;
  if (SplitPort(text, &range.address, &ports)) {
    const size_t dash = ports.find('-');
    const std::optional<uint16_t> first = ParsePort(ports.substr(0, dash));
    const std::optional<uint16_t> last =
        dash == std::string_view::npos ? first : ParsePort(ports.substr(dash + 1));
    if (first.has_value() && last.has_value() && *last >= *first) {
      range.first_port = *first;
      range.last_port = *last;
      return range;
    }
  }
  return Invalid("an endpoint", text,
                 " (192.0.2.1:4242, 192.0.2.1:4242-4249 or [2001:db8::1]:4242)");
}

}  // namespace noisegate::dataplane
