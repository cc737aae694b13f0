// A gateway's snapshot as JSON: what the admin socket answers and `noisegate show --json` prints.
// Keys are stable: they may be added to, never renamed or removed (docs/operations.md).
#ifndef NOISEGATE_CONTROLPLANE_TELEMETRY_JSON_H_
#define NOISEGATE_CONTROLPLANE_TELEMETRY_JSON_H_

#include <array>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/telemetry.h"

namespace noisegate::controlplane {

inline constexpr std::array<std::string_view, 7> kSnapshotSections = {
    "overview", "peers", "sessions", "ports", "workers", "drops", "relay"};

// One section as {"SECTION": …} on one line. InvalidArgument for an unknown one.
absl::StatusOr<std::string> SnapshotJson(const Snapshot& snapshot, std::string_view section);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_TELEMETRY_JSON_H_
