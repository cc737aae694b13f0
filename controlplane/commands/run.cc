#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "config/config.h"
#include "controlplane/admin_commands.h"
#include "controlplane/admin_server.h"
#include "controlplane/commands/commands.h"
#include "controlplane/control_loop.h"
#include "controlplane/gateway.h"
#include "controlplane/gateway_plan.h"
#include "controlplane/libp2p/relay_policy.h"
#include "controlplane/libp2p/service.h"
#include "controlplane/log.h"
#include "controlplane/privileges.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "dataplane/dataplane.h"
#include "dataplane/eal.h"

namespace noisegate::commands {
namespace {

using controlplane::AdminServer;
using controlplane::ControlLoop;
using controlplane::Gateway;
using controlplane::Log;
using controlplane::LogLevel;
using controlplane::TimePoint;

// How long the closes get to leave the gateway, ten thousand of them: well within the second in which it must
// be gone.
constexpr std::chrono::milliseconds kGoodbyeTime{100};

TimePoint Now() { return std::chrono::steady_clock::now(); }

// Blocked before any thread is made, so that they are read from the signalfd and nowhere else.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

dataplane::EalOptions EalOptionsFor(const config::Config& config) {
  dataplane::EalOptions options;
  options.file_prefix = config.gateway.name;
  options.hugepages = config.gateway.hugepages;
  options.memory_mib = config.gateway.memory_mib;
  options.workers = config.gateway.workers;
  options.worker_cpus = config.gateway.worker_cores;
  options.control_cpu = config.gateway.control_core;
  options.pci = std::any_of(config.ports.begin(), config.ports.end(),
                            [](const auto& port) { return port.device == config::Device::kPci; });
  return options;
}

controlplane::PrivilegeOptions PrivilegesFor(const config::Config& config) {
  controlplane::PrivilegeOptions options;
  options.user = config.gateway.user;
  options.configures_interfaces =
      std::any_of(config.ports.begin(), config.ports.end(), [](const auto& port) {
        return port.device == config::Device::kTap || port.device == config::Device::kAfXdp;
      });
  return options;
}

// The process around one gateway.
class GatewayProcess {
 public:
  GatewayProcess(std::string config_path, sigset_t signals)
      : config_path_(std::move(config_path)), signals_(signals) {
    CPU_ZERO(&cpus_);
    sched_getaffinity(0, sizeof(cpus_), &cpus_);
  }
  ~GatewayProcess() {
    if (signal_fd_ >= 0) close(signal_fd_);
  }
  GatewayProcess(const GatewayProcess&) = delete;
  GatewayProcess& operator=(const GatewayProcess&) = delete;

  absl::Status Start(const config::Config& config);
  void Run();

 private:
  absl::Status StartGateway(const config::Config& config);
  absl::Status StartLibp2p(const config::Config& config);
  absl::Status StartLoop(const config::Config& config);
  void HandleSignal();
  controlplane::ReloadResult Reload();
  absl::Status Apply(const config::Config& config);
  void SayGoodbye();

  const std::string config_path_;
  sigset_t signals_;
  cpu_set_t cpus_;  // that the process may run on, before DPDK pins threads
  int signal_fd_ = -1;
  std::unique_ptr<ControlLoop> loop_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<libp2p::Service> libp2p_;  // none without libp2p.listen
  std::unique_ptr<AdminServer> admin_;
};

absl::Status GatewayProcess::Start(const config::Config& config) {
  const controlplane::PrivilegeOptions privileges = PrivilegesFor(config);
  if (auto done = controlplane::ForbidGains(); !done.ok()) return done;
  controlplane::NameControlThread();
  if (auto started = StartGateway(config); !started.ok()) return started;
  if (auto started = StartLibp2p(config); !started.ok()) return started;
  if (auto started = StartLoop(config); !started.ok()) return started;
  return controlplane::DropPrivileges(privileges);
}

absl::Status GatewayProcess::StartGateway(const config::Config& config) {
  auto identity = crypto::PrivateKey::Load(config.gateway.identity);
  if (!identity.ok()) return identity.status();
  const auto eal = dataplane::StartEal(EalOptionsFor(config));
  if (!eal.ok()) return eal.status();
  if (!(*eal)->notice.empty()) Log(LogLevel::kWarning, (*eal)->notice);

  auto dataplane = dataplane::Dataplane::Create(
      controlplane::DataplaneOptionsFor(config, (*eal)->worker_lcores));
  if (!dataplane.ok()) return dataplane.status();
  auto gateway =
      Gateway::Create(config, *std::move(identity), *std::move(dataplane), crypto::SystemRandom());
  if (!gateway.ok()) return gateway.status();
  gateway_ = *std::move(gateway);
  auto dropped = controlplane::DropWorkerPrivileges(PrivilegesFor(config));
  if (!dropped.ok()) return dropped;
  return gateway_->Start(Now());
}

absl::Status GatewayProcess::StartLibp2p(const config::Config& config) {
  if (config.libp2p.listen.empty()) return absl::OkStatus();
  const std::string& file =
      config.libp2p.key.empty() ? config.gateway.identity : config.libp2p.key;
  auto key = crypto::PrivateKey::Load(file, crypto::KeyUse::kLibp2p);
  if (!key.ok()) return key.status();
  auto started = libp2p::Service::Start(config.libp2p, *std::move(key), [cpus = cpus_] {
    // Not on the control thread's CPU, which it would inherit; and it needs no privileges.
    sched_setaffinity(0, sizeof(cpus), &cpus);
    // A thread that faces strangers with more than it needs is worse than none.
    if (!controlplane::DropThreadPrivileges().ok()) std::abort();
  });
  if (!started.ok()) return started.status();
  libp2p_ = *std::move(started);
  for (const std::string& address : libp2p_->Snapshot().listen) {
    Log(LogLevel::kInfo, absl::StrCat("libp2p listens on ", address));
  }
  return absl::OkStatus();
}

absl::Status GatewayProcess::StartLoop(const config::Config& config) {
  auto loop = ControlLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);

  controlplane::AdminCommands commands;
  commands.snapshot = [this] {
    controlplane::Snapshot snapshot = gateway_->TakeSnapshot(Now());
    if (libp2p_ != nullptr) snapshot.libp2p = libp2p_->Snapshot();
    return snapshot;
  };
  commands.reload = [this] { return Reload(); };
  auto admin = AdminServer::Listen({config.admin.socket, config.admin.group},
                                   [commands](std::string_view request) {
                                     return controlplane::AnswerAdminRequest(request, commands);
                                   });
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);

  signal_fd_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd_ < 0) return absl::InternalError("signalfd failed");
  if (auto watched = loop_->Watch(signal_fd_, [this] { HandleSignal(); }); !watched.ok()) {
    return watched;
  }
  auto watched = loop_->Watch(admin_->fd(), [this] { admin_->HandleReady(Now()); });
  if (!watched.ok()) return watched;
  loop_->EveryTurn([this](TimePoint now) { gateway_->RunOnce(now); });
  loop_->EveryTurn([this](TimePoint now) { admin_->HandleTimeout(now); });
  return absl::OkStatus();
}

void GatewayProcess::Run() {
  const controlplane::OverviewSnapshot overview = gateway_->TakeSnapshot(Now()).overview;
  Log(LogLevel::kInfo, absl::StrCat("gateway ", overview.name, " runs as ", overview.peer_id));
  sd_notify(0, "READY=1");
  loop_->Run();
  sd_notify(0, "STOPPING=1");
  SayGoodbye();
}

void GatewayProcess::SayGoodbye() {
  // Whoever asks again does not want to wait: the second signal ends the process.
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  loop_->Unwatch(admin_->fd());
  gateway_->SayGoodbye(Now());
  const TimePoint end = Now() + kGoodbyeTime;
  while (Now() < end) loop_->RunOnce();
  if (libp2p_ != nullptr) libp2p_->Stop();
  gateway_->Stop();
  Log(LogLevel::kInfo, "gateway has stopped");
}

void GatewayProcess::HandleSignal() {
  for (signalfd_siginfo info; read(signal_fd_, &info, sizeof(info)) == sizeof(info);) {
    if (info.ssi_signo != SIGHUP) {
      loop_->Quit();
      return;
    }
    (void)Reload();  // which says in the log how it went
  }
}

absl::Status GatewayProcess::Apply(const config::Config& config) {
  auto relay = libp2p::RelayOptionsOf(config.libp2p.relay);
  if (!relay.ok()) return relay.status();
  if (auto status = gateway_->Reload(Now(), config); !status.ok()) return status;
  if (libp2p_ != nullptr) libp2p_->SetRelay(*std::move(relay));
  return absl::OkStatus();
}

controlplane::ReloadResult GatewayProcess::Reload() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t now_us =
      static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
  sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", static_cast<unsigned long long>(now_us));

  controlplane::ReloadResult result;
  const config::LoadResult loaded = config::Load(config_path_);
  if (!loaded.ok()) {
    result.error = "the config has problems; the running one stays as it is:";
    for (const config::Problem& problem : loaded.problems) {
      result.problems.push_back(problem.ToString());
    }
  } else if (auto status = Apply(*loaded.config); !status.ok()) {
    result.error = absl::StrCat("the config was not applied: ", status.message());
  } else {
    (void)controlplane::SetLogLevel(
        loaded.config->logging.level);  // a known one, or it had not loaded
  }

  if (result.ok()) {
    Log(LogLevel::kInfo, "config reloaded");
  } else {
    Log(LogLevel::kError, absl::StrCat("reload: ", result.error));
    for (const std::string& problem : result.problems) Log(LogLevel::kError, problem);
  }
  sd_notify(0, "READY=1");
  return result;
}

}  // namespace

int Run(const RunOptions& options) {
  const config::LoadResult loaded = config::Load(options.config);
  for (const config::Problem& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", problem.ToString().c_str());
  }
  if (!loaded.ok()) return kExitFailure;
  const config::Logging& logging = loaded.config->logging;
  if (auto opened = controlplane::OpenLog(logging.level, logging.file); !opened.ok()) {
    return Fail(opened);
  }
  GatewayProcess process(options.config, BlockSignals());
  if (auto started = process.Start(*loaded.config); !started.ok()) return Fail(started);
  process.Run();
  return kExitOk;
}

}  // namespace noisegate::commands
