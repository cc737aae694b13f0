#include <pthread.h>
#include <rte_launch.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/demo_network.h"
#include "controlplane/commands/demo_traffic.h"
#include "controlplane/commands/stop_signals.h"
#include "controlplane/commands/table.h"
#include "controlplane/control_loop.h"
#include "dataplane/eal.h"

namespace noisegate::commands {
namespace {

using controlplane::TimePoint;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatienceForSessions{5};
constexpr seconds kPatienceForStragglers{5};

// The live table: redrawn in place on a terminal, a line a second elsewhere.
class LiveTable {
 public:
  LiveTable() : redraws_(isatty(STDOUT_FILENO) == 1) {}

  void Print(TimePoint now, DemoNetwork& network, const DemoTraffic::Totals& totals) {
    const double elapsed = std::chrono::duration<double>(now - started_).count();
    const double interval = std::chrono::duration<double>(now - printed_).count();
    const double rate = static_cast<double>(totals.received - last_.received) / interval;
    const double bits = static_cast<double>(totals.bytes - last_.bytes) * 8 / interval;
    Table table({"GATEWAY", ">SEALED", ">OPENED", ">RELAYED", ">SESSIONS", ">ROLLOVERS", ">DROPS"});
    uint64_t sessions = 0, rollovers = 0, drops = 0;
    for (const auto& gateway : network.gateways()) {
      const controlplane::OverviewSnapshot o = gateway->TakeSnapshot(now).overview;
      sessions += o.sessions;
      rollovers += o.rollovers;
      drops += o.drops;
      const auto count = [](uint64_t n) { return CountText(static_cast<double>(n)); };
      table.Add({o.name, count(o.sealed), count(o.opened), count(o.relayed), count(o.sessions),
                 count(o.rollovers), count(o.drops)});
    }
    std::string text;
    char line[256];
    std::snprintf(line, sizeof(line),
                  "%4.0f s  %10" PRIu64 " packets  %9s/s  %7sbit/s  %3" PRIu64
                  " sessions  %3" PRIu64 " rollovers  %" PRIu64 " dropped  %" PRIu64
                  " lost  %" PRIu64 " corrupt\n",
                  elapsed, totals.received, CountText(rate).c_str(), CountText(bits).c_str(),
                  sessions, rollovers, drops, totals.lost, totals.corrupt + totals.duplicate);
    if (redraws_) {
      // Back to where the last one began, and over it.
      if (lines_ > 0) text = absl::StrCat("\x1b[", lines_, "A\x1b[J");
      const std::string rows = table.ToString();
      lines_ = 2 + network.gateways().size();
      text += rows + line;
    } else {
      text = line;
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    last_ = totals;
    printed_ = now;
  }

  void Begin(TimePoint now) { started_ = printed_ = now; }
  bool Due(TimePoint now) const { return now - printed_ >= seconds(1); }

 private:
  const bool redraws_;
  size_t lines_ = 0;
  TimePoint started_{}, printed_{};
  DemoTraffic::Totals last_;
};

TimePoint Now() { return std::chrono::steady_clock::now(); }

int RunTraffic(void* traffic) {
  pthread_setname_np(pthread_self(), "ng-demo-hosts");
  static_cast<DemoTraffic*>(traffic)->Run();
  return 0;
}

// What every gateway dropped, and why: asked for where packets are missing.
void PrintDrops(DemoNetwork& network) {
  for (const auto& gateway : network.gateways()) {
    const controlplane::Snapshot snapshot = gateway->TakeSnapshot(Now());
    for (const controlplane::DropSnapshot& drop : snapshot.drops) {
      if (drop.packets == 0) continue;
      std::printf("%s dropped %" PRIu64 ": %s\n", snapshot.overview.name.c_str(), drop.packets,
                  std::string(dataplane::DropReasonName(drop.reason)).c_str());
    }
  }
}

int Verdict(const DemoTraffic::Totals& totals, uint64_t rollovers) {
  std::printf("%" PRIu64 " packets sent, %" PRIu64 " arrived intact and once, %" PRIu64
              " lost, %" PRIu64 " corrupt, %" PRIu64 " twice, over %" PRIu64 " rollovers\n",
              totals.sent, totals.received, totals.lost + totals.in_flight(), totals.corrupt,
              totals.duplicate, rollovers);
  const bool intact = totals.sent > 0 && totals.received == totals.sent && totals.corrupt == 0 &&
                      totals.duplicate == 0;
  return intact ? kExitOk : Fail("not every packet arrived intact");
}

class DemoRun {
 public:
  DemoRun(controlplane::ControlLoop& loop, DemoNetwork& network, DemoTraffic& traffic)
      : loop_(loop), network_(network), traffic_(traffic) {}

  absl::Status AwaitSessions() {
    const TimePoint end = Now() + kPatienceForSessions;
    while (!network_.Up(Now())) {
      if (Now() > end || Stopped()) {
        return absl::DeadlineExceededError("the gateways get no sessions with each other");
      }
      loop_.RunFor(milliseconds(10));
    }
    return absl::OkStatus();
  }

  void Send(std::chrono::microseconds duration) {
    const TimePoint end = Now() + duration;
    table_.Begin(Now());
    traffic_.SetSending(true);
    while (Now() < end && !Stopped()) {
      loop_.RunOnce();
      if (table_.Due(Now())) table_.Print(Now(), network_, traffic_.totals());
    }
    traffic_.SetSending(false);
  }

  void AwaitStragglers() {
    const TimePoint end = Now() + kPatienceForStragglers;
    while (traffic_.totals().in_flight() > 0 && Now() < end) loop_.RunOnce();
  }

  uint64_t Rollovers() {
    uint64_t rollovers = 0;
    for (const auto& gateway : network_.gateways()) {
      rollovers += gateway->TakeSnapshot(Now()).overview.rollovers;
    }
    return rollovers;
  }

 private:
  bool Stopped() const { return stop_.load(std::memory_order_relaxed); }

  controlplane::ControlLoop& loop_;
  DemoNetwork& network_;
  DemoTraffic& traffic_;
  const std::atomic<bool>& stop_ = CatchStopSignals();
  LiveTable table_;
};

}  // namespace

int Demo(const DemoOptions& options) {
  dataplane::EalOptions eal_options;
  eal_options.file_prefix = "noisegate-demo";
  eal_options.hugepages = false;
  eal_options.memory_mib = 128 + 160 * options.workers;
  eal_options.workers = DemoNetwork::kGateways * options.workers + 1;
  controlplane::NameControlThread();
  const auto eal = dataplane::StartEal(eal_options);
  if (!eal.ok()) return Fail(eal.status());
  std::vector<unsigned> lcores = (*eal)->worker_lcores;
  const unsigned traffic_lcore = lcores.back();
  lcores.pop_back();

  auto network = DemoNetwork::Create(lcores);
  if (!network.ok()) return Fail(network.status());
  DemoTraffic::Options hosts = (*network)->HostOptions();
  hosts.packets_per_second = options.rate;
  if (options.size) {
    if (*options.size < DemoTraffic::kMinSize || *options.size > hosts.max_size) {
      return Fail(absl::StrCat("--size: from ", DemoTraffic::kMinSize, " to ", hosts.max_size));
    }
    hosts.size = options.size;
  }
  auto traffic = DemoTraffic::Create(hosts);
  if (!traffic.ok()) return Fail(traffic.status());
  auto loop = controlplane::ControlLoop::Create();
  if (!loop.ok()) return Fail(loop.status());

  (*loop)->EveryTurn([&](TimePoint now) { (*network)->RunOnce(now); });
  if (auto started = (*network)->Start(Now()); !started.ok()) return Fail(started);
  DemoRun run(**loop, **network, **traffic);
  if (auto up = run.AwaitSessions(); !up.ok()) return Fail(up);
  rte_eal_remote_launch(RunTraffic, traffic->get(), traffic_lcore);
  run.Send(options.duration);
  run.AwaitStragglers();
  (*traffic)->Quit();
  rte_eal_wait_lcore(traffic_lcore);
  const uint64_t rollovers = run.Rollovers();
  if ((*traffic)->totals().received != (*traffic)->totals().sent) PrintDrops(**network);
  (*network)->SayGoodbye(Now());
  (*network)->Stop();
  return Verdict((*traffic)->totals(), rollovers);
}

}  // namespace noisegate::commands
