// What the key table is written in: a key for a member of a struct, and what can be said of it.
//
//   Range(Field<&Port::mtu>("mtu", Kind::kInteger, "Largest IP packet in bytes."), 576, 9'000)
#ifndef NOISEGATE_CONFIG_KEY_FIELDS_H_
#define NOISEGATE_CONFIG_KEY_FIELDS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "config/decoder.h"
#include "config/key_table.h"
#include "config/value.h"

namespace noisegate::config {

// Bounds of durations are in microseconds.
inline constexpr int64_t kMicrosecond = 1;
inline constexpr int64_t kMillisecond = 1'000;
inline constexpr int64_t kSecond = 1'000'000;
inline constexpr int64_t kHour = 3'600 * kSecond;
inline constexpr int64_t kMaxPath = 4'095;  // bytes; PATH_MAX, with its final zero

// The three accesses of a member pointer.
template <typename C, typename T>
C OwnerOf(T C::*);

template <auto M>
struct Access {
  using Owner = decltype(OwnerOf(M));
  static void Decode(Decoder& decoder, const Node& node, const Key& key, void* owner) {
    DecodeValue(decoder, node, key, static_cast<Owner*>(owner)->*M);
  }
  static std::string Encode(const Key& key, const void* owner) {
    return EncodeValue(key, static_cast<const Owner*>(owner)->*M);
  }
  static bool Equal(const void* a, const void* b) {
    return static_cast<const Owner*>(a)->*M == static_cast<const Owner*>(b)->*M;
  }
};

template <auto M>
constexpr Key Field(std::string_view name, Kind kind, std::string_view doc) {
  Key key{.name = name, .kind = kind, .doc = doc};
  key.decode = &Access<M>::Decode;
  key.encode = &Access<M>::Encode;
  key.equal = &Access<M>::Equal;
  return key;
}

// A section that is compared key by key, and so has no `equal` of its own.
template <auto M>
constexpr Key SectionField(std::string_view name, const Section* section, std::string_view doc) {
  Key key{.name = name, .kind = Kind::kSection, .doc = doc, .section = section};
  key.decode = &Access<M>::Decode;
  key.encode = &Access<M>::Encode;
  return key;
}

constexpr Key Range(Key key, int64_t min, int64_t max) {
  key.min = min;
  key.max = max;
  return key;
}
constexpr Key ListOf(Key key, int64_t max_items) {
  key.list = true;
  key.max_items = max_items;
  return key;
}
constexpr Key Required(Key key) {
  key.required = true;
  return key;
}
constexpr Key Reloadable(Key key) {
  key.reloadable = true;
  return key;
}
constexpr Key Of(const Section* section, Key key) {
  key.section = section;
  return key;
}
constexpr Key Choice(Key key, std::span<const std::string_view> choices) {
  key.choices = choices;
  return key;
}

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_KEY_FIELDS_H_
