#include "perf/report.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace noisegate::perf {
namespace {

std::string NumberText(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string ValueText(const Row::Field& field) {
  const auto* number = std::get_if<double>(&field.value);
  return number != nullptr ? NumberText(*number, field.digits) : std::get<std::string>(field.value);
}

size_t WidthOf(const std::string& column) { return std::max<size_t>(column.size(), 9); }

std::string JsonObject(const Row& row, const std::string& machine) {
  std::string text = "{";
  for (const Row::Field& field : row.fields()) {
    const bool number = std::holds_alternative<double>(field.value);
    text += JsonText(field.name) + ": " +
            (number ? ValueText(field) : JsonText(std::get<std::string>(field.value))) + ", ";
  }
  return text + machine + "}";
}

}  // namespace

const Row::Field* Row::Find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string Row::ToString(std::string_view name) const {
  const Field* field = Find(name);
  return field == nullptr ? "" : ValueText(*field);
}

void Report::Say(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  columns_.clear();
}

void Report::Add(const Row& row) {
  std::vector<std::string> columns;
  for (const Row::Field& field : row.fields()) columns.push_back(field.name);
  if (columns != columns_) {
    std::printf("\n");
    for (const std::string& column : columns) {
      std::printf("%*s ", static_cast<int>(WidthOf(column)), column.c_str());
    }
    std::printf("\n");
    columns_ = columns;
  }
  for (const Row::Field& field : row.fields()) {
    std::printf("%*s ", static_cast<int>(WidthOf(field.name)), ValueText(field).c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
  rows_.push_back(row);
}

absl::Status Report::WriteJson(const std::string& path) const {
  const std::string machine = "\"cpu\": " + JsonText(machine_.cpu) +
                              ", \"cpus\": " + std::to_string(machine_.cpus) +
                              ", \"tsc_ghz\": " + NumberText(machine_.tsc_hz / 1e9, 3) +
                              ", \"flags\": " + JsonText(machine_.flags) +
                              ", \"commit\": " + JsonText(machine_.commit);
  std::string text = "[\n";
  for (size_t i = 0; i < rows_.size(); ++i) {
    text += JsonObject(rows_[i], machine) + (i + 1 < rows_.size() ? ",\n" : "\n");
  }
  return WriteFile(path, text + "]\n");
}

std::string JsonText(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
  }
  return quoted + '"';
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError("cannot write " + path);
}

}  // namespace noisegate::perf
