#include "controlplane/commands/table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <utility>

namespace noisegate::commands {
namespace {

std::string Format(const char* format, double value, const char* unit) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), format, value, unit);
  return text.data();
}

// Three digits at least, whatever the unit.
std::string Scaled(double value, double step, const std::array<const char*, 5>& units) {
  size_t unit = 0;
  for (; value >= step && unit + 1 < units.size(); ++unit) value /= step;
  if (unit == 0) return Format("%.0f%s", value, units[0]);
  return Format(value < 9.995 ? "%.2f%s" : value < 99.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) {
    right_.push_back(heading.starts_with('>'));
    if (right_.back()) heading.erase(0, 1);
  }
}

void Table::Add(std::vector<std::string> row) {
  assert(row.size() == headings_.size());
  rows_.push_back(std::move(row));
}

std::string Table::ToString() const {
  std::vector<size_t> widths;
  for (const std::string& heading : headings_) widths.push_back(heading.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += right_[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append(headings_);
  for (const auto& row : rows_) append(row);
  return text;
}

std::string CountText(double count) { return Scaled(count, 1000, {"", " k", " M", " G", " T"}); }

std::string BytesText(double bytes) {
  return Scaled(bytes, 1024, {" B", " KiB", " MiB", " GiB", " TiB"});
}

std::string SecondsText(double seconds) {
  if (seconds < 10) return Format("%.1f%s", seconds, " s");
  const auto whole = static_cast<uint64_t>(seconds);
  const auto pair = [](uint64_t large, const char* large_unit, uint64_t small,
                       const char* small_unit) {
    return std::to_string(large) + large_unit + std::to_string(small) + small_unit;
  };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return pair(whole / 60, " m ", whole % 60, " s");
  if (whole < 86400) return pair(whole / 3600, " h ", whole / 60 % 60, " m");
  return pair(whole / 86400, " d ", whole / 3600 % 24, " h");
}

std::string PercentText(double fraction) { return Format("%.1f%s", fraction * 100, " %"); }

}  // namespace noisegate::commands
