// A config without problems, which tests change in one place.
#ifndef NOISEGATE_TESTS_CONFIG_GOOD_CONFIG_H_
#define NOISEGATE_TESTS_CONFIG_GOOD_CONFIG_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace noisegate::config {

// Peer ids: any 32 bytes are one, so these only have to differ.
#define ID_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ID_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define ID_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA"

// Good as it is. Cases replace one text in it and count lines from here: `gateway:` is line 1,
// `ports:` 4, `peers:` 15.
inline constexpr std::string_view kGood = R"(gateway:
  identity: gw.key
  workers: 2
ports:
  - name: wan
    side: underlay
    device: {af_xdp: eth1}
    addresses: [192.0.2.10/24]
    gateway: [192.0.2.1]
  - name: lan
    side: overlay
    device: {tap: ng0}
    addresses: [10.1.0.2/24]
    host_addresses: [10.1.0.1/24]
peers:
  - name: b
    id: )" ID_B R"(
    endpoint: 198.51.100.9:4242-4243
    allowed_prefixes: [10.2.0.0/16]
    keep_alive: 25s
  - name: c
    id: )" ID_C R"(
    allowed_prefixes: [10.3.0.0/16]
    relay_to: [b]
)";

inline std::string Replaced(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

inline std::string Joined(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.ToString() + "\n";
  return text;
}

}  // namespace noisegate::config

#endif  // NOISEGATE_TESTS_CONFIG_GOOD_CONFIG_H_
