#include "perf/svg.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

namespace noisegate::perf {
namespace {

constexpr int kLabelWidth = 260, kBarWidth = 520, kValueWidth = 80;  // pixels, as the next two
constexpr int kRowHeight = 14, kGap = 10;
constexpr const char* kColours[] = {"#4878cf", "#d65f5f", "#6acc65", "#b47cc7", "#c4ad66", "#77bedb"};
constexpr const char* kFigures[] = {"cycles_per_packet", "cycles_per_lookup", "cycles_per_counter",
                                    "cycles"};
// Fields that tell contenders apart; the other ones name what they compete in.
constexpr const char* kContenders[] = {"engine", "aead", "contender", "step"};
constexpr const char* kTitles[] = {"bench", "role", "op", "family", "order",
                                   "bytes", "burst", "sessions", "prefixes"};

struct Bar {
  std::string title, contender;
  double cycles;
};

std::vector<Bar> BarsOf(const Report& report) {
  std::vector<Bar> bars;
  for (const Row& row : report.rows()) {
    Bar bar = {};
    for (const char* name : kFigures) {
      const Row::Field* field = row.Find(name);
      if (field != nullptr && bar.cycles == 0) bar.cycles = std::get<double>(field->value);
    }
    if (bar.cycles <= 0) continue;
    for (const char* name : kContenders) bar.contender += row.ToString(name);
    for (const char* name : kTitles) {
      const std::string text = row.ToString(name);
      if (text.empty()) continue;
      const bool counted = std::holds_alternative<double>(row.Find(name)->value);
      bar.title += (bar.title.empty() ? "" : ", ") + text + (counted ? " " + std::string(name) : "");
    }
    bars.push_back(bar);
  }
  return bars;
}

std::string Text(int x, int y, const std::string& anchor, const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  char element[128];
  std::snprintf(element, sizeof(element), "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">", x, y,
                anchor.c_str());
  return element + safe + "</text>\n";
}

}  // namespace

std::string DrawSvg(const Report& report) {
  const std::vector<Bar> bars = BarsOf(report);
  std::map<std::string, double> longest;  // of each title
  for (const Bar& bar : bars) longest[bar.title] = std::max(longest[bar.title], bar.cycles);

  std::string body, last_title;
  std::map<std::string, size_t> colours;
  int y = 3 * kRowHeight;
  for (const Bar& bar : bars) {
    if (bar.title != last_title) {
      y += kGap + kRowHeight;
      body += "<g font-weight=\"bold\">" + Text(4, y, "start", bar.title) + "</g>\n";
      last_title = bar.title;
    }
    y += kRowHeight;
    const size_t colour = colours.emplace(bar.contender, colours.size()).first->second;
    const int width = std::max(1, static_cast<int>(bar.cycles / longest[bar.title] * kBarWidth));
    char rectangle[160];
    std::snprintf(rectangle, sizeof(rectangle),
                  "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", kLabelWidth,
                  y - kRowHeight + 4, width, kRowHeight - 3, kColours[colour % std::size(kColours)]);
    char value[32];
    std::snprintf(value, sizeof(value), "%.0f", bar.cycles);
    body += Text(kLabelWidth - 6, y, "end", bar.contender) + rectangle +
            Text(kLabelWidth + width + 4, y, "start", value);
  }
  const Machine& machine = report.machine();
  char head[160];
  std::snprintf(head, sizeof(head),
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                "font-family=\"sans-serif\" font-size=\"11\">\n",
                kLabelWidth + kBarWidth + kValueWidth, y + kRowHeight);
  return head +
         Text(4, kRowHeight, "start", "Cycles of the time-stamp counter, fewer are better. " +
                                          machine.cpu + ", commit " + machine.commit) +
         body + "</svg>\n";
}

}  // namespace noisegate::perf
