#include "controlplane/control_loop.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {

absl::StatusOr<std::unique_ptr<ControlLoop>> ControlLoop::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return absl::InternalError(absl::StrCat("epoll: ", strerror(errno)));
  return std::unique_ptr<ControlLoop>(new ControlLoop(epoll));
}

ControlLoop::~ControlLoop() { close(epoll_); }

absl::Status ControlLoop::Watch(int fd, std::function<void()> ready) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::InternalError(absl::StrCat("epoll: ", strerror(errno)));
  }
  watched_[fd] = std::move(ready);
  return absl::OkStatus();
}

void ControlLoop::Unwatch(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(fd);
}

void ControlLoop::EveryTurn(std::function<void(TimePoint)> turn) {
  turns_.push_back(std::move(turn));
}

void ControlLoop::RunOnce() {
  std::array<epoll_event, 16> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                               static_cast<int>(kTurn.count()));
  for (int i = 0; i < count; ++i) {
    // One that was ready may have been unwatched by one before it.
    const auto watched = watched_.find(events[static_cast<size_t>(i)].data.fd);
    if (watched == watched_.end()) continue;
    const std::function<void()> ready = watched->second;
    ready();
  }
  const TimePoint now = std::chrono::steady_clock::now();
  for (const auto& turn : turns_) turn(now);
}

void ControlLoop::Run() {
  while (!quit_) RunOnce();
}

void ControlLoop::RunFor(std::chrono::steady_clock::duration duration) {
  const TimePoint end = std::chrono::steady_clock::now() + duration;
  while (!quit_ && std::chrono::steady_clock::now() < end) RunOnce();
}

void NameControlThread() { pthread_setname_np(pthread_self(), "ng-control"); }

}  // namespace noisegate::controlplane
