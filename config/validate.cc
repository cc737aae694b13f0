#include "config/validate.h"

#include <algorithm>

#include "config/validator.h"

namespace noisegate::config {

std::string Indexed(std::string_view list, size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

void Validator::CheckGateway() {
  const Gateway& gateway = config_.gateway;
  if (gateway.listen_port + gateway.workers - 1 > 65'535) {
    Report("gateway.listen_port", std::to_string(gateway.workers) +
                                      " workers need as many ports, "
                                      "and there are fewer from this one to 65535");
  }
  const auto& cores = gateway.worker_cores;
  if (!cores.empty() && cores.size() != gateway.workers &&
      !decoder_.HasProblemAt("gateway.workers")) {
    Report("gateway.worker_cores", std::to_string(cores.size()) + " cores, but workers is " +
                                       std::to_string(gateway.workers));
  }
  for (size_t i = 0; i < cores.size(); ++i) {
    const std::string path = Indexed("gateway.worker_cores", i);
    if (!IsGood(cores[i], path)) continue;
    if (std::find(cores.begin(), cores.begin() + static_cast<ptrdiff_t>(i), cores[i]) !=
        cores.begin() + static_cast<ptrdiff_t>(i)) {
      Report(path, "core " + std::to_string(cores[i]) + " has a worker already");
    } else if (gateway.control_core == cores[i]) {
      Report(path, "core " + std::to_string(cores[i]) + " is the control thread's");
    }
  }
  if (config_.peers.size() > gateway.max_peers) {
    Report("gateway.max_peers", std::to_string(gateway.max_peers) + " is fewer than the " +
                                    std::to_string(config_.peers.size()) + " peers below");
  } else if (2 * config_.peers.size() > gateway.max_sessions) {
    Report("gateway.max_sessions",
           std::to_string(gateway.max_sessions) + " is fewer than two for each of the " +
               std::to_string(config_.peers.size()) + " peers, which a rollover needs");
  }
}

void Validator::CheckSessions() {
  const Sessions& sessions = config_.sessions;
  if (sessions.renew_after >= sessions.life) {
    Report("sessions.renew_after", "must be before the session's life ends");
  }
  if (sessions.grace > sessions.life) {
    Report("sessions.grace", "must not be longer than the session's life");
  }
}

void Validate(const Config& config, const Node& root, Decoder& decoder) {
  Validator(config, root, decoder).Run();
}

}  // namespace noisegate::config
