#include "controlplane/libp2p/multiaddr.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/base_text.h"
#include "controlplane/libp2p/varint.h"
#include "dataplane/bytes.h"

namespace noisegate::libp2p {
namespace {

using Value = std::vector<uint8_t>;
using ParsedValue = absl::StatusOr<Value>;

enum class Kind : uint8_t { kNone, kIp4, kIp6, kPort, kName, kPeer, kHash };

struct Protocol {
  AddressProtocol code;
  std::string_view name;
  Kind kind;
};

constexpr Protocol kProtocols[] = {
    {AddressProtocol::kIp4, "ip4", Kind::kIp4},
    {AddressProtocol::kTcp, "tcp", Kind::kPort},
    {AddressProtocol::kIp6, "ip6", Kind::kIp6},
    {AddressProtocol::kIp6Zone, "ip6zone", Kind::kName},
    {AddressProtocol::kDns, "dns", Kind::kName},
    {AddressProtocol::kDns4, "dns4", Kind::kName},
    {AddressProtocol::kDns6, "dns6", Kind::kName},
    {AddressProtocol::kDnsaddr, "dnsaddr", Kind::kName},
    {AddressProtocol::kUdp, "udp", Kind::kPort},
    {AddressProtocol::kWebrtcDirect, "webrtc-direct", Kind::kNone},
    {AddressProtocol::kWebrtc, "webrtc", Kind::kNone},
    {AddressProtocol::kP2pCircuit, "p2p-circuit", Kind::kNone},
    {AddressProtocol::kP2p, "p2p", Kind::kPeer},
    {AddressProtocol::kTls, "tls", Kind::kNone},
    {AddressProtocol::kSni, "sni", Kind::kName},
    {AddressProtocol::kNoise, "noise", Kind::kNone},
    {AddressProtocol::kQuic, "quic", Kind::kNone},
    {AddressProtocol::kQuicV1, "quic-v1", Kind::kNone},
    {AddressProtocol::kWebtransport, "webtransport", Kind::kNone},
    {AddressProtocol::kCerthash, "certhash", Kind::kHash},
    {AddressProtocol::kWs, "ws", Kind::kNone},
    {AddressProtocol::kWss, "wss", Kind::kNone},
};

constexpr size_t kMaxNameSize = 253;  // RFC 1035
constexpr size_t kMaxHashSize = 66;   // multihash of 64 bytes

const Protocol* FindProtocol(std::string_view name) {
  if (name == "ipfs") name = "p2p";  // its name of old
  const auto found = std::ranges::find(kProtocols, name, &Protocol::name);
  return found == std::end(kProtocols) ? nullptr : found;
}

const Protocol* FindProtocol(uint64_t code) {
  const auto found = std::ranges::find(
      kProtocols, code, [](const Protocol& p) { return static_cast<uint64_t>(p.code); });
  return found == std::end(kProtocols) ? nullptr : found;
}

std::string Text(std::string_view text) { return std::string(text); }

// Enough for host names and interface names; no byte that could end a part or fool a terminal.
bool IsName(std::span<const uint8_t> name) {
  return !name.empty() && name.size() <= kMaxNameSize && std::ranges::all_of(name, [](uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

// Where the bytes of a part are not what its protocol wants.
absl::Status CheckValue(const Protocol& protocol, std::span<const uint8_t> value) {
  switch (protocol.kind) {
    case Kind::kNone:
    case Kind::kIp4:
    case Kind::kPort:
      return absl::OkStatus();  // any bytes of the right size
    case Kind::kIp6:
      if (!dataplane::IpAddress::V6(value.first<16>()).is_v4()) return absl::OkStatus();
      return absl::InvalidArgumentError("an IPv4 address is written as /ip4");
    case Kind::kName:
      if (IsName(value)) return absl::OkStatus();
      return absl::InvalidArgumentError("a name has 1 to 253 letters, digits, '-', '.' or '_'");
    case Kind::kPeer:
      return PeerId::FromBytes(value).status();
    case Kind::kHash:
      if (value.size() >= 2 && value.size() <= kMaxHashSize) return absl::OkStatus();
      return absl::InvalidArgumentError("not a multihash");
  }
  return absl::InternalError("unreachable");
}

ParsedValue ParseIp(std::string_view text, bool v4) {
  const absl::StatusOr<dataplane::IpAddress> address = dataplane::IpAddress::Parse(text);
  if (!address.ok()) return address.status();
  if (address->is_v4() != v4) {
    return absl::InvalidArgumentError(v4 ? "not an IPv4 address" : "not an IPv6 address");
  }
  return Value(address->bytes.begin() + (v4 ? 12 : 0), address->bytes.end());
}

ParsedValue ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  if (error != std::errc() || end != text.data() + text.size() || leading_zero) {
    return absl::InvalidArgumentError("a port is a number from 0 to 65535");
  }
  Value value(2);
  dataplane::StoreBe16(value.data(), port);
  return value;
}

ParsedValue ParsePeer(std::string_view text) {
  const absl::StatusOr<PeerId> id = PeerId::Parse(text);
  if (!id.ok()) return id.status();
  return Value(id->bytes().begin(), id->bytes().end());
}

ParsedValue ParseHash(std::string_view text) {
  const std::optional<Base> base = text.empty() ? std::nullopt : BaseOfPrefix(text[0]);
  std::optional<Value> value = base ? DecodeBase(*base, text.substr(1)) : std::nullopt;
  if (!value) return absl::InvalidArgumentError("not multibase text (u…, b…, z… or k…)");
  return *std::move(value);
}

ParsedValue ParseValue(const Protocol& protocol, std::string_view text) {
  switch (protocol.kind) {
    case Kind::kNone:
      return Value();
    case Kind::kIp4:
    case Kind::kIp6:
      return ParseIp(text, protocol.kind == Kind::kIp4);
    case Kind::kPort:
      return ParsePort(text);
    case Kind::kName:
      return Value(text.begin(), text.end());
    case Kind::kPeer:
      return ParsePeer(text);
    case Kind::kHash:
      return ParseHash(text);
  }
  return absl::InternalError("unreachable");
}

std::string PrintValue(const Protocol& protocol, std::span<const uint8_t> value) {
  switch (protocol.kind) {
    case Kind::kNone:
      return "";
    case Kind::kIp4:
      return dataplane::IpAddress::V4(value.first<4>()).ToString();
    case Kind::kIp6:
      return dataplane::IpAddress::V6(value.first<16>()).ToString();
    case Kind::kPort:
      return std::to_string(dataplane::LoadBe16(value.data()));
    case Kind::kName:
      return std::string(value.begin(), value.end());
    case Kind::kPeer:
      return PeerId::FromBytes(value)->ToString();
    case Kind::kHash:
      return "u" + EncodeBase(Base::k64, value);
  }
  return "";
}

// Bytes of a value whose size the protocol fixes; nullopt where a uvarint says it.
std::optional<size_t> FixedSize(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return 0;
    case Kind::kIp4:
      return 4;
    case Kind::kIp6:
      return 16;
    case Kind::kPort:
      return 2;
    case Kind::kName:
    case Kind::kPeer:
    case Kind::kHash:
      return std::nullopt;
  }
  return std::nullopt;
}

absl::Status Cut() { return absl::InvalidArgumentError("a multiaddr that is cut short"); }

// Takes a uvarint off the front.
std::optional<uint64_t> TakeVarint(std::span<const uint8_t>& bytes) {
  const Varint varint = ReadVarint(bytes);
  if (varint.state != Varint::State::kOk) return std::nullopt;
  bytes = bytes.subspan(varint.size);
  return varint.value;
}

absl::StatusOr<Multiaddr::Part> TakePart(std::span<const uint8_t>& bytes) {
  const std::optional<uint64_t> code = TakeVarint(bytes);
  if (!code) return Cut();
  const Protocol* const protocol = FindProtocol(*code);
  if (protocol == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("a multiaddr with protocol number ", *code, ", which is not known here"));
  }
  const std::optional<size_t> fixed = FixedSize(protocol->kind);
  const std::optional<uint64_t> size = fixed ? std::optional<uint64_t>(*fixed) : TakeVarint(bytes);
  if (!size || *size > bytes.size()) return Cut();
  const std::span<const uint8_t> value = bytes.first(*size);
  bytes = bytes.subspan(*size);
  if (absl::Status status = CheckValue(*protocol, value); !status.ok()) return status;
  return Multiaddr::Part{protocol->code, Value(value.begin(), value.end())};
}

// Takes "/text" off the front.
std::string_view TakeText(std::string_view& rest) {
  const size_t end = std::min(rest.find('/', 1), rest.size());
  const std::string_view text = rest.substr(1, end - 1);
  rest.remove_prefix(end);
  return text;
}

std::optional<TcpTarget::Family> FamilyOf(AddressProtocol protocol) {
  switch (protocol) {
    case AddressProtocol::kDns:
      return TcpTarget::Family::kAny;
    case AddressProtocol::kDns4:
      return TcpTarget::Family::kV4;
    case AddressProtocol::kDns6:
      return TcpTarget::Family::kV6;
    default:
      return std::nullopt;
  }
}

}  // namespace

absl::StatusOr<Multiaddr> Multiaddr::Parse(std::string_view text) {
  if (text.size() > kMaxMultiaddrTextSize) {
    return absl::InvalidArgumentError("a multiaddr over 2,048 characters");
  }
  if (text.empty() || text[0] != '/') {
    return absl::InvalidArgumentError(
        "a multiaddr begins with '/', as in /ip4/192.0.2.1/tcp/4001/p2p/ID");
  }
  Multiaddr address;
  while (!text.empty()) {
    const std::string_view name = TakeText(text);
    const Protocol* const protocol = FindProtocol(name);
    if (protocol == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("a multiaddr with protocol \"", Text(name), "\", which is not known here"));
    }
    const bool has_value = protocol->kind != Kind::kNone;
    if (has_value && text.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("/", Text(name), " lacks its value"));
    }
    const std::string_view value_text = has_value ? TakeText(text) : std::string_view();
    ParsedValue value = ParseValue(*protocol, value_text);
    const absl::Status status = value.ok() ? CheckValue(*protocol, *value) : value.status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("/", Text(name), "/", Text(value_text), ": ", status.message()));
    }
    address.parts_.push_back({protocol->code, *std::move(value)});
    if (address.parts_.size() > kMaxMultiaddrParts) {
      return absl::InvalidArgumentError("a multiaddr with more than 16 parts");
    }
  }
  if (address.ToBytes().size() > kMaxMultiaddrSize) {
    return absl::InvalidArgumentError("a multiaddr over 1,024 bytes");
  }
  return address;
}

absl::StatusOr<Multiaddr> Multiaddr::FromBytes(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("an empty multiaddr");
  if (bytes.size() > kMaxMultiaddrSize) {
    return absl::InvalidArgumentError("a multiaddr over 1,024 bytes");
  }
  Multiaddr address;
  while (!bytes.empty()) {
    absl::StatusOr<Part> part = TakePart(bytes);
    if (!part.ok()) return part.status();
    address.parts_.push_back(*std::move(part));
    if (address.parts_.size() > kMaxMultiaddrParts) {
      return absl::InvalidArgumentError("a multiaddr with more than 16 parts");
    }
  }
  return address;
}

Multiaddr Multiaddr::OfTcp(const dataplane::Endpoint& endpoint) {
  const bool v4 = endpoint.address.is_v4();
  const auto& ip = endpoint.address.bytes;
  Value port(2);
  dataplane::StoreBe16(port.data(), endpoint.port);
  Multiaddr address;
  address.parts_ = {{v4 ? AddressProtocol::kIp4 : AddressProtocol::kIp6,
                     Value(ip.begin() + (v4 ? 12 : 0), ip.end())},
                    {AddressProtocol::kTcp, std::move(port)}};
  return address;
}

std::string Multiaddr::ToString() const {
  std::string text;
  for (const Part& part : parts_) {
    const Protocol& protocol = *FindProtocol(static_cast<uint64_t>(part.protocol));
    text += '/';
    text += protocol.name;
    if (protocol.kind == Kind::kNone) continue;
    text += '/';
    text += PrintValue(protocol, part.value);
  }
  return text;
}

std::vector<uint8_t> Multiaddr::ToBytes() const {
  std::vector<uint8_t> bytes;
  for (const Part& part : parts_) {
    const Protocol& protocol = *FindProtocol(static_cast<uint64_t>(part.protocol));
    AppendVarint(static_cast<uint64_t>(part.protocol), bytes);
    if (!FixedSize(protocol.kind)) AppendVarint(part.value.size(), bytes);
    bytes.insert(bytes.end(), part.value.begin(), part.value.end());
  }
  return bytes;
}

bool Multiaddr::Has(AddressProtocol protocol) const {
  return std::ranges::find(parts_, protocol, &Part::protocol) != parts_.end();
}

std::optional<TcpTarget> Multiaddr::tcp() const {
  TcpTarget target;
  size_t i = 0;
  const bool zoned = !parts_.empty() && parts_[0].protocol == AddressProtocol::kIp6Zone;
  if (zoned) {
    target.zone.assign(parts_[0].value.begin(), parts_[0].value.end());
    i = 1;
  }
  if (parts_.size() < i + 2 || parts_[i + 1].protocol != AddressProtocol::kTcp) return std::nullopt;
  const Part& host = parts_[i];
  const std::span<const uint8_t> value(host.value);
  if (host.protocol == AddressProtocol::kIp6) {
    target.address = dataplane::IpAddress::V6(value.first<16>());
  } else if (zoned) {
    return std::nullopt;
  } else if (host.protocol == AddressProtocol::kIp4) {
    target.address = dataplane::IpAddress::V4(value.first<4>());
  } else if (const auto family = FamilyOf(host.protocol)) {
    target.name.assign(value.begin(), value.end());
    target.family = *family;
  } else {
    return std::nullopt;
  }
  target.port = dataplane::LoadBe16(parts_[i + 1].value.data());
  const std::span<const Part> rest = std::span(parts_).subspan(i + 2);
  if (!rest.empty() && rest[0].protocol != AddressProtocol::kP2p) return std::nullopt;
  if (rest.size() > 1 && rest[1].protocol != AddressProtocol::kP2pCircuit) return std::nullopt;
  return target;
}

std::optional<PeerId> Multiaddr::last_peer() const {
  if (parts_.empty() || parts_.back().protocol != AddressProtocol::kP2p) return std::nullopt;
  return PeerId::FromBytes(parts_.back().value).value();
}

std::optional<CircuitAddress> Multiaddr::circuit() const {
  const auto hop = std::ranges::find(parts_, AddressProtocol::kP2pCircuit, &Part::protocol);
  if (hop == parts_.end()) return std::nullopt;
  CircuitAddress circuit;
  circuit.relay.parts_.assign(parts_.begin(), hop);
  const std::optional<PeerId> relay = circuit.relay.last_peer();
  if (!relay) return std::nullopt;
  circuit.relay_id = *relay;
  const std::span<const Part> rest(hop + 1, parts_.end());
  if (rest.empty()) return circuit;
  if (rest.size() > 1 || rest[0].protocol != AddressProtocol::kP2p) return std::nullopt;
  circuit.target = PeerId::FromBytes(rest[0].value).value();
  return circuit;
}

Multiaddr Multiaddr::WithPeer(const PeerId& id) const {
  assert(parts_.size() < kMaxMultiaddrParts && !id.empty());
  Multiaddr address = *this;
  address.parts_.push_back({AddressProtocol::kP2p, Value(id.bytes().begin(), id.bytes().end())});
  return address;
}

Multiaddr Multiaddr::WithCircuit() const {
  assert(parts_.size() < kMaxMultiaddrParts);
  Multiaddr address = *this;
  address.parts_.push_back({AddressProtocol::kP2pCircuit, {}});
  return address;
}

}  // namespace noisegate::libp2p
