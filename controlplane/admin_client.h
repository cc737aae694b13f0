// Asks a running gateway over its admin socket (admin_commands.h). Blocking, for commands.
#ifndef NOISEGATE_CONTROLPLANE_ADMIN_CLIENT_H_
#define NOISEGATE_CONTROLPLANE_ADMIN_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace noisegate::controlplane {

// Sends one line and returns the line of answer, both without line end. Unavailable where no
// gateway listens, PermissionDenied where the caller may not ask; both say what to do. Gives up
// after 10 s.
absl::StatusOr<std::string> AskGateway(const std::string& socket_path, const std::string& request);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_ADMIN_CLIENT_H_
