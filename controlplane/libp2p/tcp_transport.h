// Kernel TCP as a Transport, and how sockets are set up.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_TCP_TRANSPORT_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_TCP_TRANSPORT_H_

#include <asio/ip/tcp.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/async.h"
#include "controlplane/libp2p/multiaddr.h"
#include "dataplane/address.h"

namespace noisegate::libp2p {

// IPv4-mapped IPv6 addresses come out as IPv4.
dataplane::Endpoint ToEndpoint(const asio::ip::tcp::endpoint& endpoint);
asio::ip::tcp::endpoint ToAsio(const dataplane::Endpoint& endpoint);

// "WHAT: REASON", with the code that fits the reason.
absl::Status SocketError(const std::string& what, const asio::error_code& error);

// Bound and listening; IPv6 takes no IPv4. Port 0: a free one.
absl::StatusOr<asio::ip::tcp::acceptor> ListenTcp(const Executor& executor,
                                                  const dataplane::Endpoint& endpoint);

// Tries the addresses of a name one after the other.
Task<absl::StatusOr<asio::ip::tcp::socket>> ConnectTcp(TcpTarget target,
                                                       std::chrono::milliseconds timeout);

std::unique_ptr<Transport> MakeTcpTransport(asio::ip::tcp::socket socket);

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_TCP_TRANSPORT_H_
