#include "config/decoder.h"

#include <algorithm>
#include <array>
#include <utility>

namespace noisegate::config {
namespace {

// Keys of every section that is called `name`, as paths: "gateway.workers", "ports[].mtu".
void FindElsewhere(const Section& section, const std::string& prefix, std::string_view name,
                   std::vector<std::string>* found) {
  for (const Key& key : section.keys) {
    const std::string path = prefix + std::string(key.name);
    if (key.name == name) found->push_back(path);
    if (key.section != nullptr) {
      FindElsewhere(*key.section, path + (key.list ? "[]." : "."), name, found);
    }
  }
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr size_t kMaxShown = 60;
  std::string shown;
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return text.size() > kMaxShown ? shown + "…" : shown;
}

std::string Quote(std::string_view text) { return "'" + Printable(text) + "'"; }

std::string_view Nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kMaxWord = 64;
  if (word.size() > kMaxWord) return {};
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  std::string_view nearest;
  size_t nearest_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = EditDistance(lower, candidate);
    if (distance < nearest_distance && distance < candidate.size()) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

Decoder::Step::Step(Decoder& decoder, std::string_view key)
    : decoder_(decoder), size_(decoder.path_.size()) {
  if (size_ != 0) decoder_.path_ += '.';
  decoder_.path_ += key;
}

Decoder::Step::Step(Decoder& decoder, size_t index)
    : decoder_(decoder), size_(decoder.path_.size()) {
  decoder_.path_ += '[';
  decoder_.path_ += std::to_string(index);
  decoder_.path_ += ']';
}

std::string Decoder::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void Decoder::ReportAt(int line, std::string path, std::string message) {
  ++num_problems_;
  if (problems_.size() > kMaxProblems) return;
  if (problems_.size() == kMaxProblems) {
    problems_.push_back({file_, line, "", "and more problems, which are left out here"});
    return;
  }
  problems_.push_back({file_, line, std::move(path), std::move(message)});
}

bool Decoder::HasProblemAt(std::string_view path) const {
  return std::any_of(problems_.begin(), problems_.end(),
                     [&](const Problem& problem) { return problem.key == path; });
}

std::vector<Problem> Decoder::TakeProblems() {
  // The note that more was left out stays last.
  const auto end = problems_.size() > kMaxProblems ? problems_.end() - 1 : problems_.end();
  std::stable_sort(problems_.begin(), end,
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  return std::exchange(problems_, {});
}

void Decoder::ReportUnknownKey(const Node& member, const Section& section) {
  std::vector<std::string_view> names;
  for (const Key& key : section.keys) names.push_back(key.name);
  std::string message = "unknown key " + Quote(member.key);
  std::vector<std::string> elsewhere;
  FindElsewhere(RootSection(), "", member.key, &elsewhere);
  if (const std::string_view near = Nearest(member.key, names); !near.empty()) {
    message += "; did you mean '" + std::string(near) + "'?";
  } else if (elsewhere.size() == 1) {
    message += "; there is one at '" + elsewhere.front() + "'";
  } else {
    message += "; the keys of " + std::string(section.name) + " are ";
    for (size_t i = 0; i < names.size(); ++i) {
      message += (i == 0 ? "" : ", ") + std::string(names[i]);
    }
  }
  ReportAt(member.key_line, PathOf(Printable(member.key)), std::move(message));
}

void Decoder::DecodeSection(const Node& node, const Section& section, void* owner) {
  // A section whose keys are all commented out is an empty one.
  if (!node.is_map() && !node.is_null()) {
    Report(node.line, "expected keys and values (" + std::string(section.keys.front().name) +
                          ": …), found " + std::string(node.KindName()));
    return;
  }
  std::vector<int> seen(section.keys.size(), 0);  // the line; 0 for not yet
  for (const Node& member : node.children) {
    const Key* key = section.Find(member.key);
    if (key == nullptr) {
      ReportUnknownKey(member, section);
      continue;
    }
    const Step step(*this, key->name);
    int& line = seen[static_cast<size_t>(key - section.keys.data())];
    if (line != 0) {
      Report(member.key_line, "given twice; first on line " + std::to_string(line));
      continue;
    }
    line = member.key_line;
    key->decode(*this, member, *key, owner);
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    const Key& key = section.keys[i];
    if (seen[i] != 0 || !key.required) continue;
    const int line = node.key_line != 0 ? node.key_line : node.line;
    ReportAt(line, PathOf(key.name), "is missing: " + std::string(key.doc));
  }
}

}  // namespace noisegate::config
