#include <cstdio>

#include "config/config.h"
#include "controlplane/commands/commands.h"

namespace noisegate::commands {

int Check(const CheckOptions& options) {
  const config::LoadResult result = config::Load(options.config);
  if (result.ok()) {
    std::printf("%s: ok\n", options.config.c_str());
    return kExitOk;
  }
  for (const config::Problem& problem : result.problems) {
    std::fprintf(stderr, "%s\n", problem.ToString().c_str());
  }
  return kExitFailure;
}

}  // namespace noisegate::commands
