#include "controlplane/admin_server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

absl::Status SystemError(const std::string& what) {
  const int error = errno;
  const std::string message = absl::StrCat(what, ": ", strerror(error));
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(message)
                                           : absl::InternalError(message);
}

absl::StatusOr<sockaddr_un> SocketAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("admin socket ", path, ": a path of 1 to ",
                                                   sizeof(address.sun_path) - 1,
                                                   " bytes is needed"));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

// Whether a gateway answers at the address.
bool SomebodyListens(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return true;
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const bool listens = result == 0 || errno == EAGAIN;
  close(probe);
  return listens;
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  const auto directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("directory ", directory.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Lock(const std::string& path) {
  const std::string name = path + ".lock";
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError(absl::StrCat("admin socket's lock ", name));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const absl::Status status =
      errno == EWOULDBLOCK
          ? absl::AlreadyExistsError(
                absl::StrCat("admin socket ", path, ": another gateway is listening on it"))
          : SystemError(absl::StrCat("admin socket's lock ", name));
  close(fd);
  return status;
}

absl::Status ClearPath(const std::string& path, const sockaddr_un& address) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat("admin socket ", path, ": the file is no socket"));
  }
  if (SomebodyListens(address)) {
    return absl::AlreadyExistsError(
        absl::StrCat("admin socket ", path, ": another gateway is listening on it"));
  }
  if (unlink(path.c_str()) != 0) return SystemError(absl::StrCat("admin socket ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<gid_t>> FindGroup(const std::optional<std::string>& name) {
  if (!name) return std::optional<gid_t>();
  const group* found = getgrnam(name->c_str());
  if (found == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("admin.group: there is no group ", *name));
  }
  return std::optional<gid_t>(found->gr_gid);
}

absl::Status WatchIn(int epoll, int fd, int operation, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, operation, fd, &event) != 0) return SystemError("admin socket");
  return absl::OkStatus();
}

absl::Status Bind(int listener, const sockaddr_un& address, const std::string& path,
                  std::optional<gid_t> group) {
  // Born closed, so that nobody slips in before the group is set.
  const mode_t old_mask = umask(0177);
  const int bound = bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  umask(old_mask);
  if (bound != 0) return SystemError(absl::StrCat("admin socket ", path));
  if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return SystemError(absl::StrCat("admin socket ", path));
  }
  if (chmod(path.c_str(), 0660) != 0 || listen(listener, 8) != 0) {
    return SystemError(absl::StrCat("admin socket ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Listen(const Options& options,
                                                                 Handler handler) {
  auto address = SocketAddress(options.path);
  if (!address.ok()) return address.status();
  auto group = FindGroup(options.group);
  if (!group.ok()) return group.status();
  if (auto made = MakeDirectory(options.path); !made.ok()) return made;
  auto lock = Lock(options.path);
  if (!lock.ok()) return lock.status();

  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  absl::Status status = listener < 0 || epoll < 0 ? SystemError("admin socket") : absl::OkStatus();
  if (status.ok()) status = ClearPath(options.path, *address);
  if (status.ok()) status = Bind(listener, *address, options.path, *group);
  if (status.ok()) status = WatchIn(epoll, listener, EPOLL_CTL_ADD, EPOLLIN);
  if (!status.ok()) {
    for (const int fd : {listener, epoll, *lock}) {
      if (fd >= 0) close(fd);
    }
    return status;
  }
  return std::unique_ptr<AdminServer>(
      new AdminServer(options.path, *lock, listener, epoll, *group, std::move(handler)));
}

AdminServer::AdminServer(std::string path, int lock, int listener, int epoll,
                         std::optional<gid_t> group, Handler handler)
    : path_(std::move(path)),
      lock_(lock),
      listener_(listener),
      epoll_(epoll),
      group_(group),
      handler_(std::move(handler)) {}

AdminServer::~AdminServer() {
  for (const auto& [fd, client] : clients_) close(fd);
  close(listener_);
  close(epoll_);
  unlink(path_.c_str());
  close(lock_);
}

void AdminServer::HandleReady(TimePoint now) {
  std::array<epoll_event, kMaxClients + 1> events;
  const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const int fd = event.data.fd;
    if (fd == listener_) {
      Accept(now);
      continue;
    }
    const auto client = clients_.find(fd);
    if (client == clients_.end()) continue;
    const bool keep = (event.events & EPOLLOUT) != 0 ? Write(now, fd, client->second)
                                                     : Read(now, fd, client->second);
    if (!keep) Drop(fd);
  }
}

void AdminServer::HandleTimeout(TimePoint now) {
  std::vector<int> late;
  for (const auto& [fd, client] : clients_) {
    if (client.deadline <= now) late.push_back(fd);
  }
  for (const int fd : late) Drop(fd);
}

void AdminServer::Accept(TimePoint now) {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (clients_.size() >= kMaxClients || !MayAsk(fd) ||
      !WatchIn(epoll_, fd, EPOLL_CTL_ADD, EPOLLIN).ok()) {
    close(fd);
    return;
  }
  clients_[fd].deadline = now + kPatience;
}

bool AdminServer::MayAsk(int fd) const {
  ucred credentials;
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return false;
  if (credentials.uid == 0 || credentials.uid == geteuid()) return true;
  if (!group_) return false;
  if (credentials.gid == *group_) return true;
  std::vector<gid_t> groups(256);
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  groups.resize(size / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), *group_) != groups.end();
}

bool AdminServer::Read(TimePoint now, int fd, Client& client) {
  std::array<char, 1024> buffer;
  const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
  if (size == 0) return false;
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  client.request.append(buffer.data(), static_cast<size_t>(size));
  return AnswerLine(now, fd, client);
}

bool AdminServer::AnswerLine(TimePoint now, int fd, Client& client) {
  const size_t end = client.request.find('\n');
  if (end == std::string::npos) return client.request.size() <= kMaxRequest;
  if (end > kMaxRequest) return false;
  client.answer = handler_(std::string_view(client.request).substr(0, end)) + "\n";
  client.request.erase(0, end + 1);
  client.deadline = now + kPatience;
  return WatchIn(epoll_, fd, EPOLL_CTL_MOD, EPOLLOUT).ok();
}

bool AdminServer::Write(TimePoint now, int fd, Client& client) {
  const ssize_t size = send(fd, client.answer.data() + client.sent,
                            client.answer.size() - client.sent, MSG_NOSIGNAL);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  client.sent += static_cast<size_t>(size);
  // A long answer takes as long as it takes, provided that it is being taken.
  client.deadline = now + kPatience;
  if (client.sent < client.answer.size()) return true;
  client.answer = {};
  client.sent = 0;
  if (!WatchIn(epoll_, fd, EPOLL_CTL_MOD, EPOLLIN).ok()) return false;
  return AnswerLine(now, fd, client);
}

void AdminServer::Drop(int fd) {
  clients_.erase(fd);
  close(fd);
}

}  // namespace noisegate::controlplane
