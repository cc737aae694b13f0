// What the admin socket understands. A request is one JSON object a line, and so is the answer:
//
//   {"command": "show", "section": "peers"}  →  {"ok": true, "peers": […]}
//   {"command": "reload"}                    →  {"ok": true}
//   anything that does not work              →  {"ok": false, "error": "…", "problems": ["…", …]}
#ifndef NOISEGATE_CONTROLPLANE_ADMIN_COMMANDS_H_
#define NOISEGATE_CONTROLPLANE_ADMIN_COMMANDS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/telemetry.h"

namespace noisegate::controlplane {

// How a reload went: ok where both are empty.
struct ReloadResult {
  std::string error;                  // one line
  std::vector<std::string> problems;  // of the config file, with line and key
  bool ok() const { return error.empty() && problems.empty(); }
};

struct AdminCommands {
  std::function<Snapshot()> snapshot;
  std::function<ReloadResult()> reload;
};

// Answers one request, which may be any bytes.
std::string AnswerAdminRequest(std::string_view request, const AdminCommands& commands);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_ADMIN_COMMANDS_H_
