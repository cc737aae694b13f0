// The event loop's vocabulary: coroutines, a condition to wait for, a time limit, and byte pipes.
//
// Everything in the libp2p host runs on one thread and one asio::io_context, so between two
// co_awaits nothing else runs: a check followed by a wait misses no notification.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_ASYNC_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_ASYNC_H_

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "controlplane/libp2p/buffer.h"

namespace noisegate::libp2p {

template <typename T>
using Task = asio::awaitable<T>;
using Executor = asio::any_io_executor;
using TimePoint = std::chrono::steady_clock::time_point;

inline TimePoint Now() { return std::chrono::steady_clock::now(); }

// Waits until somebody notifies, or for so long. Wakes everybody; each checks its condition again.
class Notifier {
 public:
  explicit Notifier(const Executor& executor) : timer_(executor, TimePoint::max()) {}
  Task<void> Wait() {
    asio::error_code cancelled;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  void Notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

inline Task<void> SleepUntil(Executor executor, TimePoint time) {
  asio::steady_timer timer(executor, time);
  asio::error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

// Calls `expired` once, unless destroyed before.
class TimeLimit {
 public:
  TimeLimit(const Executor& executor, std::chrono::milliseconds limit,
            std::function<void()> expired)
      : timer_(executor, limit), armed_(std::make_shared<bool>(true)) {
    timer_.async_wait([armed = armed_, expired = std::move(expired)](asio::error_code cancelled) {
      if (!cancelled && *armed) {
        *armed = false;
        expired();
      }
    });
  }
  ~TimeLimit() { *armed_ = false; }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  bool expired() const { return !*armed_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> armed_;
};

struct IoResult {
  size_t size = 0;      // of a read: 0 at the end
  absl::Status status;  // not ok: nothing more comes, or goes
};

// An ordered pipe of bytes: a TCP socket, or a stream through a relay. One reader and one writer at
// a time. After Close() both come back with an error.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<IoResult> ReadSome(std::span<uint8_t> out) = 0;
  // Where the bytes lie in a `lender`, they stay as they are as long as somebody holds it.
  virtual Task<IoResult> WriteSome(std::span<const uint8_t> bytes,
                                   const Buffer* lender = nullptr) = 0;
  // At once; what was written but not sent yet may be lost.
  virtual void Close() = 0;
  // Sends what was written, then the end.
  virtual void CloseWrite() = 0;
};

inline Task<absl::Status> WriteAll(Transport& transport, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const IoResult written = co_await transport.WriteSome(bytes);
    if (!written.status.ok()) co_return written.status;
    bytes = bytes.subspan(written.size);
  }
  co_return absl::OkStatus();
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_ASYNC_H_
