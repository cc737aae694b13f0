// Durations as people write them in the config and on the command line: "25s", "1.5s", "200us".
#ifndef NOISEGATE_CONFIG_DURATION_H_
#define NOISEGATE_CONFIG_DURATION_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace noisegate::config {

// A decimal number and one of h, m, s, ms, us. nullopt for anything that is not a whole number of
// microseconds of at most a year.
std::optional<std::chrono::microseconds> ParseDuration(std::string_view text);

// In the largest unit that leaves a whole number, but "60s" and "60m" for one minute and one hour.
std::string PrintDuration(std::chrono::microseconds duration);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_DURATION_H_
