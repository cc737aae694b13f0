#include <cstdio>

#include "absl/strings/str_cat.h"
#include "controlplane/admin_client.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/show_tables.h"

namespace noisegate::commands {

int Show(const ShowOptions& options) {
  const auto answer = controlplane::AskGateway(
      options.socket, absl::StrCat(R"({"command":"show","section":")", options.what, R"("})"));
  if (!answer.ok()) return Fail(answer.status());
  const auto text =
      options.json ? ShowAsJson(*answer) : ShowAsTable(*answer, options.what, options.all);
  if (!text.ok()) return Fail(text.status());
  std::fputs(text->c_str(), stdout);
  return kExitOk;
}

}  // namespace noisegate::commands
