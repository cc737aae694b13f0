#include "config/duration.h"

#include <cstdint>

#include "absl/strings/ascii.h"

namespace noisegate::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t microseconds;
};
// From the largest, for printing.
constexpr Unit kUnits[] = {
    {"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}};
constexpr int64_t kYear = 365ll * 24 * 3'600'000'000;  // microseconds
constexpr int kMaxDigits = 9;                          // so that digits times an hour fit

}  // namespace

std::optional<std::chrono::microseconds> ParseDuration(std::string_view text) {
  int64_t digits = 0, scale = 1;
  bool point = false;
  size_t i = 0;
  int num_digits = 0;
  for (; i < text.size() && (absl::ascii_isdigit(text[i]) || text[i] == '.'); ++i) {
    if (text[i] == '.') {
      if (point || num_digits == 0 || i + 1 == text.size() || !absl::ascii_isdigit(text[i + 1]))
        return {};
      point = true;
      continue;
    }
    if (++num_digits > kMaxDigits) return {};
    digits = digits * 10 + (text[i] - '0');
    if (point) scale *= 10;
  }
  if (num_digits == 0) return {};
  for (const Unit& unit : kUnits) {
    if (text.substr(i) != unit.name) continue;
    const int64_t scaled = digits * unit.microseconds;
    if (scaled % scale != 0 || scaled / scale > kYear) return {};
    return std::chrono::microseconds(scaled / scale);
  }
  return {};
}

std::string PrintDuration(std::chrono::microseconds duration) {
  const int64_t count = duration.count();
  if (count == 0) return "0s";
  for (const Unit& unit : kUnits) {
    const bool usual = count / unit.microseconds > 1 || unit.microseconds <= 1'000'000;
    if (usual && count % unit.microseconds == 0) {
      return std::to_string(count / unit.microseconds) + std::string(unit.name);
    }
  }
  return "";  // unreachable: every count is a multiple of 1 us
}

}  // namespace noisegate::config
