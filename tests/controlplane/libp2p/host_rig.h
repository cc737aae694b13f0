// Hosts on one loop over loopback TCP, and tests that read as stories about them.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_HOST_RIG_H_
#define NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_HOST_RIG_H_

#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/relay_client.h"
#include "controlplane/libp2p/relay_service.h"
#include "crypto/key.h"

namespace noisegate::libp2p {

// Longer than anything here takes on a busy machine; a test that fails waits for it once.
inline constexpr std::chrono::seconds kPatience{60};

inline constexpr size_t kMiB = 1024 * 1024;

class TestLoop {
 public:
  asio::io_context& io() { return io_; }
  Executor executor() { return io_.get_executor(); }

  // Runs the loop until the task is done; nullopt where it never is.
  template <typename T>
  std::optional<T> Await(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    asio::co_spawn(io_, std::move(task), [result](const std::exception_ptr& error, T value) {
      EXPECT_FALSE(error);
      result->emplace(std::move(value));
    });
    RunUntil([&] { return result->has_value(); });
    EXPECT_TRUE(result->has_value()) << "still not done";
    return std::move(*result);
  }

  bool RunUntil(const std::function<bool()>& done) {
    const TimePoint end = Now() + kPatience;
    while (!done() && Now() < end) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(1));
    }
    return done();
  }

 private:
  asio::io_context io_{1};
};

// One node: a host with everything on it, unless `bare`.
class Node {
 public:
  Node(TestLoop& loop, HostOptions options, std::optional<RelayOptions> relay = {},
       bool bare = false)
      : loop_(loop), key_(*crypto::PrivateKey::Generate(crypto::KeyType::kEd25519)) {
    host_ = *Host::Create(loop.executor(), key_, std::move(options));
    if (!bare) {
      service_ = std::make_unique<RelayService>(*host_, relay);
      client_ = std::make_unique<RelayClient>(*host_);
    }
    EXPECT_TRUE(host_->Listen().ok());
  }
  ~Node() {
    host_->Stop(std::chrono::milliseconds(0));
    EXPECT_TRUE(loop_.RunUntil(
        [this] { return host_->connection_count() == 0 && host_->half_open_count() == 0; }));
    // What still unwinds refers to the host.
    for (int i = 0; i < 100; ++i) {
      loop_.io().restart();
      loop_.io().poll();
    }
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Host& host() { return *host_; }
  RelayService& relay() { return *service_; }
  RelayClient& relay_client() { return *client_; }
  Multiaddr address() const { return host_->ListenAddresses()[0].WithPeer(host_->peer_id()); }
  asio::ip::tcp::endpoint endpoint() const {
    return {asio::ip::address_v4::loopback(), host_->ListenAddresses()[0].tcp()->port};
  }

 private:
  TestLoop& loop_;
  const crypto::PrivateKey key_;
  std::unique_ptr<Host> host_;
  std::unique_ptr<RelayService> service_;
  std::unique_ptr<RelayClient> client_;
};

inline HostOptions Listening() {
  HostOptions options;
  options.listen = {{dataplane::IpAddress::V4(0x7f000001), 0}};
  options.perf = true;
  options.limits.per_address = 1'024;
  options.limits.per_prefix = 1'024;
  return options;
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_HOST_RIG_H_
