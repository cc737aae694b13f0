#include "dataplane/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace noisegate::dataplane {
namespace {

std::vector<unsigned> ProcessCpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// MiB of hugepages of any size that nobody uses yet.
uint64_t FreeHugepagesMib() {
  uint64_t free_mib = 0;
  std::error_code error;
  const std::filesystem::path root = "/sys/kernel/mm/hugepages";
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    // Directories are named hugepages-2048kB and so on.
    const std::string name = entry.path().filename().string();
    const size_t dash = name.find('-');
    if (dash == std::string::npos) continue;
    uint64_t pages = 0;
    std::ifstream(entry.path() / "free_hugepages") >> pages;
    free_mib += pages * std::strtoull(name.c_str() + dash + 1, nullptr, 10) / 1024;
  }
  return free_mib;
}

// Several lcores may share CPUs: "0@(0,1),1@(0,1)" leaves the placing to the scheduler.
std::string LcoreMap(const EalOptions& options, const std::vector<unsigned>& process_cpus) {
  const std::string any = absl::StrCat("(", absl::StrJoin(process_cpus, ","), ")");
  std::string map = absl::StrCat(
      "0@", options.control_cpu ? absl::StrCat(*options.control_cpu) : any);
  for (uint32_t w = 0; w < options.workers; ++w) {
    absl::StrAppend(&map, ",", w + 1, "@",
                    options.worker_cpus.empty() ? any : absl::StrCat(options.worker_cpus[w]));
  }
  return map;
}

absl::Status CheckOptions(const EalOptions& options, const std::vector<unsigned>& process_cpus) {
  if (options.workers == 0 || options.workers >= RTE_MAX_LCORE) {
    return absl::InvalidArgumentError(
        absl::StrCat("workers: ", options.workers, " is not in 1 … ", RTE_MAX_LCORE - 1));
  }
  if (!options.worker_cpus.empty() && options.worker_cpus.size() != options.workers) {
    return absl::InvalidArgumentError(absl::StrCat("worker_cores: ", options.worker_cpus.size(),
                                                   " given for ", options.workers, " workers"));
  }
  std::vector<unsigned> wanted = options.worker_cpus;
  if (options.control_cpu) wanted.push_back(*options.control_cpu);
  for (const unsigned cpu : wanted) {
    if (std::find(process_cpus.begin(), process_cpus.end(), cpu) == process_cpus.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("CPU ", cpu, " is not one that this process may run on (",
                       absl::StrJoin(process_cpus, ", "), ")"));
    }
  }
  return absl::OkStatus();
}

std::vector<unsigned> WorkerLcores() {
  std::vector<unsigned> lcores;
  unsigned lcore;
  RTE_LCORE_FOREACH_WORKER(lcore) lcores.push_back(lcore);
  return lcores;
}

absl::StatusOr<EalInfo> Start(const EalOptions& options) {
  const std::vector<unsigned> process_cpus = ProcessCpus();
  if (absl::Status status = CheckOptions(options, process_cpus); !status.ok()) return status;

  EalInfo info;
  info.hugepages = options.hugepages && FreeHugepagesMib() >= options.memory_mib;
  if (options.hugepages && !info.hugepages) {
    info.notice = absl::StrCat("fewer than ", options.memory_mib,
                               " MiB of hugepages are free: running without, which is slower");
  }
  std::vector<std::string> arguments = EalArguments(options, info.hugepages, process_cpus);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  rte_log_set_global_level(options.verbose ? RTE_LOG_INFO : RTE_LOG_WARNING);
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return absl::InternalError(absl::StrCat("DPDK did not start: ", rte_strerror(rte_errno),
                                            " (arguments: ", absl::StrJoin(arguments, " "), ")"));
  }
  info.worker_lcores = WorkerLcores();
  return info;
}

}  // namespace

std::vector<std::string> EalArguments(const EalOptions& options, bool use_hugepages,
                                      const std::vector<unsigned>& process_cpus) {
  std::vector<std::string> arguments = {
      "noisegate",
      absl::StrCat("--file-prefix=", options.file_prefix, "-", getpid()),
      absl::StrCat("--lcores=", LcoreMap(options, process_cpus)),
      "--main-lcore=0",
      "--iova-mode=va",
      "--no-telemetry",
      absl::StrCat("--log-level=", options.verbose ? "*:info" : "*:warning"),
  };
  if (!options.pci) arguments.push_back("--no-pci");
  // --in-memory shares nothing with other processes and leaves no files behind, but needs hugepages.
  if (use_hugepages) {
    arguments.push_back("--in-memory");
  } else {
    arguments.insert(arguments.end(),
                     {"--no-huge", "--no-shconf", "-m", absl::StrCat(options.memory_mib)});
  }
  return arguments;
}

absl::StatusOr<const EalInfo*> StartEal(const EalOptions& options) {
  static absl::StatusOr<EalInfo>* const started = new absl::StatusOr<EalInfo>(Start(options));
  if (!started->ok()) return started->status();
  const EalInfo& info = **started;
  if (options.workers > info.worker_lcores.size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("DPDK was started with ", info.worker_lcores.size(), " workers, not ",
                     options.workers));
  }
  return &info;
}

}  // namespace noisegate::dataplane
