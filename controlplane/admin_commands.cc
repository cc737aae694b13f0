#include "controlplane/admin_commands.h"

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "controlplane/telemetry_json.h"

namespace noisegate::controlplane {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& answer) {
  return answer.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Refuse(std::string_view error, const std::vector<std::string>& problems = {}) {
  return Dump({{"ok", false}, {"error", error}, {"problems", problems}});
}

std::string StringOf(const Json& request, const char* key) {
  const auto found = request.find(key);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string Show(const Json& request, const AdminCommands& commands) {
  std::string section = StringOf(request, "section");
  if (section.empty()) section = "overview";
  // Written once as text: "ok" is put in front of it without reading it back.
  const auto json = SnapshotJson(commands.snapshot(), section);
  if (!json.ok()) {
    return Refuse({json.status().message().data(), json.status().message().size()});
  }
  return "{\"ok\":true," + json->substr(1);
}

std::string Reload(const AdminCommands& commands) {
  const ReloadResult result = commands.reload();
  if (result.ok()) return Dump({{"ok", true}});
  return Refuse(result.error, result.problems);
}

}  // namespace

std::string AnswerAdminRequest(std::string_view request, const AdminCommands& commands) {
  const Json parsed = Json::parse(request, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Refuse("a request is a JSON object on one line");
  const std::string command = StringOf(parsed, "command");
  if (command == "show") return Show(parsed, commands);
  if (command == "reload") return Reload(commands);
  return Refuse("unknown command: there are show and reload");
}

}  // namespace noisegate::controlplane
