// The answers of a gateway's admin socket as text for people.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_SHOW_TABLES_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_SHOW_TABLES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::commands {

// `answer` is the line that came (controlplane/admin_commands.h) for `section`. `all`: rows that
// are zero, too. Where the gateway refused, its reason, with the problems one a line.
absl::StatusOr<std::string> ShowAsTable(const std::string& answer, std::string_view section,
                                        bool all);
// The same as indented JSON.
absl::StatusOr<std::string> ShowAsJson(const std::string& answer);

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_SHOW_TABLES_H_
