// The control thread's loop: sleeps in epoll, and takes one turn at least every millisecond,
// because workers make no system call to wake it.
//
//   loop.Watch(admin.fd(), [&] { admin.HandleReady(); });
//   loop.EveryTurn([&](TimePoint now) { gateway.RunOnce(now); });
//   loop.Run();   // until Quit()
#ifndef NOISEGATE_CONTROLPLANE_CONTROL_LOOP_H_
#define NOISEGATE_CONTROLPLANE_CONTROL_LOOP_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace noisegate::controlplane {

class ControlLoop {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kTurn{1};

  static absl::StatusOr<std::unique_ptr<ControlLoop>> Create();
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Calls `ready` while `fd` is readable. The fd stays the caller's, who keeps it open while
  // watched.
  absl::Status Watch(int fd, std::function<void()> ready);
  void Unwatch(int fd);
  // Calls `turn` once a turn, in the order in which they were given.
  void EveryTurn(std::function<void(TimePoint)> turn);

  // One turn: waits at most kTurn for an fd.
  void RunOnce();
  void Run();
  void RunFor(std::chrono::steady_clock::duration duration);  // or until Quit()
  void Quit() { quit_ = true; }

 private:
  explicit ControlLoop(int epoll) : epoll_(epoll) {}

  const int epoll_;
  bool quit_ = false;
  std::map<int, std::function<void()>> watched_;
  std::vector<std::function<void(TimePoint)>> turns_;
};

// Names the calling thread "ng-control".
void NameControlThread();

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_CONTROL_LOOP_H_
