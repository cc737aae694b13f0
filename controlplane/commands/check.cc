#include <cstdio>

#include "config/config.h"
#include "controlplane/commands/commands.h"
#include "controlplane/libp2p/service.h"

namespace noisegate::commands {

int Check(const CheckOptions& options) {
  const config::LoadResult result = config::Load(options.config);
  if (result.ok()) {
    // Multiaddrs and libp2p's peer ids are text to the config itself.
    if (const auto libp2p = libp2p::CheckConfig(result.config->libp2p); !libp2p.ok()) {
      std::fprintf(stderr, "%s: %s\n", options.config.c_str(),
                   std::string(libp2p.message().data(), libp2p.message().size()).c_str());
      return kExitFailure;
    }
    std::printf("%s: ok\n", options.config.c_str());
    return kExitOk;
  }
  for (const config::Problem& problem : result.problems) {
    std::fprintf(stderr, "%s\n", problem.ToString().c_str());
  }
  return kExitFailure;
}

}  // namespace noisegate::commands
