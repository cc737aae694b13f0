// Single values of the config: from a YAML scalar into their C++ type, and back into YAML text.
//
// DecodeValue reports to the decoder what is wrong and then leaves `out` as it was. EncodeValue
// prints what DecodeValue reads back as the same value.
#ifndef NOISEGATE_CONFIG_VALUE_H_
#define NOISEGATE_CONFIG_VALUE_H_

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "config/config.h"
#include "config/decoder.h"
#include "config/key_table.h"

namespace noisegate::config {

void DecodeValue(Decoder&, const Node&, const Key&, bool& out);
void DecodeValue(Decoder&, const Node&, const Key&, std::string& out);
void DecodeValue(Decoder&, const Node&, const Key&, std::chrono::microseconds& out);
void DecodeValue(Decoder&, const Node&, const Key&, std::chrono::milliseconds& out);
void DecodeValue(Decoder&, const Node&, const Key&, dataplane::IpAddress& out);
void DecodeValue(Decoder&, const Node&, const Key&, dataplane::MacAddress& out);
void DecodeValue(Decoder&, const Node&, const Key&, dataplane::Prefix& out);
void DecodeValue(Decoder&, const Node&, const Key&, dataplane::EndpointRange& out);
void DecodeValue(Decoder&, const Node&, const Key&, dataplane::Endpoint& out);  // a multiaddr
void DecodeValue(Decoder&, const Node&, const Key&, crypto::PeerId& out);

std::string EncodeValue(const Key&, bool value);
std::string EncodeValue(const Key&, const std::string& value);
std::string EncodeValue(const Key&, std::chrono::microseconds value);
std::string EncodeValue(const Key&, const dataplane::IpAddress& value);
std::string EncodeValue(const Key&, const dataplane::MacAddress& value);
std::string EncodeValue(const Key&, const dataplane::Prefix& value);
std::string EncodeValue(const Key&, const dataplane::EndpointRange& value);
std::string EncodeValue(const Key&, const dataplane::Endpoint& value);
std::string EncodeValue(const Key&, const crypto::PeerId& value);

// An integer between key.min and key.max; nullopt after a report.
std::optional<int64_t> DecodeInteger(Decoder&, const Node&, const Key&);
// The index of the scalar in key.choices; nullopt after a report.
std::optional<size_t> DecodeChoice(Decoder&, const Node&, const Key&);
// Every key of key.section, on one line: "{a: 1, b: 2}"; those that are at their default are left
// out.
std::string EncodeSection(const Section& section, const void* owner, const void* defaults);
// False after a report that `node` is no list or has more than key.max_items items.
bool CheckList(Decoder&, const Node&, const Key&);

template <typename T>
concept Integer = std::unsigned_integral<T> && !std::same_as<T, bool>;
template <typename T>
concept Enum = std::is_enum_v<T>;
template <typename T>
concept Struct = std::same_as<T, Gateway> || std::same_as<T, Crypto> || std::same_as<T, Port> ||
    std::same_as<T, Neighbour> || std::same_as<T, StaticRoute> || std::same_as<T, Peer> ||
    std::same_as<T, Limits> || std::same_as<T, Sessions> || std::same_as<T, Libp2p> ||
    std::same_as<T, Libp2pRelay> || std::same_as<T, Admin> || std::same_as<T, Logging>;

template <Integer T>
void DecodeValue(Decoder& decoder, const Node& node, const Key& key, T& out) {
  if (const auto value = DecodeInteger(decoder, node, key)) out = static_cast<T>(*value);
}

template <Enum T>
void DecodeValue(Decoder& decoder, const Node& node, const Key& key, T& out) {
  if (const auto index = DecodeChoice(decoder, node, key)) out = static_cast<T>(*index);
}

template <Struct T>
void DecodeValue(Decoder& decoder, const Node& node, const Key& key, T& out) {
  if constexpr (std::same_as<T, Peer>) out.line = node.line;
  decoder.DecodeSection(node, *key.section, &out);
}

template <typename T>
void DecodeValue(Decoder& decoder, const Node& node, const Key& key, std::optional<T>& out) {
  T value{};
  const size_t before = decoder.num_problems();
  DecodeValue(decoder, node, key, value);
  if (decoder.num_problems() == before) out = value;
}

// Items that are wrong stay in place at their default, so that the indices of others hold.
template <typename T>
void DecodeValue(Decoder& decoder, const Node& node, const Key& key, std::vector<T>& out) {
  if (!CheckList(decoder, node, key)) return;
  out.clear();
  out.resize(node.children.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const Decoder::Step step(decoder, i);
    DecodeValue(decoder, node.children[i], key, out[i]);
  }
}

template <Integer T>
std::string EncodeValue(const Key&, T value) {
  return std::to_string(value);
}

template <Enum T>
std::string EncodeValue(const Key& key, T value) {
  return std::string(key.choices[static_cast<size_t>(value)]);
}

template <Struct T>
std::string EncodeValue(const Key& key, const T& value) {
  const T defaults;
  return EncodeSection(*key.section, &value, &defaults);
}

template <typename T>
std::string EncodeValue(const Key& key, const std::optional<T>& value) {
  return value.has_value() ? EncodeValue(key, *value) : "";
}

template <typename T>
std::string EncodeValue(const Key& key, const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) text += (text.size() == 1 ? "" : ", ") + EncodeValue(key, value);
  return text + "]";
}

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_VALUE_H_
