#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "absl/strings/ascii.h"
#include "config/duration.h"

namespace noisegate::config {
namespace {

using std::chrono::microseconds;

std::string Expected(std::string_view what, const Node& node) {
  std::string message = "expected " + std::string(what) + ", found ";
  if (node.is_scalar()) return message + Quote(node.text);
  return message + std::string(node.KindName());
}

std::optional<microseconds> DecodeDuration(Decoder& decoder, const Node& node, const Key& key,
                                           microseconds resolution) {
  const auto value = node.is_scalar() ? ParseDuration(node.text) : std::nullopt;
  if (!value.has_value()) {
    decoder.Report(node.line, Expected("a duration such as 25s, 1.5s or 200us", node));
    return {};
  }
  const microseconds min(key.min), max(key.max);
  if (*value < min || *value > max) {
    decoder.Report(node.line, Quote(node.text) + " is not between " + PrintDuration(min) + " and " +
                                  PrintDuration(max));
    return {};
  }
  if (value->count() % resolution.count() != 0) {
    decoder.Report(node.line, Quote(node.text) + " is finer than " + PrintDuration(resolution));
    return {};
  }
  return value;
}

bool IsNameCharacter(char c) {
  return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '_' || c == '-';
}

bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// The text of a scalar that is meant as text, or nullptr after a report.
const std::string* TextOf(Decoder& decoder, const Node& node, std::string_view what) {
  if (!node.is_scalar()) {
    decoder.Report(node.line, Expected(what, node));
    return nullptr;
  }
  // Other readers of YAML, editors among them, would not see text here.
  if (!node.quoted && node.KindName() != "text") {
    decoder.Report(node.line, "expected " + std::string(what) + ", found " +
                                  std::string(node.KindName()) + "; write it in quotes: \"" +
                                  node.text + "\"");
    return nullptr;
  }
  return &node.text;
}

// Decodes by a type's own strict Parse().
template <typename T>
void DecodeParsed(Decoder& decoder, const Node& node, std::string_view what, T& out) {
  if (node.is_scalar()) {
    if (auto value = T::Parse(node.text); value.ok()) {
      out = *value;
      return;
    }
  }
  decoder.Report(node.line, Expected(what, node));
}

// "/ip4/192.0.2.1/tcp/4001"; port 0 is a free one.
std::optional<dataplane::Endpoint> ParseTcpMultiaddr(std::string_view text) {
  const bool v4 = text.starts_with("/ip4/");
  if (!v4 && !text.starts_with("/ip6/")) return {};
  text.remove_prefix(5);
  constexpr std::string_view kTcp = "/tcp/";
  const size_t tcp = text.find(kTcp);
  if (tcp == std::string_view::npos) return {};
  const auto address = dataplane::IpAddress::Parse(text.substr(0, tcp));
  const std::string_view digits = text.substr(tcp + kTcp.size());
  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!address.ok() || address->is_v4() != v4 || parsed.ec != std::errc() ||
      parsed.ptr != digits.data() + digits.size() || (digits.size() > 1 && digits[0] == '0')) {
    return {};
  }
  return dataplane::Endpoint{*address, port};
}

// A plain scalar wherever every reader of YAML takes it for this text, else in quotes.
std::string PrintText(const std::string& text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = text;
  const bool plain = !text.empty() && text != "null" && node.KindName() == "text" &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) { return IsNameCharacter(c) || c == '/'; }) &&
                     text.front() != '-' && text.front() != '.';
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::optional<int64_t> DecodeInteger(Decoder& decoder, const Node& node, const Key& key) {
  int64_t value = 0;
  const char* end = node.text.data() + node.text.size();
  const auto parsed = std::from_chars(node.text.data(), end, value);
  const bool digits = node.is_scalar() && !node.quoted && parsed.ptr == end &&
                      (node.text.size() == 1 || node.text.front() != '0');
  const bool overflow = parsed.ec == std::errc::result_out_of_range;
  if (!digits || (parsed.ec != std::errc() && !overflow)) {
    decoder.Report(node.line, Expected("a whole number", node) + (node.quoted ? " in quotes" : ""));
    return {};
  }
  if (overflow || value < key.min || value > key.max) {
    decoder.Report(node.line, node.text.substr(0, 24) + " is not between " +
                                  std::to_string(key.min) + " and " + std::to_string(key.max));
    return {};
  }
  return value;
}

std::optional<size_t> DecodeChoice(Decoder& decoder, const Node& node, const Key& key) {
  if (node.is_scalar()) {
    for (size_t i = 0; i < key.choices.size(); ++i) {
      if (key.choices[i] == node.text) return i;
    }
  }
  std::string what = "one of ";
  for (size_t i = 0; i < key.choices.size(); ++i) {
    what += (i == 0 ? "" : ", ") + std::string(key.choices[i]);
  }
  std::string message = Expected(what, node);
  const auto near = node.is_scalar() ? Nearest(node.text, {key.choices.begin(), key.choices.end()})
                                     : std::string_view();
  if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
  decoder.Report(node.line, std::move(message));
  return {};
}

bool CheckList(Decoder& decoder, const Node& node, const Key& key) {
  if (node.is_null()) return true;  // a list whose items are all commented out
  if (!node.is_list()) {
    std::string message = "expected a list, found " + std::string(node.KindName());
    if (node.is_scalar()) message += "; write [" + Printable(node.text) + "]";
    decoder.Report(node.line, std::move(message));
    return false;
  }
  if (static_cast<int64_t>(node.children.size()) > key.max_items) {
    decoder.Report(node.line, std::to_string(node.children.size()) + " items, where at most " +
                                  std::to_string(key.max_items) + " are possible");
    return false;
  }
  return true;
}

void DecodeValue(Decoder& decoder, const Node& node, const Key&, bool& out) {
  if (node.is_scalar() && !node.quoted && (node.text == "true" || node.text == "false")) {
    out = node.text == "true";
    return;
  }
  decoder.Report(node.line, Expected("true or false", node) + (node.quoted ? " in quotes" : ""));
}

void DecodeValue(Decoder& decoder, const Node& node, const Key& key, std::string& out) {
  if (key.kind == Kind::kChoice) {
    if (const auto index = DecodeChoice(decoder, node, key)) out = key.choices[*index];
    return;
  }
  const std::string* text = TextOf(decoder, node, key.kind == Kind::kName ? "a name" : "text");
  if (text == nullptr) return;
  const auto size = static_cast<int64_t>(text->size());
  if (size < key.min || size > key.max) {
    decoder.Report(node.line, Quote(*text) + " has " + std::to_string(size) + " characters, not " +
                                  std::to_string(key.min) + " to " + std::to_string(key.max));
  } else if (key.kind == Kind::kName && !std::all_of(text->begin(), text->end(), IsNameCharacter)) {
    decoder.Report(node.line, Quote(*text) + " is no name: use letters, digits, '.', '_' and '-'");
  } else if (!IsPrintable(*text)) {
    decoder.Report(node.line, Quote(*text) + " contains a character that cannot be printed");
  } else {
    out = *text;
  }
}

void DecodeValue(Decoder& decoder, const Node& node, const Key& key, microseconds& out) {
  if (const auto value = DecodeDuration(decoder, node, key, microseconds(1))) out = *value;
}

void DecodeValue(Decoder& decoder, const Node& node, const Key& key,
                 std::chrono::milliseconds& out) {
  using std::chrono::milliseconds;
  if (const auto value = DecodeDuration(decoder, node, key, milliseconds(1))) {
    out = std::chrono::duration_cast<milliseconds>(*value);
  }
}

void DecodeValue(Decoder& decoder, const Node& node, const Key&, dataplane::IpAddress& out) {
  DecodeParsed(decoder, node, "an address such as 192.0.2.1 or 2001:db8::1", out);
}

void DecodeValue(Decoder& decoder, const Node& node, const Key&, dataplane::MacAddress& out) {
  DecodeParsed(decoder, node, "a MAC address such as 02:00:00:00:00:01", out);
}

void DecodeValue(Decoder& decoder, const Node& node, const Key& key, dataplane::Prefix& out) {
  if (key.kind == Kind::kInterface) {
    constexpr std::string_view kWhat =
        "an address with its prefix length, such as 192.0.2.10/24 or 2001:db8::10/64";
    if (node.is_scalar() && node.text.find('/') == std::string::npos) {
      decoder.Report(node.line, Expected(kWhat, node));
      return;
    }
    DecodeParsed(decoder, node, kWhat, out);
    return;
  }
  dataplane::Prefix prefix;
  const size_t before = decoder.num_problems();
  DecodeParsed(decoder, node, "a prefix such as 10.2.0.0/16 or 2001:db8::/32", prefix);
  if (decoder.num_problems() != before) return;
  if (prefix.Masked() != prefix) {
    decoder.Report(node.line, Quote(node.text) + " has bits behind its length; did you mean " +
                                  prefix.Masked().ToString() + "?");
    return;
  }
  out = prefix;
}

void DecodeValue(Decoder& decoder, const Node& node, const Key& key,
                 dataplane::EndpointRange& out) {
  dataplane::EndpointRange range;
  const size_t before = decoder.num_problems();
  DecodeParsed(decoder, node,
               "an endpoint such as 198.51.100.9:4242, 198.51.100.9:4242-4245 or "
               "[2001:db8::9]:4242",
               range);
  if (decoder.num_problems() != before) return;
  if (range.first_port == 0 || range.last_port < range.first_port || range.count() > key.max) {
    decoder.Report(node.line, Quote(node.text) +
                                  " needs ports from 1 on, the smaller first, and at "
                                  "most " +
                                  std::to_string(key.max) + " of them");
    return;
  }
  out = range;
}

void DecodeValue(Decoder& decoder, const Node& node, const Key&, dataplane::Endpoint& out) {
  const auto endpoint = node.is_scalar() ? ParseTcpMultiaddr(node.text) : std::nullopt;
  if (endpoint) {
    out = *endpoint;
  } else {
    decoder.Report(
        node.line,
        Expected("a multiaddr such as /ip4/0.0.0.0/tcp/4001 or /ip6/::/tcp/4001", node));
  }
}

void DecodeValue(Decoder& decoder, const Node& node, const Key&, crypto::PeerId& out) {
  DecodeParsed(decoder, node, "a peer id, the 43 characters that `noisegate id` prints", out);
}

std::string EncodeValue(const Key&, bool value) { return value ? "true" : "false"; }
std::string EncodeValue(const Key&, const std::string& value) { return PrintText(value); }
std::string EncodeValue(const Key&, microseconds value) { return PrintDuration(value); }
std::string EncodeValue(const Key&, const dataplane::IpAddress& value) {
  return PrintText(value.ToString());
}
std::string EncodeValue(const Key&, const dataplane::MacAddress& value) {
  return PrintText(value.ToString());
}
std::string EncodeValue(const Key&, const dataplane::Prefix& value) {
  return PrintText(value.ToString());
}
std::string EncodeValue(const Key&, const dataplane::EndpointRange& value) {
  return PrintText(value.ToString());
}
std::string EncodeValue(const Key&, const dataplane::Endpoint& value) {
  return PrintText((value.address.is_v4() ? "/ip4/" : "/ip6/") + value.address.ToString() +
                   "/tcp/" + std::to_string(value.port));
}
std::string EncodeValue(const Key&, const crypto::PeerId& value) {
  return PrintText(value.ToString());
}

std::string EncodeSection(const Section& section, const void* owner, const void* defaults) {
  std::string text = "{";
  for (const Key& key : section.keys) {
    if (key.equal(owner, defaults)) continue;
    text += (text.size() == 1 ? "" : ", ") + std::string(key.name) + ": " + key.encode(key, owner);
  }
  return text + "}";
}

}  // namespace noisegate::config
