// Every key of the config file, once: the parser, the suggestions for unknown keys, the reload
// check, config/schema.json and config/example.yaml are all driven by, or held equal to, this
// table.
//
// A section is a map in the file and a struct in config.h. A key reads itself from a YAML node into
// its struct, prints itself, and compares itself between two structs; the default is what a
// default-constructed struct prints.
#ifndef NOISEGATE_CONFIG_KEY_TABLE_H_
#define NOISEGATE_CONFIG_KEY_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace noisegate::config {

class Decoder;
struct Node;

enum class Kind : uint8_t {
  kBool,
  kInteger,
  kDuration,
  kChoice,     // one of `choices`
  kName,       // letters, digits, '.', '_', '-'
  kText,       // anything printable
  kAddress,    // 192.0.2.1
  kPrefix,     // 192.0.2.0/24, host bits zero
  kInterface,  // 192.0.2.1/24, an address and its network
  kMac,
  kEndpoint,  // 192.0.2.1:4242 or 192.0.2.1:4242-4249
  kTcpMultiaddr,  // /ip4/192.0.2.1/tcp/4001 or /ip6/2001:db8::1/tcp/4001
  kPeerId,
  kEmpty,    // no value: the key alone says it
  kSection,  // a map with the keys of `section`
};

struct Section;

struct Key {
  std::string_view name;
  Kind kind;
  bool list = false;        // a list of `kind`
  bool reloadable = false;  // applies on `noisegate reload`; of a section: all that is in it
  bool required = false;
  // Integers: the value. Durations: microseconds. Text: bytes. Lists: `max_items`.
  int64_t min = 0;
  int64_t max = 0;
  int64_t max_items = 0;
  std::string_view doc = {};  // one sentence, the unit included
  std::span<const std::string_view> choices = {};
  const Section* section = nullptr;
  // `owner` points at the struct that the key's section stands for. `decode` reports to the decoder
  // what is wrong and leaves the default in its place. `encode` prints as YAML on one line, ""
  // where unset.
  void (*decode)(Decoder& decoder, const Node& node, const Key& key, void* owner) = nullptr;
  std::string (*encode)(const Key& key, const void* owner) = nullptr;
  bool (*equal)(const void* a, const void* b) = nullptr;
};

struct Section {
  std::string_view name;  // "a peer": for messages
  std::span<const Key> keys;
  const Key* Find(std::string_view key) const;
};

// Where tables begin. Owner: Config.
const Section& RootSection();

// Bounds that both the table and the cross checks use.
inline constexpr int64_t kMaxPeers = 65'536;
inline constexpr int64_t kMaxWorkers = 64;
inline constexpr int64_t kMaxCpu = 1'023;
inline constexpr int64_t kMaxPorts = 64;
inline constexpr int64_t kMinMtuV4 = 576;    // RFC 791
inline constexpr int64_t kMinMtuV6 = 1'280;  // RFC 8200
inline constexpr int64_t kMaxMtu = 9'000;

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_KEY_TABLE_H_
