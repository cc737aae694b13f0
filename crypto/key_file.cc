// PrivateKey::Load and Save.
#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/key_private.h"
#include "crypto/pem.h"

namespace noisegate::crypto {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status FileError(const std::string& path, const char* what, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("key file ", path, ": ", what));
}

absl::Status Refuse(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat("key file ", path, " ", why));
}

// Judges the open file and not its name, so that nothing can be swapped in between.
absl::Status CheckOwnership(const std::string& path, int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return FileError(path, "cannot look at it", errno);
  if (!S_ISREG(info.st_mode)) return Refuse(path, "is not a regular file");
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return Refuse(path, absl::StrCat("belongs to user ", info.st_uid,
                                     ", who could replace it; run: chown ", geteuid(), " ", path));
  }
  if ((info.st_mode & 077) != 0) {
    std::array<char, 8> mode;
    std::snprintf(mode.data(), mode.size(), "%04o", info.st_mode & 07777);
    return Refuse(path, absl::StrCat("can be read or written by other users (mode ", mode.data(),
                                     "); run: chmod 600 ", path));
  }
  if (static_cast<size_t>(info.st_size) > kMaxPemSize)
    return Refuse(path, "is too large for a key");
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "write");
    data += n;
    size -= static_cast<size_t>(n);
  }
  return fsync(fd) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fsync");
}

// Makes the new name durable. Some file systems cannot; the content is safe all the same.
void SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : (slash == 0 ? "/" : path.substr(0, slash));
  const File file(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd() >= 0) fsync(file.fd());
}

}  // namespace

absl::StatusOr<PrivateKey> PrivateKey::Load(const std::string& path, KeyUse use) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.fd() < 0) return FileError(path, "cannot open it", errno);
  if (absl::Status status = CheckOwnership(path, file.fd()); !status.ok()) return status;

  Secret<kMaxPemSize> text;
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = read(file.fd(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(path, "cannot read it", errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  absl::StatusOr<PrivateKey> key =
      FromPem(std::string_view(reinterpret_cast<const char*>(text.data()), size), use);
  if (!key.ok()) {
    return absl::Status(key.status().code(),
                        absl::StrCat("key file ", path, ": ", key.status().message()));
  }
  return key;
}

absl::Status PrivateKey::Save(const std::string& path) const {
  const OpenSslErrorScope errors;
  const EvpKey evp = rep_->ToEvp();
  const BioHandle bio(BIO_new(BIO_s_mem()));  // wiped by OpenSSL when freed
  if (evp == nullptr || bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), evp.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return absl::InternalError("OpenSSL cannot encode the private key");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);  // NOLINT: OpenSSL's type

  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.fd() < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat(
        "key file ", path, " exists; keys are never overwritten: choose another name"));
  }
  if (file.fd() < 0) return FileError(path, "cannot create it", errno);
  if (absl::Status status = WriteAll(file.fd(), text, static_cast<size_t>(size)); !status.ok()) {
    unlink(path.c_str());
    return absl::Status(status.code(), absl::StrCat("key file ", path, ": ", status.message()));
  }
  SyncDirectoryOf(path);
  return absl::OkStatus();
}

}  // namespace noisegate::crypto
