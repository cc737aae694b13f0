#include "controlplane/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kDebug:
      return spdlog::level::debug;
  }
  return spdlog::level::off;
}

absl::StatusOr<spdlog::level::level_enum> ParseLevel(std::string_view level) {
  if (level == "error") return spdlog::level::err;
  if (level == "warning") return spdlog::level::warn;
  if (level == "info") return spdlog::level::info;
  if (level == "debug") return spdlog::level::debug;
  return absl::InvalidArgumentError(absl::StrCat("unknown log level ", std::string(level),
                                                 ": use error, warning, info or debug"));
}

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink, spdlog::level::level_enum level) {
  auto logger = std::make_shared<spdlog::logger>("noisegate", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& Logger() {
  static auto& logger = *new std::shared_ptr<spdlog::logger>(
      MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_st>(), spdlog::level::warn));
  return logger;
}

}  // namespace

absl::Status OpenLog(std::string_view level, const std::string& file) {
  const auto threshold = ParseLevel(level);
  if (!threshold.ok()) return threshold.status();
  try {
    spdlog::sink_ptr sink;
    if (file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(file);
    }
    Logger() = MakeLogger(std::move(sink), *threshold);
  } catch (const spdlog::spdlog_ex& error) {
    return absl::InvalidArgumentError(absl::StrCat("log file ", file, ": ", error.what()));
  }
  return absl::OkStatus();
}

absl::Status SetLogLevel(std::string_view level) {
  const auto threshold = ParseLevel(level);
  if (!threshold.ok()) return threshold.status();
  Logger()->set_level(*threshold);
  return absl::OkStatus();
}

void Log(LogLevel level, std::string_view line) {
  // Not the line as a format: a peer's name may hold braces.
  Logger()->log(SpdlogLevel(level), spdlog::string_view_t(line.data(), line.size()));
}

bool LogBudget::Allow(TimePoint now) {
  if (now - interval_start_ >= interval_) {
    interval_start_ = now;
    used_ = 0;
  }
  if (used_ < lines_) {
    ++used_;
    return true;
  }
  ++suppressed_;
  return false;
}

std::string LogBudget::Suppressed() {
  if (suppressed_ == 0) return "";
  return absl::StrCat(" (and ", std::exchange(suppressed_, 0), " more like it)");
}

}  // namespace noisegate::controlplane
