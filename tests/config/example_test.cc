// config/example.yaml is the manual of the config: here it is held to the key table.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"
#include "config/key_table.h"
#include "config/yaml_tree.h"

namespace noisegate::config {
namespace {

const std::string kDirectory = NOISEGATE_SOURCE_DIR "/config/";

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// The comment above line `line` (1-based), its lines joined by spaces.
std::string CommentAbove(const std::vector<std::string>& lines, int line) {
  std::string comment;
  for (int i = line - 2; i >= 0; --i) {
    const std::string& text = lines[static_cast<size_t>(i)];
    const size_t hash = text.find_first_not_of(' ');
    if (hash == std::string::npos || text[hash] != '#') break;
    comment = text.substr(std::min(hash + 2, text.size())) + (comment.empty() ? "" : " ") + comment;
  }
  return comment;
}

class Example : public testing::Test {
 protected:
  void SetUp() override {
    auto tree = ParseYaml(Joined(lines_));
    ASSERT_TRUE(std::holds_alternative<Node>(tree)) << std::get<YamlError>(tree).message;
    root_ = std::get<Node>(std::move(tree));
  }

  // Each section in the file is a list of nodes; a key must be in one of them.
  void CheckSection(const Section& section, const std::vector<const Node*>& nodes,
                    const void* defaults, const std::string& path, bool reloadable) {
    for (const Key& key : section.keys) {
      const std::string name = path + std::string(key.name);
      const bool reload = reloadable || key.reloadable;
      std::vector<const Node*> values;
      for (const Node* node : nodes) {
        if (const Node* value = node->Find(key.name)) values.push_back(value);
      }
      if (section.name == "a device" && key.name != "args") {
        CheckDevice(key);
        continue;
      }
      ASSERT_FALSE(values.empty()) << name << " is not in config/example.yaml";
      CheckComment(key, defaults, *values.front(), name, reload);
      if (key.section != nullptr) CheckInner(key, values, name, reload);
    }
  }

  void CheckInner(const Key& key, const std::vector<const Node*>& values, const std::string& name,
                  bool reload) {
    static const Config config;
    static const Port port;
    static const Peer peer;
    static const Neighbour neighbour;
    static const StaticRoute route;
    static const Libp2pRelay relay;
    const std::vector<std::pair<std::string_view, const void*>> defaults = {
        {"gateway", &config.gateway},
        {"crypto", &config.crypto},
        {"ports", &port},
        {"device", &port},
        {"neighbours", &neighbour},
        {"routes", &route},
        {"peers", &peer},
        {"limits", &config.limits},
        {"sessions", &config.sessions},
        {"libp2p", &config.libp2p},
        {"relay", &relay},
        {"admin", &config.admin},
        {"logging", &config.logging}};
    std::vector<const Node*> nodes;
    for (const Node* value : values) {
      if (!key.list) nodes.push_back(value);
      for (const Node& item : value->children) {
        if (key.list) nodes.push_back(&item);
      }
    }
    for (const auto& [section, values_of] : defaults) {
      if (section == key.name) {
        CheckSection(*key.section, nodes, values_of, name + ".", reload);
        return;
      }
    }
    FAIL() << "no struct for " << name;
  }

  // "doc [default: x] [reload]", and a value that is the default, where there is one worth the
  // name.
  void CheckComment(const Key& key, const void* defaults, const Node& value,
                    const std::string& name, bool reload) {
    std::string want(key.doc);
    const bool plain_section = key.kind == Kind::kSection && !key.list;
    std::string text;
    if (key.required) {
      want += " [required]";
    } else if (key.kind == Kind::kSection && key.list) {
      want += " [default: []]";
    } else if (!plain_section) {
      text = key.encode(key, defaults);
      want += " [default: " + (text.empty() ? "unset" : text) + "]";
    }
    if (reload) want += " [reload]";
    EXPECT_EQ(CommentAbove(lines_, value.key_line), want) << name;
    if (!text.empty() && text != "[]") {
      const auto shown = ParseYaml("v: " + text);
      EXPECT_EQ(value.text, std::get<Node>(shown).Find("v")->text) << name;
    }
  }

  void CheckDevice(const Key& key) {
    const std::string start = "#   " + std::string(key.name) + ":";
    for (const std::string& line : lines_) {
      const size_t at = line.find(start);
      if (at == std::string::npos || line.find_first_not_of(' ') != at) continue;
      EXPECT_TRUE(line.ends_with(" " + std::string(key.doc))) << line;
      return;
    }
    ADD_FAILURE() << "no line '" << start << "' in config/example.yaml";
  }

  const std::vector<std::string> lines_ = Lines(kDirectory + "example.yaml");
  Node root_;
};

TEST_F(Example, HasEveryKeyWithItsMeaningDefaultAndReload) {
  const Config config;
  CheckSection(RootSection(), {&root_}, &config, "", false);
}

TEST(Examples, AreGoodConfigs) {
  for (const char* name :
       {"example.yaml", "examples/site-a.yaml", "examples/relay.yaml", "examples/site-b.yaml"}) {
    const LoadResult result = Load(kDirectory + name);
    EXPECT_TRUE(result.ok()) << name << ": "
                             << (result.ok() ? "" : result.problems.front().ToString());
  }
}

// The three nodes know each other by the right id, address and prefixes.
TEST(Examples, FitTogether) {
  const auto a = Load(kDirectory + "examples/site-a.yaml");
  const auto b = Load(kDirectory + "examples/site-b.yaml");
  const auto relay = Load(kDirectory + "examples/relay.yaml");
  ASSERT_TRUE(a.ok() && b.ok() && relay.ok());
  ASSERT_EQ(relay.config->peers.size(), 2u);
  for (const Config* site : {&*a.config, &*b.config}) {
    ASSERT_EQ(site->peers.size(), 1u);
    EXPECT_EQ(site->peers[0].id, a.config->peers[0].id);
    EXPECT_EQ(site->peers[0].endpoints[0].address, relay.config->ports[0].addresses[0].address);
  }
  EXPECT_EQ(relay.config->peers[0].endpoints[0].address, a.config->ports[0].addresses[0].address);
  EXPECT_EQ(relay.config->peers[1].endpoints[0].address, b.config->ports[0].addresses[0].address);
  EXPECT_EQ(relay.config->peers[0].allowed_prefixes, b.config->peers[0].allowed_prefixes);
  EXPECT_EQ(relay.config->peers[1].allowed_prefixes, a.config->peers[0].allowed_prefixes);
}

}  // namespace
}  // namespace noisegate::config
