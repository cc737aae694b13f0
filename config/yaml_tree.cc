#include "config/yaml_tree.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace noisegate::config {
namespace {

bool AllOf(std::string_view text, std::string_view alphabet) {
  return !text.empty() && text.find_first_not_of(alphabet) == std::string_view::npos;
}

bool AllDigits(std::string_view text) { return AllOf(text, "0123456789"); }

// `word` in the three spellings of YAML's core schema: null, Null, NULL.
bool IsWord(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  const auto upper = [](char c) { return static_cast<char>(c - 'a' + 'A'); };
  bool lower_tail = true, upper_tail = true;
  for (size_t i = 1; i < word.size(); ++i) {
    lower_tail &= text[i] == word[i];
    upper_tail &= text[i] == upper(word[i]);
  }
  return (text[0] == word[0] && lower_tail) ||
         (text[0] == upper(word[0]) && (lower_tail || upper_tail));
}

// An event of the library that frees itself.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Replaces the event by the parser's next one; false on a syntax error.
  bool Next(yaml_parser_t* parser) {
    yaml_event_delete(&event_);
    return yaml_parser_parse(parser, &event_) != 0;
  }
  yaml_event_type_t type() const { return event_.type; }
  const yaml_event_t& get() const { return event_; }
  int line() const { return static_cast<int>(event_.start_mark.line) + 1; }

 private:
  yaml_event_t event_{};
};

class TreeBuilder {
 public:
  explicit TreeBuilder(std::string_view text) {
    ready_ = yaml_parser_initialize(&parser_) != 0;
    if (!ready_) return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    const char* begin = text.empty() ? "" : text.data();  // the library takes no null pointer
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(begin),
                                 text.size());
  }
  ~TreeBuilder() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  TreeBuilder(const TreeBuilder&) = delete;
  TreeBuilder& operator=(const TreeBuilder&) = delete;

  std::variant<Node, YamlError> Build() {
    Node root;
    root.kind = Node::Kind::kMap;
    root.line = 1;
    if (!ready_) return YamlError{0, "out of memory"};
    if (ReadStream(&root)) return root;
    return *error_;
  }

 private:
  bool Fail(int line, std::string message) {
    error_ = YamlError{line, std::move(message)};
    return false;
  }

  bool SyntaxError() {
    const char* problem = parser_.problem != nullptr ? parser_.problem : "syntax error";
    std::string message = "not YAML: ";
    if (parser_.context != nullptr) {
      message += parser_.context;
      message += " that began on line " + std::to_string(parser_.context_mark.line + 1) + ": ";
    }
    message += problem;
    // The reader, which checks the encoding, knows an offset instead of a line.
    if (parser_.error == YAML_READER_ERROR) {
      message += " at byte " + std::to_string(parser_.problem_offset);
      return Fail(static_cast<int>(parser_.mark.line) + 1, std::move(message));
    }
    return Fail(static_cast<int>(parser_.problem_mark.line) + 1, std::move(message));
  }

  bool Next() { return event_.Next(&parser_) || SyntaxError(); }

  bool ReadStream(Node* root) {
    if (!Next() || !Next()) return false;  // stream start, then a document or the end
    if (event_.type() == YAML_STREAM_END_EVENT) return true;
    if (!Next() || !ReadNode(root, 0)) return false;
    if (root->is_null()) root->kind = Node::Kind::kMap;
    if (!Next() || !Next()) return false;  // document end, then the stream's
    if (event_.type() == YAML_STREAM_END_EVENT) return true;
    return Fail(event_.line(), "a second document; a config is one");
  }

  // Reads the node that begins with the current event, to its last event.
  bool ReadNode(Node* node, int depth) {
    node->line = event_.line();
    if (++nodes_ > kMaxYamlNodes) return Fail(node->line, "too many values");
    switch (event_.type()) {
      case YAML_SCALAR_EVENT:
        return ReadScalar(node);
      case YAML_SEQUENCE_START_EVENT: {
        const auto& start = event_.get().data.sequence_start;
        if (!Plain(start.anchor, start.tag) || !Shallow(depth)) return false;
        return ReadList(node, depth + 1);
      }
      case YAML_MAPPING_START_EVENT: {
        const auto& start = event_.get().data.mapping_start;
        if (!Plain(start.anchor, start.tag) || !Shallow(depth)) return false;
        return ReadMap(node, depth + 1);
      }
      case YAML_ALIAS_EVENT:
        return Fail(node->line, "an alias (*name); write the value out");
      default:
        return Fail(node->line, "not YAML: a value is missing");
    }
  }

  bool Plain(const yaml_char_t* anchor, const yaml_char_t* tag) {
    if (anchor != nullptr) return Fail(event_.line(), "an anchor (&name); write each value out");
    if (tag != nullptr)
      return Fail(event_.line(), "a tag (!name); values have the type of their key");
    return true;
  }

  bool Shallow(int depth) {
    return depth < kMaxYamlDepth || Fail(event_.line(), "nested too deeply");
  }

  bool ReadScalar(Node* node) {
    const auto& scalar = event_.get().data.scalar;
    if (!Plain(scalar.anchor, scalar.tag)) return false;
    node->kind = Node::Kind::kScalar;
    node->quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool null = node->text.empty() || node->text == "~" || IsWord(node->text, "null");
    if (null && !node->quoted) node->kind = Node::Kind::kNull;
    return true;
  }

  bool ReadList(Node* node, int depth) {
    node->kind = Node::Kind::kList;
    for (;;) {
      if (!Next()) return false;
      if (event_.type() == YAML_SEQUENCE_END_EVENT) return true;
      if (!ReadNode(&node->children.emplace_back(), depth)) return false;
    }
  }

  bool ReadMap(Node* node, int depth) {
    node->kind = Node::Kind::kMap;
    for (;;) {
      if (!Next()) return false;
      if (event_.type() == YAML_MAPPING_END_EVENT) return true;
      if (event_.type() == YAML_ALIAS_EVENT) {
        return Fail(event_.line(), "an alias (*name); write the value out");
      }
      if (event_.type() != YAML_SCALAR_EVENT) return Fail(event_.line(), "a key must be a word");
      const auto& key = event_.get().data.scalar;
      if (!Plain(key.anchor, key.tag)) return false;
      Node& member = node->children.emplace_back();
      member.key.assign(reinterpret_cast<const char*>(key.value), key.length);
      member.key_line = event_.line();
      if (!Next() || !ReadNode(&member, depth)) return false;
    }
  }

  yaml_parser_t parser_{};
  bool ready_ = false;
  Event event_;
  size_t nodes_ = 0;
  std::optional<YamlError> error_;
};

// The child that the first step of `path` names, with the step taken off; nullptr where there is
// none.
const Node* Step(const Node& node, std::string_view* path) {
  if (path->front() == '[') {
    size_t index = 0;
    const auto [end, error] = std::from_chars(path->data() + 1, path->data() + path->size(), index);
    if (error != std::errc() || !node.is_list() || index >= node.children.size()) return nullptr;
    path->remove_prefix(static_cast<size_t>(end - path->data()) + 1);
    return &node.children[index];
  }
  if (path->front() == '.') path->remove_prefix(1);
  const size_t size = std::min(path->find_first_of(".["), path->size());
  const Node* member = node.Find(path->substr(0, size));
  path->remove_prefix(size);
  return member;
}

}  // namespace

const Node* Node::Find(std::string_view member) const {
  if (!is_map()) return nullptr;
  for (const Node& child : children) {
    if (child.key == member) return &child;
  }
  return nullptr;
}

bool Node::LooksLikeNumber() const {
  if (!is_scalar() || quoted) return false;
  std::string_view rest = text;
  if (rest == ".nan" || rest.starts_with("0o")) return rest == ".nan" || AllDigits(rest.substr(2));
  if (rest.starts_with("0x")) return AllOf(rest.substr(2), "0123456789abcdefABCDEF");
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == ".inf") return true;
  const size_t exponent = rest.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = rest.substr(exponent + 1);
    if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
    if (!AllDigits(power)) return false;
    rest = rest.substr(0, exponent);
  }
  const size_t point = rest.find('.');
  if (point == std::string_view::npos) return AllDigits(rest);
  const std::string_view whole = rest.substr(0, point), fraction = rest.substr(point + 1);
  return (whole.empty() || AllDigits(whole)) && (fraction.empty() || AllDigits(fraction)) &&
         !(whole.empty() && fraction.empty());
}

std::string_view Node::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  if (!quoted && (IsWord(text, "true") || IsWord(text, "false"))) return "a truth value";
  return LooksLikeNumber() ? "a number" : "text";
}

std::variant<Node, YamlError> ParseYaml(std::string_view text) { return TreeBuilder(text).Build(); }

int LineOf(const Node& root, std::string_view path) {
  const Node* node = &root;
  int line = root.line;
  while (!path.empty()) {
    node = Step(*node, &path);
    if (node == nullptr) break;
    line = node->key_line != 0 ? node->key_line : node->line;
  }
  return line;
}

}  // namespace noisegate::config
