// Whatever is in a config file: it is read, or it is explained.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.h"
#include "config/decoder.h"
#include "config/diff.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// ASCII without control characters, and the ellipsis of shortened text.
bool IsPrintable(std::string_view text) {
  constexpr std::string_view kEllipsis = "…";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 ? byte >= 0x20 && byte != 0x7f : kEllipsis.find(c) != kEllipsis.npos;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noisegate::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const LoadResult result = Parse(text, "fuzz.yaml");

  Require(result.ok() == result.problems.empty());
  Require(result.problems.size() <= kMaxProblems + 1);
  // Line ends of YAML: LF, CR and, in YAML 1.1, three characters that are longer in UTF-8.
  const auto max_line = static_cast<int>(size) + 1;
  int line = 0;
  for (const Problem& problem : result.problems) {
    Require(problem.file == "fuzz.yaml" && !problem.message.empty());
    Require(problem.line >= 0 && problem.line <= max_line);
    // A terminal shows these: no escape sequence may come through.
    Require(IsPrintable(problem.ToString()));
    if (problem.key.empty()) continue;  // the note that more was left out
    Require(problem.line >= line);
    line = problem.line;
  }

  if (result.ok()) {
    Require(!result.config->gateway.identity.empty() && !result.config->ports.empty());
    Require(Compare(*result.config, *result.config).empty());
    const LoadResult again = Parse(text, "fuzz.yaml");
    Require(again.ok() && Compare(*result.config, *again.config).empty());
  }
  return 0;
}
