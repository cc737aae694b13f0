#include "config/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <variant>

#include "config/decoder.h"
#include "config/key_table.h"
#include "config/validate.h"
#include "config/yaml_tree.h"

namespace noisegate::config {
namespace {

constexpr size_t kMaxFileSize = 16u << 20;  // bytes; 65,536 peers take about 13 MiB

LoadResult Failed(const std::string& file, int line, std::string message) {
  LoadResult result;
  result.problems.push_back({file, line, "", std::move(message)});
  return result;
}

std::string SystemError(const char* doing) {
  return std::string(doing) + ": " + std::strerror(errno);
}

// Reads a regular file of at most kMaxFileSize; the error's text otherwise.
std::variant<std::string, LoadResult> ReadFile(const std::string& path) {
  // A FIFO without a writer would block here, and no config is one.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failed(path, 0, SystemError("cannot open"));
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat status;
  if (fstat(fd, &status) != 0) return Failed(path, 0, SystemError("cannot read"));
  if (!S_ISREG(status.st_mode)) return Failed(path, 0, "is not a regular file");
  std::string text;
  char chunk[65536];
  for (;;) {
    const ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(path, 0, SystemError("cannot read"));
    if (n == 0) return text;
    text.append(chunk, static_cast<size_t>(n));
    if (text.size() > kMaxFileSize) break;  // Parse says so
  }
  return text;
}

}  // namespace

std::string Problem::ToString() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  text += ": ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

LoadResult Parse(std::string_view text, const std::string& file_name) {
  if (text.size() > kMaxFileSize) return Failed(file_name, 0, "is larger than 16 MiB");
  auto parsed = ParseYaml(text);
  if (auto* error = std::get_if<YamlError>(&parsed)) {
    return Failed(file_name, error->line, std::move(error->message));
  }
  const Node& root = std::get<Node>(parsed);
  Decoder decoder(file_name);
  Config config;
  decoder.DecodeSection(root, RootSection(), &config);
  Validate(config, root, decoder);
  LoadResult result;
  result.problems = decoder.TakeProblems();
  if (result.problems.empty()) result.config = std::move(config);
  return result;
}

LoadResult Load(const std::string& path) {
  auto file = ReadFile(path);
  if (auto* failure = std::get_if<LoadResult>(&file)) return std::move(*failure);
  LoadResult result = Parse(std::get<std::string>(file), path);
  if (!result.ok()) return result;
  const auto directory = std::filesystem::path(path).parent_path();
  for (std::string* file : {&result.config->gateway.identity, &result.config->libp2p.key}) {
    if (!file->empty()) *file = (directory / *file).string();
  }
  return result;
}

}  // namespace noisegate::config
