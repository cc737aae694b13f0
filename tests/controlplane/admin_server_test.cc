#include "controlplane/admin_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    char name[] = "/tmp/admin-test-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ + "/deep/admin.sock";
  }
  ~AdminServerTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Listen() {
    auto server = AdminServer::Listen({path_, std::nullopt}, [this](std::string_view request) {
      ++requests_;
      return answer_.empty() ? "<" + std::string(request) + ">" : answer_;
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  int Connect() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    Serve();
    return fd;
  }
  void Serve() {
    for (int i = 0; i < 10; ++i) server_->HandleReady(now_);
    server_->HandleTimeout(now_);
  }
  void Send(int fd, const std::string& text) {
    ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    Serve();
  }
  // What there is to read; "EOF" where the server has hung up.
  static std::string Receive(int fd) {
    std::string text(1 << 20, '\0');
    const ssize_t size = recv(fd, text.data(), text.size(), 0);
    if (size == 0 || (size < 0 && errno == ECONNRESET)) return "EOF";
    text.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return text;
  }

  std::string directory_, path_, answer_;
  AdminServer::TimePoint now_{1000s};
  int requests_ = 0;
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, AnswersLineByLine) {
  Listen();
  const int fd = Connect();
  Send(fd, "on");
  EXPECT_EQ(Receive(fd), "");
  Send(fd, "e\ntwo\nthr");
  EXPECT_EQ(Receive(fd), "<one>\n<two>\n");
  Send(fd, "ee\n");
  EXPECT_EQ(Receive(fd), "<three>\n");
  close(fd);
  Serve();
  EXPECT_EQ(server_->clients(), 0u);
}

TEST_F(AdminServerTest, KeepsTheSocketToItsOwnerAndGroup) {
  Listen();
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

// Two that start at once both find no socket, or a dead one.
TEST_F(AdminServerTest, NoSecondOneTakesThePlaceOfOneThatRuns) {
  Listen();
  std::filesystem::remove(path_);
  const auto handler = [](std::string_view) { return std::string(); };
  auto second = AdminServer::Listen({path_, std::nullopt}, handler);
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
  server_.reset();
  second = AdminServer::Listen({path_, std::nullopt}, handler);
  EXPECT_TRUE(second.ok()) << "a lock that nobody holds is none: " << second.status();
}

TEST_F(AdminServerTest, HangsUpOnARequestThatIsTooLong) {
  Listen();
  const int fd = Connect();
  Send(fd, std::string(AdminServer::kMaxRequest, 'x'));
  EXPECT_EQ(server_->clients(), 1u);
  Send(fd, std::string(2000, 'x') + "\n");
  EXPECT_EQ(server_->clients(), 0u);
  EXPECT_EQ(Receive(fd), "EOF");
  EXPECT_EQ(requests_, 0);
  close(fd);
}

TEST_F(AdminServerTest, HangsUpOnAClientThatSaysNothing) {
  Listen();
  const int fd = Connect();
  now_ += AdminServer::kPatience - 1ms;
  Send(fd, "half a requ");
  EXPECT_EQ(server_->clients(), 1u);
  now_ += 1ms;
  Serve();
  EXPECT_EQ(server_->clients(), 0u);
  EXPECT_EQ(Receive(fd), "EOF");
  close(fd);
}

TEST_F(AdminServerTest, HangsUpOnAClientThatDoesNotTakeItsAnswer) {
  Listen();
  answer_ = std::string(4 << 20, 'a');
  const int fd = Connect();
  Send(fd, "give\n");
  Send(fd, "more\n");
  now_ += AdminServer::kPatience - 1ms;
  Serve();
  EXPECT_EQ(requests_, 1) << "the next request waits until the answer is taken";
  EXPECT_EQ(server_->clients(), 1u);
  now_ += 1ms;
  Serve();
  EXPECT_EQ(server_->clients(), 0u);
  close(fd);
}

TEST_F(AdminServerTest, SendsALongAnswerToWhoeverTakesIt) {
  Listen();
  answer_ = std::string(4 << 20, 'a');
  const int fd = Connect();
  Send(fd, "give\n");
  std::string received;
  for (int i = 0; i < 1000 && received.size() < answer_.size() + 1; ++i) {
    received += Receive(fd);
    Serve();
  }
  EXPECT_TRUE(received == answer_ + "\n");
  close(fd);
}

TEST_F(AdminServerTest, ServesOnlySoManyClients) {
  Listen();
  std::vector<int> fds;
  for (size_t i = 0; i < AdminServer::kMaxClients; ++i) fds.push_back(Connect());
  EXPECT_EQ(server_->clients(), AdminServer::kMaxClients);
  const int one_more = Connect();
  EXPECT_EQ(server_->clients(), AdminServer::kMaxClients);
  EXPECT_EQ(Receive(one_more), "EOF");
  close(one_more);
  close(fds.back());
  fds.pop_back();
  Serve();
  fds.push_back(Connect());
  EXPECT_EQ(server_->clients(), AdminServer::kMaxClients);
  for (const int fd : fds) close(fd);
}

TEST_F(AdminServerTest, TakesThePlaceOfADeadSocketOnly) {
  Listen();
  const auto second =
      AdminServer::Listen({path_, std::nullopt}, [](std::string_view) { return std::string(); });
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << "somebody listens";

  // What a killed gateway leaves behind: a file on which nobody listens.
  const std::string dead = directory_ + "/dead.sock";
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  dead.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  EXPECT_TRUE(AdminServer::Listen({dead, std::nullopt}, [](std::string_view) {
                return std::string();
              }).ok());

  const std::string file = directory_ + "/file";
  std::ofstream(file) << "precious";
  EXPECT_TRUE(absl::IsAlreadyExists(AdminServer::Listen({file, std::nullopt}, [](std::string_view) {
                                      return std::string();
                                    }).status()));
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(AdminServerTest, RemovesItsSocketInTheEnd) {
  Listen();
  EXPECT_TRUE(std::filesystem::exists(path_));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(AdminServerTest, RefusesAPathThatNoSocketCanHave) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      AdminServer::Listen({std::string(200, 'x'), std::nullopt}, [](std::string_view) {
        return std::string();
      }).status()));
}

}  // namespace
}  // namespace noisegate::controlplane
