// SIGINT and SIGTERM as a flag, for commands that clean up before they leave.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_STOP_SIGNALS_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_STOP_SIGNALS_H_

#include <atomic>

namespace noisegate::commands {

// From now on the signals turn the flag true and interrupt system calls. A second signal ends the
// process at once.
const std::atomic<bool>& CatchStopSignals();

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_STOP_SIGNALS_H_
