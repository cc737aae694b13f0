#include "controlplane/libp2p/tcp_transport.h"

#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/this_coro.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace noisegate::libp2p {
namespace {

using asio::ip::tcp;

// The kernel holds so much that is not sent yet: what is urgent waits behind no more than this.
constexpr int kMaxUnsent = 128 * 1024;  // bytes

void SetUp(tcp::socket& socket) {
  asio::error_code ignored;  // they speed things up, or save memory; without them it works too
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>(kMaxUnsent),
                    ignored);
}

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(tcp::socket socket) : socket_(std::move(socket)) { SetUp(socket_); }

  Task<IoResult> ReadSome(std::span<uint8_t> out) override {
    asio::error_code error;
    const size_t size = co_await socket_.async_read_some(
        asio::buffer(out.data(), out.size()), asio::redirect_error(asio::use_awaitable, error));
    IoResult result{.size = size, .status = absl::OkStatus()};
    if (error && error != asio::error::eof) result.status = SocketError("read", error);
    co_return result;
  }

  Task<IoResult> WriteSome(std::span<const uint8_t> bytes, const Buffer*) override {
    asio::error_code error;
    const size_t size = co_await socket_.async_write_some(
        asio::buffer(bytes.data(), bytes.size()), asio::redirect_error(asio::use_awaitable, error));
    IoResult result{.size = size, .status = absl::OkStatus()};
    if (error) result.status = SocketError("write", error);
    co_return result;
  }

  void Close() override {
    asio::error_code ignored;
    socket_.close(ignored);
  }

  void CloseWrite() override {
    asio::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  tcp::socket socket_;
};

Task<absl::StatusOr<std::vector<tcp::endpoint>>> Resolve(Executor executor, TcpTarget target) {
  std::vector<tcp::endpoint> endpoints;
  if (target.address) {
    tcp::endpoint endpoint = ToAsio({*target.address, target.port});
    if (!target.zone.empty()) {
      asio::ip::address_v6 address = endpoint.address().to_v6();
      address.scope_id(if_nametoindex(target.zone.c_str()));
      endpoint.address(address);
    }
    endpoints.push_back(endpoint);
    co_return endpoints;
  }
  tcp::resolver resolver(executor);
  asio::error_code error;
  const auto found =
      co_await resolver.async_resolve(target.name, std::to_string(target.port),
                                      asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return SocketError("resolve " + target.name, error);
  for (const auto& entry : found) {
    const bool v4 = entry.endpoint().address().is_v4();
    const bool wanted = target.family == TcpTarget::Family::kAny ||
                        v4 == (target.family == TcpTarget::Family::kV4);
    if (wanted) endpoints.push_back(entry.endpoint());
  }
  co_return endpoints;
}

}  // namespace

dataplane::Endpoint ToEndpoint(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (address.is_v4()) {
    return {dataplane::IpAddress::V4(address.to_v4().to_uint()), endpoint.port()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {dataplane::IpAddress::V6(bytes), endpoint.port()};
}

tcp::endpoint ToAsio(const dataplane::Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    return {asio::ip::address_v4(endpoint.address.v4()), endpoint.port};
  }
  return {asio::ip::address_v6(endpoint.address.bytes), endpoint.port};
}

absl::Status SocketError(const std::string& what, const asio::error_code& error) {
  const std::string message = what + ": " + error.message();
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return absl::CancelledError(absl::string_view(message.data(), message.size()));
  }
  return absl::UnavailableError(absl::string_view(message.data(), message.size()));
}

absl::StatusOr<tcp::acceptor> ListenTcp(const Executor& executor,
                                        const dataplane::Endpoint& endpoint) {
  const tcp::endpoint where = ToAsio(endpoint);
  tcp::acceptor acceptor(executor);
  asio::error_code error;
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && !endpoint.address.is_v4()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return SocketError("listen on " + Multiaddr::OfTcp(endpoint).ToString(), error);
  return acceptor;
}

Task<absl::StatusOr<tcp::socket>> ConnectTcp(TcpTarget target, std::chrono::milliseconds timeout) {
  const Executor executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  const TimeLimit limit(executor, timeout, [&socket] {
    asio::error_code ignored;
    socket.close(ignored);
  });
  const auto endpoints = co_await Resolve(executor, target);
  if (!endpoints.ok()) co_return endpoints.status();
  asio::error_code error = asio::error::host_not_found;
  for (const tcp::endpoint& endpoint : *endpoints) {
    if (limit.expired()) break;
    asio::error_code ignored;
    socket.close(ignored);
    co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return std::move(socket);
  }
  if (limit.expired()) co_return absl::DeadlineExceededError("connect: no answer in time");
  co_return SocketError("connect", error);
}

std::unique_ptr<Transport> MakeTcpTransport(tcp::socket socket) {
  return std::make_unique<TcpTransport>(std::move(socket));
}

}  // namespace noisegate::libp2p
