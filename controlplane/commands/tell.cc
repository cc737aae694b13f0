#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "config/duration.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/echo_tracker.h"
#include "controlplane/commands/stop_signals.h"
#include "controlplane/peer_policy.h"
#include "controlplane/secure_swarm.h"
#include "controlplane/udp_swarm.h"

namespace noisegate::commands {
namespace {

using controlplane::SecureSwarm;
using controlplane::UdpSwarm;
using Clock = std::chrono::steady_clock;

// With no interval, so many messages may be out without an echo, or go between two looks at the
// socket.
constexpr uint64_t kMaxOutstanding = 64;
// A close that overtook the last message on the way would make it unreadable.
constexpr auto kLingerBeforeClose = std::chrono::milliseconds(20);

// One run of the command: session, messages, echoes, summary.
class Teller {
 public:
  Teller(const TellOptions& options, UdpSwarm& udp, SecureSwarm& swarm)
      : options_(options), stop_(CatchStopSignals()), udp_(udp), swarm_(swarm) {
    swarm_.OnReceive([this](const SecureSwarm::Message& m) { HandleEcho(m); });
  }

  int Run() {
    absl::Status status = BringUp();
    if (status.ok()) status = SendAll();
    if (!status.ok()) return Fail(status);
    AwaitEchoes();
    return Report();
  }

 private:
  absl::Status BringUp() {
    const absl::Status dialled = swarm_.Dial(options_.destination);
    if (!dialled.ok()) return dialled;
    const auto deadline = Clock::now() + options_.timeout;
    while (!stop_ && !swarm_.IsUp(options_.destination)) {
      if (Clock::now() < deadline) {
        swarm_.Wait(std::min(deadline, SoonEnoughToStop()));
        continue;
      }
      std::string message = "no session with " + options_.destination.ToString() + " within " +
                            config::PrintDuration(options_.timeout);
      const std::string cause = swarm_.LastFailure(options_.destination.endpoint);
      if (!cause.empty()) message += ": " + cause;
      return absl::DeadlineExceededError(message.c_str());
    }
    return absl::OkStatus();
  }

  absl::Status SendAll() {
    last_progress_ = Clock::now();
    auto next = last_progress_;
    while (!stop_ && told_ < options_.count) {
      while (told_ < options_.count && MaySend(next)) {
        const std::vector<uint8_t> message = MakeMessage(told_);
        if (options_.expect_echo) echoes_.Sent(Clock::now(), told_ + 1, message);
        const absl::Status status = swarm_.Tell(options_.destination, message);
        if (!status.ok()) return status;
        ++told_;
        next += options_.interval;
        if (options_.interval.count() == 0 && told_ % kMaxOutstanding == 0) break;
      }
      if (told_ < options_.count) swarm_.Wait(std::min(WhenToLook(next), SoonEnoughToStop()));
      if (GaveUpOnEchoes()) break;
    }
    return absl::OkStatus();
  }

  bool MaySend(Clock::time_point next) const {
    if (options_.interval.count() > 0) return Clock::now() >= next;
    return !options_.expect_echo || echoes_.outstanding() < kMaxOutstanding;
  }

  // Without an interval: at once, but where echoes hold us up, when they come.
  Clock::time_point WhenToLook(Clock::time_point next) const {
    return options_.interval.count() > 0 || MaySend(next) ? next : Clock::time_point::max();
  }

  void AwaitEchoes() {
    last_progress_ = Clock::now();
    while (!stop_ && echoes_.outstanding() > 0 && !GaveUpOnEchoes()) {
      swarm_.Wait(std::min(last_progress_ + options_.timeout, SoonEnoughToStop()));
    }
    const auto end = Clock::now() + kLingerBeforeClose;
    while (!stop_ && !options_.expect_echo && Clock::now() < end) swarm_.Wait(end);
  }

  // With an interval, echoes are only given up on after the last message.
  bool GaveUpOnEchoes() const {
    return echoes_.outstanding() > 0 &&
           (told_ == options_.count || options_.interval.count() == 0) &&
           Clock::now() - last_progress_ >= options_.timeout;
  }

  void HandleEcho(const SecureSwarm::Message& message) {
    if (!options_.expect_echo) return;
    const auto now = Clock::now();
    const auto echo = echoes_.Received(now, message.bytes);
    if (!echo) return;
    last_progress_ = now;
    if (options_.quiet) return;
    std::printf("%zu bytes from %s: seq=%" PRIu64 " time=%.3f ms\n", message.bytes.size(),
                message.source.ToString().c_str(), echo->sequence,
                std::chrono::duration<double, std::milli>(echo->rtt).count());
  }

  int Report() const {
    // The session may have gone, and the socket may have been full: neither is an error of Tell.
    const auto& udp = udp_.counters();
    const uint64_t unsent =
        std::min(told_, told_ - swarm_.counters().sent + udp.send_full + udp.send_failed);
    std::string summary =
        std::to_string(told_ - unsent) + " of " + std::to_string(options_.count) + " messages sent";
    bool good = unsent == 0 && told_ == options_.count;
    if (options_.expect_echo) {
      summary += ", " + std::to_string(echoes_.echoed()) + " echoed intact, " +
                 std::to_string(echoes_.outstanding()) + " lost";
      if (echoes_.foreign() > 0) {
        summary += ", " + std::to_string(echoes_.foreign()) + " unasked for";
      }
      good = good && echoes_.echoed() == options_.count && echoes_.foreign() == 0;
    }
    std::printf("--- %s ---\n%s\n", options_.destination.ToString().c_str(), summary.c_str());
    const std::string rtt = echoes_.RttSummary();
    if (!rtt.empty()) std::printf("%s\n", rtt.c_str());
    return good ? kExitOk : kExitFailure;
  }

  // Every message of its own, so that an echo tells which one it is.
  std::vector<uint8_t> MakeMessage(uint64_t sequence) const {
    if (options_.message) return {options_.message->begin(), options_.message->end()};
    std::mt19937_64 generator(sequence);
    std::vector<uint8_t> message(options_.size);
    std::generate(message.begin(), message.end(),
                  [&] { return static_cast<uint8_t>(generator() >> 32); });
    return message;
  }

  // A signal between a look at the flag and the wait for the socket is noticed this late.
  static Clock::time_point SoonEnoughToStop() {
    return Clock::now() + std::chrono::milliseconds(100);
  }

  const TellOptions& options_;
  const std::atomic<bool>& stop_;
  UdpSwarm& udp_;
  SecureSwarm& swarm_;
  EchoTracker echoes_;
  uint64_t told_ = 0;
  Clock::time_point last_progress_;  // the last echo, or when there could first be one
};

// The wildcard of the destination's family, and any port.
dataplane::Endpoint LocalFor(const dataplane::Endpoint& destination) {
  if (destination.address.is_v4()) return {dataplane::IpAddress::V4(0), 0};
  return {dataplane::IpAddress(), 0};
}

}  // namespace

int Tell(const TellOptions& options) {
  const auto identity = crypto::PrivateKey::Load(options.key);
  if (!identity.ok()) return Fail(identity.status());
  auto udp = UdpSwarm::Bind(LocalFor(options.destination.endpoint));
  if (!udp.ok()) return Fail(udp.status());
  controlplane::AdmitListed policy({&options.destination.peer, 1});
  SecureSwarm swarm(**udp, *identity, policy, {});

  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const int exit_code = Teller(options, **udp, swarm).Run();
  swarm.Close();
  return exit_code;
}

}  // namespace noisegate::commands
