// PrivateKey::Save and Load: what may stand on disk and what may be believed of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "crypto/key.h"

namespace noisegate::crypto {
namespace {

class KeyFile : public testing::Test {
 protected:
  KeyFile() {
    std::string pattern = testing::TempDir() + "/noisegate-key-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~KeyFile() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static void Write(const std::string& path, const std::string& text, mode_t mode = 0600) {
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
  }
  static void ExpectRefused(const std::string& path, absl::StatusCode code,
                            const std::string& words) {
    const absl::Status status = PrivateKey::Load(path).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_NE(std::string(status.message()).find(words), std::string::npos) << status;
    EXPECT_NE(std::string(status.message()).find(path), std::string::npos) << status;
  }

  std::string directory_;
};

TEST_F(KeyFile, EveryTypeSavesAndLoads) {
  for (KeyType type : {KeyType::kEd25519, KeyType::kP256, KeyType::kRsa}) {
    const std::string path = Path("key" + std::to_string(static_cast<int>(type)));
    const PrivateKey key = PrivateKey::Generate(type).value();
    ASSERT_TRUE(key.Save(path).ok());
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    EXPECT_EQ(Read(path).rfind("-----BEGIN PRIVATE KEY-----\n", 0), 0u);
    const absl::StatusOr<PrivateKey> loaded = PrivateKey::Load(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->id(), key.id());
    EXPECT_EQ(loaded->type(), type);
    constexpr std::array<uint8_t, 64> kDigest = {1};
    EXPECT_TRUE(key.public_key().VerifyDigest(kDigest, loaded->SignDigest(kDigest).value()));
  }
}

TEST_F(KeyFile, IsNeverOverwritten) {
  const PrivateKey key = PrivateKey::Generate(KeyType::kEd25519).value();
  Write(Path("key"), "precious");
  EXPECT_EQ(key.Save(Path("key")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Read(Path("key")), "precious");
  ASSERT_EQ(symlink(Path("target").c_str(), Path("link").c_str()), 0);
  EXPECT_EQ(key.Save(Path("link")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(Path("target")));
}

TEST_F(KeyFile, SaveNamesTheDirectoryThatIsMissing) {
  const PrivateKey key = PrivateKey::Generate(KeyType::kEd25519).value();
  const absl::Status status = key.Save(Path("nowhere/key"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(status.message()).find("nowhere/key"), std::string::npos);
}

TEST_F(KeyFile, SaveThatFailsLeavesNothingBehind) {
  const PrivateKey key = PrivateKey::Generate(KeyType::kRsa).value();
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = key.Save(Path("key"));
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(std::filesystem::exists(Path("key")));
  EXPECT_TRUE(key.Save(Path("key")).ok());
}

TEST_F(KeyFile, ThatOthersCanReadOrWriteIsRefused) {
  ASSERT_TRUE(PrivateKey::Generate(KeyType::kEd25519)->Save(Path("key")).ok());
  for (mode_t mode : {0640, 0620, 0604, 0602, 0644, 0660, 0666, 0777, 0610, 0601}) {
    chmod(Path("key").c_str(), mode);
    ExpectRefused(Path("key"), absl::StatusCode::kFailedPrecondition, "chmod 600");
  }
  for (mode_t mode : {0600, 0400, 0700}) {
    chmod(Path("key").c_str(), mode);
    EXPECT_TRUE(PrivateKey::Load(Path("key")).ok()) << mode;
  }
}

TEST_F(KeyFile, ThatAnotherUserOwnsIsRefused) {
  ASSERT_TRUE(PrivateKey::Generate(KeyType::kEd25519)->Save(Path("key")).ok());
  if (chown(Path("key").c_str(), 65534, 65534) != 0)
    GTEST_SKIP() << "only root can give files away";
  ExpectRefused(Path("key"), absl::StatusCode::kFailedPrecondition, "user 65534");
}

TEST_F(KeyFile, MustBeARegularFileAlsoBehindASymlink) {
  ASSERT_TRUE(PrivateKey::Generate(KeyType::kEd25519)->Save(Path("key")).ok());
  ASSERT_EQ(symlink(Path("key").c_str(), Path("good").c_str()), 0);
  EXPECT_TRUE(PrivateKey::Load(Path("good")).ok());

  ASSERT_EQ(symlink("/dev/zero", Path("zero").c_str()), 0);
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  ASSERT_EQ(mkdir(Path("directory").c_str(), 0700), 0);
  for (const char* name : {"zero", "fifo", "directory"}) {
    ExpectRefused(Path(name), absl::StatusCode::kFailedPrecondition, "not a regular file");
  }
}

TEST_F(KeyFile, ThatIsMissingIsNotFound) {
  ExpectRefused(Path("missing"), absl::StatusCode::kNotFound, "cannot open");
}

TEST_F(KeyFile, ThatHoldsNoPrivateKeyIsRefused) {
  Write(Path("empty"), "");
  ExpectRefused(Path("empty"), absl::StatusCode::kInvalidArgument, "no PEM block");
  Write(Path("junk"), std::string(1000, '\0'));
  ExpectRefused(Path("junk"), absl::StatusCode::kInvalidArgument, "no PEM block");
  Write(Path("public"), PrivateKey::Generate(KeyType::kEd25519)->public_key().ToPem());
  ExpectRefused(Path("public"), absl::StatusCode::kInvalidArgument, "PUBLIC KEY");
  Write(Path("huge"), std::string(70000, 'x'));
  ExpectRefused(Path("huge"), absl::StatusCode::kFailedPrecondition, "too large");
}

}  // namespace
}  // namespace noisegate::crypto
