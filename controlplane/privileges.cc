#include "controlplane/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <rte_alarm.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <future>
#include <vector>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

absl::Status SystemError(const std::string& what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

// Of the calling thread. 0 where it worked, as DPDK's functions for lcores have it.
int KeepOnly(bool configures_interfaces) {
  if (capng_get_caps_process() != 0) return -1;
  std::vector<unsigned> kept;
  for (const unsigned capability : {CAP_NET_ADMIN, CAP_BPF}) {
    // Only what there is: asking for more would fail.
    if (configures_interfaces && capng_have_capability(CAPNG_PERMITTED, capability) == 1) {
      kept.push_back(capability);
    }
  }
  capng_clear(CAPNG_SELECT_CAPS);
  for (const unsigned capability : kept) {
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                 capability);
  }
  return capng_apply(CAPNG_SELECT_CAPS);
}

int KeepNothing(void*) { return KeepOnly(false); }

// An alarm's call-back runs in DPDK's interrupt thread.
absl::Status DropInterruptThread() {
  std::promise<int> done;
  const auto drop = [](void* promise) {
    static_cast<std::promise<int>*>(promise)->set_value(KeepNothing(nullptr));
  };
  if (rte_eal_alarm_set(1, drop, &done) != 0) {
    return absl::InternalError("DPDK's interrupt thread takes no alarm");
  }
  // It runs within microseconds; the promise must outlive it.
  if (done.get_future().get() != 0) {
    return absl::InternalError("DPDK's interrupt thread keeps its capabilities");
  }
  return absl::OkStatus();
}

absl::Status BecomeUser(const std::string& name) {
  const passwd* user = getpwnam(name.c_str());
  if (user == nullptr) {
    return absl::NotFoundError(absl::StrCat("gateway.user: there is no user ", name));
  }
  // The C library makes all threads follow; those without KEEPCAPS lose every capability by it.
  if (prctl(PR_SET_KEEPCAPS, 1) != 0 || initgroups(name.c_str(), user->pw_gid) != 0 ||
      setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
      setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 || prctl(PR_SET_KEEPCAPS, 0) != 0) {
    return SystemError(absl::StrCat("gateway.user: cannot become ", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ForbidGains() {
  const rlimit no_core = {0, 0};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0) {
    return SystemError("cannot forbid core dumps and gains of privileges");
  }
  return absl::OkStatus();
}

absl::Status DropWorkerPrivileges(const PrivilegeOptions& options) {
  if (options.user) return absl::OkStatus();
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    if (rte_eal_remote_launch(KeepNothing, nullptr, lcore) != 0 || rte_eal_wait_lcore(lcore) != 0) {
      return absl::InternalError(absl::StrCat("lcore ", lcore, " keeps its capabilities"));
    }
  }
  return DropInterruptThread();
}

absl::Status DropThreadPrivileges() {
  if (KeepNothing(nullptr) != 0) return absl::InternalError("a thread keeps its capabilities");
  return absl::OkStatus();
}

absl::Status DropPrivileges(const PrivilegeOptions& options) {
  if (options.user) {
    if (auto became = BecomeUser(*options.user); !became.ok()) return became;
  }
  if (KeepOnly(options.configures_interfaces) != 0) {
    return absl::InternalError("cannot drop capabilities");
  }
  // Not sooner: it also closes /proc/self, which the start needs, to all but root. A change of user
  // would have turned it off again.
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return SystemError("cannot forbid core dumps");
  return absl::OkStatus();
}

}  // namespace noisegate::controlplane
