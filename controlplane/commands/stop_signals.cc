#include "controlplane/commands/stop_signals.h"

#include <csignal>

namespace noisegate::commands {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

extern "C" void HandleStopSignal(int) { stop.store(true, std::memory_order_relaxed); }

}  // namespace

const std::atomic<bool>& CatchStopSignals() {
  struct sigaction action {};
  action.sa_handler = HandleStopSignal;
  // Without SA_RESTART, so that waiting ends; with SA_RESETHAND, so that the second one kills.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
  return stop;
}

}  // namespace noisegate::commands
