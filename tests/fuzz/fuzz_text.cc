// What people and peers write: addresses and durations print back as they were read, and no message
// reaches the terminal with a control character.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "config/duration.h"
#include "controlplane/commands/text.h"
#include "controlplane/swarm.h"

namespace {

using namespace noisegate;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  // One text for one peer; an endpoint may have several (0:0::1), but it prints as one.
  if (const auto address = controlplane::PeerAddress::Parse(text); address.ok()) {
    const std::string printed = address->ToString();
    Require(printed.substr(0, 44) == text.substr(0, 44));
    const auto again = controlplane::PeerAddress::Parse(printed);
    Require(again.ok() && *again == *address);
  }
  if (const auto local = commands::ParseLocalEndpoint(text); local.ok()) {
    const auto again = commands::ParseLocalEndpoint(local->ToString());
    Require(again.ok() && *again == *local);
  }
  if (const auto duration = config::ParseDuration(text)) {
    Require(duration->count() >= 0);
    Require(config::ParseDuration(config::PrintDuration(*duration)) == duration);
  }

  const std::string message = commands::MessageText({data, size});
  Require(std::none_of(message.begin(), message.end(), IsControl));
  Require(message == text || message.size() == 4 + 2 * size);
  return 0;
}
