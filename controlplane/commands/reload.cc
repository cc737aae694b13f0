#include <cstdio>

#include "controlplane/admin_client.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/show_tables.h"

namespace noisegate::commands {

int Reload(const ReloadOptions& options) {
  const auto answer = controlplane::AskGateway(options.socket, R"({"command":"reload"})");
  if (!answer.ok()) return Fail(answer.status());
  const auto text = ShowAsJson(*answer);
  if (!text.ok()) return Fail(text.status());
  std::puts("reloaded");
  return kExitOk;
}

}  // namespace noisegate::commands
