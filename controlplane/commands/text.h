// What people type on the command line and read on the terminal.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_TEXT_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dataplane/address.h"

namespace noisegate::commands {

// An endpoint to bind to: as Endpoint::Parse, and with port 0 for a free one.
absl::StatusOr<dataplane::Endpoint> ParseLocalEndpoint(std::string_view text);

// A peer's message as one line: itself where it is UTF-8 without control characters, which a peer
// could use to take a terminal over, else "hex:" and its bytes.
std::string MessageText(std::span<const uint8_t> bytes);

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_TEXT_H_
