// The admin socket: a unix stream socket on which a client asks one question a line and gets one
// line of answer. What is asked and answered is the handler's (admin_commands.h).
//
// Only root, the gateway's own user and the socket's group get in: the file's mode says so, and the
// peer's credentials (unix(7), SO_PEERCRED) are looked at again. Clients are not trusted with the
// gateway's time or memory: there are at most kMaxClients, a question has at most kMaxRequest
// bytes, the next one is read when the answer has been taken, and who does neither for kPatience is
// cut off.
//
// Nothing here blocks. Control thread only.
#ifndef NOISEGATE_CONTROLPLANE_ADMIN_SERVER_H_
#define NOISEGATE_CONTROLPLANE_ADMIN_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::controlplane {

class AdminServer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Handler = std::function<std::string(std::string_view request)>;  // both without line end

  static constexpr size_t kMaxClients = 16;
  static constexpr size_t kMaxRequest = 4096;  // bytes
  static constexpr std::chrono::seconds kPatience{5};

  struct Options {
    std::string path;                  // its directory is made where there is none
    std::optional<std::string> group;  // who may ask, beside root and ourselves
  };

  // Takes the place of a socket file that nobody listens on any more. AlreadyExists where somebody
  // does, or where the file is no socket. A lock on a file beside it (`path`.lock, which stays) keeps two
  // that start at once from taking each other's place.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Listen(const Options& options,
                                                             Handler handler);
  // Ends all connections and removes the file.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Readable when HandleReady() has something to do.
  int fd() const { return epoll_; }
  void HandleReady(TimePoint now);
  // Cuts off who has exhausted our patience. Cheap enough for every turn.
  void HandleTimeout(TimePoint now);

  size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    std::string request;  // what has come of it
    std::string answer;
    size_t sent = 0;  // bytes of the answer that have gone
    TimePoint deadline;
  };

  AdminServer(std::string path, int lock, int listener, int epoll, std::optional<gid_t> group,
              Handler handler);

  void Accept(TimePoint now);
  bool MayAsk(int fd) const;
  // Both false where the client is to be cut off.
  bool Read(TimePoint now, int fd, Client& client);
  bool Write(TimePoint now, int fd, Client& client);
  bool AnswerLine(TimePoint now, int fd, Client& client);
  void Drop(int fd);

  const std::string path_;
  const int lock_;  // held while it is open
  const int listener_;
  const int epoll_;
  const std::optional<gid_t> group_;
  const Handler handler_;
  std::map<int, Client> clients_;  // by fd
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_ADMIN_SERVER_H_
