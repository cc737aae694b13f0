// What the process may do once it runs: as little as possible.
//
// Capabilities belong to threads, and the packet-moving ones are DPDK's, so this is done in three
// places: ForbidGains() before there are other threads, DropWorkerPrivileges() while the workers
// exist and do not run yet, DropPrivileges() at last on the control thread.
#ifndef NOISEGATE_CONTROLPLANE_PRIVILEGES_H_
#define NOISEGATE_CONTROLPLANE_PRIVILEGES_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace noisegate::controlplane {

// From now on this process and its threads gain no privileges by exec (PR_SET_NO_NEW_PRIVS) and
// leave no core file with keys in it.
absl::Status ForbidGains();

// What the control thread keeps.
struct PrivilegeOptions {
  std::optional<std::string> user;     // to run as; none: as now
  bool configures_interfaces = false;  // tap routes on reload; detaching from an AF_XDP interface
};

// Takes every capability from DPDK's worker threads and its interrupt thread. With a `user` it
// leaves that to DropPrivileges(), whose change of user does it for all threads at once.
absl::Status DropWorkerPrivileges(const PrivilegeOptions& options);

// Takes every capability from the calling thread: for those that are not DPDK's.
absl::Status DropThreadPrivileges();

// Nobody may read the process's memory from now on, by ptrace or core dump (PR_SET_DUMPABLE).
// NotFound for an unknown user.
absl::Status DropPrivileges(const PrivilegeOptions& options);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_PRIVILEGES_H_
