#include "controlplane/admin_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

constexpr timeval kTimeout = {.tv_sec = 10, .tv_usec = 0};

class Connection {
 public:
  Connection() : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status Connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": too long for a socket's path"));
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof(kTimeout));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof(kTimeout));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return absl::OkStatus();
    }
    if (errno == EACCES) {
      return absl::PermissionDeniedError(absl::StrCat("you may not ask the gateway at ", path,
                                                      ": be root or in the group of admin.group"));
    }
    return absl::UnavailableError(absl::StrCat("no gateway answers at ", path, " (",
                                               strerror(errno),
                                               "): is one running, and is "
                                               "--socket its admin.socket?"));
  }

  absl::Status Send(const std::string& line) {
    for (size_t sent = 0; sent < line.size();) {
      const ssize_t size = send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (size < 0) return Failure();
      sent += static_cast<size_t>(size);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReceiveLine() {
    std::string line;
    for (std::array<char, 16384> buffer;;) {
      const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
      if (size < 0) return Failure();
      if (size == 0) return absl::UnavailableError("the gateway refused the connection");
      line.append(buffer.data(), static_cast<size_t>(size));
      if (line.back() == '\n') {
        line.pop_back();
        return line;
      }
    }
  }

 private:
  static absl::Status Failure() {
    return errno == EAGAIN
               ? absl::DeadlineExceededError("the gateway does not answer")
               : absl::UnavailableError(absl::StrCat("the gateway hung up: ", strerror(errno)));
  }
  const int fd_;
};

}  // namespace

absl::StatusOr<std::string> AskGateway(const std::string& socket_path, const std::string& request) {
  Connection connection;
  if (auto connected = connection.Connect(socket_path); !connected.ok()) return connected;
  if (auto sent = connection.Send(absl::StrCat(request, "\n")); !sent.ok()) return sent;
  return connection.ReceiveLine();
}

}  // namespace noisegate::controlplane
