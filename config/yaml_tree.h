// A YAML file as a tree of nodes that know their lines: the only place that sees the YAML library.
//
// A config needs maps, lists and scalars, so that is all there is: anchors, aliases, tags and
// several documents are refused. With them go the ways to make a small file large (aliases) or a
// value something else than it looks (tags).
#ifndef NOISEGATE_CONFIG_YAML_TREE_H_
#define NOISEGATE_CONFIG_YAML_TREE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace noisegate::config {

inline constexpr int kMaxYamlDepth = 16;
inline constexpr size_t kMaxYamlNodes = 1'000'000;  // about 100 MiB of tree

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;         // scalar in quotes or a block: text, whatever it looks like
  int line = 0;                // 1-based
  int key_line = 0;            // member of a map: where its key stands
  std::string key;             // member of a map
  std::string text;            // scalar
  std::vector<Node> children;  // items of a list, or members of a map in the file's order

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_map() const { return kind == Kind::kMap; }
  const Node* Find(std::string_view member) const;  // nullptr where absent
  // "a list", "a map", "text", "a number", …: for messages. Plain scalars are what the core schema
  // of YAML 1.2 makes of them.
  std::string_view KindName() const;
  bool LooksLikeNumber() const;
};

struct YamlError {
  int line = 0;  // 1-based
  std::string message;
};

// An empty file is an empty map.
std::variant<Node, YamlError> ParseYaml(std::string_view text);

// The line of the node that `path` ("ports[0].addresses[1]") names, or of the nearest node above it
// that exists.
int LineOf(const Node& root, std::string_view path);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_YAML_TREE_H_
