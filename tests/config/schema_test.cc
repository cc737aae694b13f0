// config/schema.json is for editors; here it is held equal to the key table, and the example to it.
//
// After a change of the table: NOISEGATE_WRITE_SCHEMA=1 config_schema_test writes the file anew.

#include <gtest/gtest.h>
#include <regex.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "config/key_table.h"
#include "config/yaml_tree.h"

namespace noisegate::config {
namespace {

using Json = nlohmann::ordered_json;

const std::string kSchemaFile = NOISEGATE_SOURCE_DIR "/config/schema.json";
const std::string kExampleFile = NOISEGATE_SOURCE_DIR "/config/example.yaml";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A YAML tree as an editor sees it: types by YAML's core schema.
Json ToJson(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kList: {
      Json list = Json::array();
      for (const Node& child : node.children) list.push_back(ToJson(child));
      return list;
    }
    case Node::Kind::kMap: {
      Json map = Json::object();
      for (const Node& child : node.children) map[child.key] = ToJson(child);
      return map;
    }
    case Node::Kind::kScalar:
      break;
  }
  if (node.KindName() == "a truth value") return node.text == "true";
  if (node.LooksLikeNumber()) return Json::parse(node.text);
  return node.text;
}

Json YamlToJson(const std::string& text) {
  const auto tree = ParseYaml(text);
  if (const auto* error = std::get_if<YamlError>(&tree)) {
    ADD_FAILURE() << error->line << ": " << error->message << "\n" << text;
    return {};
  }
  return ToJson(std::get<Node>(tree));
}

// --- The schema that the table implies.

Json SectionSchema(const Section& section);

Json ScalarSchema(const Key& key) {
  switch (key.kind) {
    case Kind::kBool:
      return {{"type", "boolean"}};
    case Kind::kInteger:
      return {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}};
    case Kind::kDuration:
      return {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$"}};
    case Kind::kChoice: {
      Json choices = Json::array();
      for (const auto choice : key.choices) choices.push_back(std::string(choice));
      return {{"enum", choices}};
    }
    case Kind::kName:
      return {{"type", "string"},
              {"pattern", "^[A-Za-z0-9._-]+$"},
              {"minLength", key.min},
              {"maxLength", key.max}};
    case Kind::kText:
      return {{"type", "string"}, {"minLength", key.min}, {"maxLength", key.max}};
    case Kind::kAddress:
      return {{"type", "string"}, {"pattern", "^[0-9A-Fa-f:.]+$"}};
    case Kind::kPrefix:
      return {{"type", "string"}, {"pattern", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"}};
    case Kind::kInterface:
      return {{"type", "string"}, {"pattern", "^[0-9A-Fa-f:.]+/[0-9]{1,3}$"}};
    case Kind::kMac:
      return {{"type", "string"}, {"pattern", "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$"}};
    case Kind::kEndpoint:
      return {{"type", "string"},
              {"pattern", "^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}(-[0-9]{1,5})?$"}};
    case Kind::kTcpMultiaddr:
      return {{"type", "string"},
              {"pattern", "^/(ip4/[0-9.]+|ip6/[0-9A-Fa-f:.]+)/tcp/[0-9]{1,5}$"}};
    case Kind::kPeerId:
      return {{"type", "string"}, {"pattern", "^[A-Za-z0-9_-]{43}$"}};
    case Kind::kEmpty:
      return {{"type", "null"}};
    case Kind::kSection:
      break;
  }
  ADD_FAILURE() << "a section is no scalar: " << key.name;
  return {};
}

Json KeySchema(const Key& key, const void* owner_defaults) {
  Json schema = key.kind == Kind::kSection ? SectionSchema(*key.section) : ScalarSchema(key);
  if (key.list) {
    // A list whose items are all commented out is null.
    const Json type = key.required ? Json("array") : Json::array({"array", "null"});
    schema = {{"type", type}, {"maxItems", key.max_items}, {"items", schema}};
    if (key.required) schema["minItems"] = 1;
  }
  Json described = {{"description", std::string(key.doc) + (key.reloadable ? " Reloadable." : "")}};
  described.update(schema);
  const std::string value =
      key.required || key.kind == Kind::kSection ? "" : key.encode(key, owner_defaults);
  if (!value.empty()) described["default"] = YamlToJson("v: " + value)["v"];
  return described;
}

// What a section's keys default to is in a default-constructed struct of its own.
const void* DefaultsOf(const Section& section) {
  static const Config config;
  static const Port port;
  static const Peer peer;
  static const Neighbour neighbour;
  static const StaticRoute route;
  static const Libp2pRelay relay;
  const std::vector<std::pair<std::string_view, const void*>> structs = {
      {"the config", &config},    {"gateway", &config.gateway},
      {"crypto", &config.crypto}, {"a port", &port},
      {"a device", &port},        {"a neighbour", &neighbour},
      {"a route", &route},        {"a peer", &peer},
      {"limits", &config.limits}, {"sessions", &config.sessions},
      {"libp2p", &config.libp2p}, {"a libp2p relay", &relay},
      {"admin", &config.admin},   {"logging", &config.logging}};
  for (const auto& [name, defaults] : structs) {
    if (name == section.name) return defaults;
  }
  ADD_FAILURE() << "no struct for " << section.name;
  return nullptr;
}

Json SectionSchema(const Section& section) {
  Json properties = Json::object(), required = Json::array();
  for (const Key& key : section.keys) {
    properties[std::string(key.name)] = KeySchema(key, DefaultsOf(section));
    if (key.required) required.push_back(std::string(key.name));
  }
  Json schema = {{"type", required.empty() ? Json::array({"object", "null"}) : Json("object")},
                 {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  schema["properties"] = properties;
  if (section.name == "a device") {
    schema["type"] = "object";
    for (const Key& key : section.keys) {
      if (key.name != "args") schema["oneOf"].push_back({{"required", {std::string(key.name)}}});
    }
  }
  if (section.name == "a peer") schema["not"] = {{"required", {"endpoint", "endpoints"}}};
  return schema;
}

Json WantedSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "noisegate configuration"}};
  schema.update(SectionSchema(RootSection()));
  return schema;
}

// --- As much of a JSON Schema validator as the schema above needs.

// The patterns above mean the same as POSIX extended ones.
bool Matches(const std::string& text, const std::string& pattern) {
  regex_t compiled;
  EXPECT_EQ(regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB), 0) << pattern;
  const bool matches = regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return matches;
}

bool HasType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

// "" where `value` is valid, else the path of what is not and why.
std::string Violation(const Json& value, const Json& schema, const std::string& path = "") {
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    bool good = false;
    for (const auto& type : types) good |= HasType(value, type);
    if (!good) return path + ": not of type " + types.dump();
  }
  if (schema.contains("enum")) {
    bool good = false;
    for (const auto& choice : schema["enum"]) good |= choice == value;
    if (!good) return path + ": none of " + schema["enum"].dump();
  }
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (schema.contains("pattern") && !Matches(text, schema["pattern"].get<std::string>())) {
      return path + ": does not match " + schema["pattern"].dump();
    }
    if (text.size() < schema.value("minLength", size_t{0})) return path + ": too short";
    if (text.size() > schema.value("maxLength", text.size())) return path + ": too long";
  }
  if (value.is_number_integer()) {
    const auto number = value.get<int64_t>();
    if (number < schema.value("minimum", number)) return path + ": too small";
    if (number > schema.value("maximum", number)) return path + ": too large";
  }
  if (value.is_array()) {
    if (value.size() < schema.value("minItems", size_t{0})) return path + ": too few";
    if (value.size() > schema.value("maxItems", value.size())) return path + ": too many";
    for (size_t i = 0; i < value.size(); ++i) {
      const auto violation =
          Violation(value[i], schema["items"], path + "[" + std::to_string(i) + "]");
      if (!violation.empty()) return violation;
    }
  }
  if (value.is_object()) {
    for (const auto& name : schema.value("required", Json::array())) {
      if (!value.contains(name)) return path + ": lacks " + name.dump();
    }
    for (const auto& [name, member] : value.items()) {
      const std::string at = path.empty() ? name : path + "." + name;
      if (!schema["properties"].contains(name)) return at + ": unknown";
      const auto violation = Violation(member, schema["properties"][name], at);
      if (!violation.empty()) return violation;
    }
    size_t alternatives = 0;
    for (const auto& option : schema.value("oneOf", Json::array())) {
      alternatives += value.contains(option["required"][0]) ? 1 : 0;
    }
    if (schema.contains("oneOf") && alternatives != 1) return path + ": not exactly one";
    if (schema.contains("not") && value.contains(schema["not"]["required"][0]) &&
        value.contains(schema["not"]["required"][1])) {
      return path + ": both of " + schema["not"]["required"].dump();
    }
  }
  return "";
}

// --- The tests.

TEST(Schema, IsWhatTheKeyTableSays) {
  const std::string want = WantedSchema().dump(2) + "\n";
  if (std::getenv("NOISEGATE_WRITE_SCHEMA") != nullptr) std::ofstream(kSchemaFile) << want;
  EXPECT_TRUE(ReadAll(kSchemaFile) == want)
      << "config/schema.json is not what the key table says; NOISEGATE_WRITE_SCHEMA=1 writes it";
}

TEST(Schema, AdmitsTheExamples) {
  const Json schema = Json::parse(ReadAll(kSchemaFile));
  for (const char* name :
       {"example.yaml", "examples/site-a.yaml", "examples/site-b.yaml", "examples/relay.yaml"}) {
    const std::string path = std::string(NOISEGATE_SOURCE_DIR "/config/") + name;
    EXPECT_EQ(Violation(YamlToJson(ReadAll(path)), schema), "") << name;
  }
}

TEST(Schema, RefusesWhatTheParserRefuses) {
  const Json schema = Json::parse(ReadAll(kSchemaFile));
  const Json example = YamlToJson(ReadAll(kExampleFile));
  struct {
    const char* pointer;
    Json value;
    const char* violation;
  } const cases[] = {
      {"/gateway/wrokers", 2, "gateway.wrokers: unknown"},
      {"/gateway/workers", 0, "gateway.workers: too small"},
      {"/gateway/workers", 65, "gateway.workers: too large"},
      {"/gateway/workers", "two", "gateway.workers: not of type [\"integer\"]"},
      {"/gateway/max_idle_sleep", "200", "gateway.max_idle_sleep: does not match"},
      {"/crypto/engine", "openssl", "crypto.engine: none of"},
      {"/ports", Json::array(), "ports: too few"},
      {"/ports/0/device/tap", "ng1", "ports[0].device: not exactly one"},
      {"/ports/0/addresses/0", "192.0.2.10", "ports[0].addresses[0]: does not match"},
      {"/peers/0/id", "short", "peers[0].id: does not match"},
      {"/peers/0/endpoints", Json::array(), "peers[0]: both of"},
  };
  for (const auto& c : cases) {
    Json changed = example;
    changed[Json::json_pointer(c.pointer)] = c.value;
    EXPECT_EQ(Violation(changed, schema).find(c.violation), 0u)
        << c.pointer << " -> " << Violation(changed, schema);
    // A schema that is stricter than the parser would mark good files.
    EXPECT_FALSE(Parse(changed.dump(), "changed.json").ok()) << c.pointer;
  }
  ASSERT_TRUE(Parse(example.dump(), "example.json").ok());
}

}  // namespace
}  // namespace noisegate::config
