#include <cstdio>

#include "controlplane/commands/commands.h"

namespace noisegate::commands {

int Fail(const std::string& message) {
  std::fprintf(stderr, "noisegate: %s\n", message.c_str());
  return kExitFailure;
}

int Fail(const absl::Status& status) {
  return Fail(std::string(status.message().data(), status.message().size()));
}

}  // namespace noisegate::commands
