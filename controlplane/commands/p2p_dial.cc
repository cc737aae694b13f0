#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/commands/commands.h"
#include "controlplane/commands/text.h"
#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/protocols.h"
#include "controlplane/libp2p/relay_client.h"

namespace noisegate::commands {
namespace {

using libp2p::Connection;
using libp2p::Host;
using libp2p::Task;
using std::chrono::milliseconds;

constexpr milliseconds kGoodbyeTime{500};

double Milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double MegabytesPerSecond(uint64_t bytes, std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0;
}

std::string Hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// A peer's own words may hold anything.
std::string Shown(const std::string& text) {
  return MessageText({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// The lines that are printed, each with the time since the one before.
class Phases {
 public:
  void Done(std::string_view phase, const std::string& detail) {
    const libp2p::TimePoint now = libp2p::Now();
    std::printf("%-12.*s %s, %.2f ms\n", static_cast<int>(phase.size()), phase.data(),
                detail.c_str(), Milliseconds(now - last_));
    std::fflush(stdout);
    last_ = now;
  }

 private:
  libp2p::TimePoint last_ = libp2p::Now();
};

class Dialler {
 public:
  Dialler(const P2pDialOptions& options, Host& host) : options_(options), host_(host) {}

  Task<absl::Status> Run(libp2p::Multiaddr address) {
    auto connection = co_await host_.Dial(
        std::move(address), [this](std::string_view step, const std::string& detail) {
          phases_.Done(step, detail);
        });
    if (!connection.ok()) co_return connection.status();
    connection_ = *std::move(connection);
    absl::Status status = co_await Use();
    if (status.ok() && options_.hold.count() > 0) status = co_await Hold();
    connection_->CloseGracefully(kGoodbyeTime);
    co_await connection_->WaitClosed();
    co_return status;
  }

 private:
  Task<absl::Status> Use() {
    if (options_.what == "ping") return Ping();
    if (options_.what == "echo") return options_.requests > 0 ? Requests() : Echo();
    if (options_.what == "perf") return Perf();
    return Identify();
  }

  Task<absl::Status> Ping() {
    const auto stream = co_await connection_->OpenStream(libp2p::kPingProtocol);
    if (!stream.ok()) co_return stream.status();
    phases_.Done("stream", (*stream)->protocol());
    (*stream)->SetTimeLimit(std::chrono::duration_cast<milliseconds>(options_.timeout));
    for (uint64_t i = 0; i < options_.count; ++i) {
      const auto time = co_await libp2p::PingOnce(**stream);
      if (!time.ok()) co_return time.status();
      phases_.Done("ping", absl::StrCat("answer ", i + 1));
    }
    (*stream)->CloseWrite();
    co_return absl::OkStatus();
  }

  Task<void> EchoOnce(uint32_t index) {
    const auto transfer = co_await libp2p::Echo(connection_, options_.size);
    --running_;
    if (!transfer.ok()) {
      if (echoed_.ok()) echoed_ = transfer.status();
    } else if (transfer->received != options_.size ||
               transfer->sent_sha256 != transfer->received_sha256) {
      if (echoed_.ok()) echoed_ = absl::DataLossError("the echo is not what was sent");
    } else if (index == 0) {
      std::printf("sha256       %s\n", Hex(transfer->received_sha256).c_str());
    }
    all_echoed_->Notify();
  }

  Task<absl::Status> Echo() {
    const libp2p::TimePoint began = libp2p::Now();
    all_echoed_.emplace(host_.executor());
    running_ = options_.streams;
    for (uint32_t i = 0; i < options_.streams; ++i) {
      asio::co_spawn(host_.executor(), EchoOnce(i), asio::detached);
    }
    while (running_ > 0) co_await all_echoed_->Wait();
    if (!echoed_.ok()) co_return echoed_;
    const uint64_t bytes = options_.size * options_.streams;
    phases_.Done("echo", absl::StrCat(bytes, " bytes on ", options_.streams, " streams, each way ",
                                      MegabytesPerSecond(bytes, libp2p::Now() - began), " MB/s"));
    co_return absl::OkStatus();
  }

  Task<absl::Status> Requests() {
    const auto stream = co_await connection_->OpenStream(libp2p::kEchoProtocol);
    if (!stream.ok()) co_return stream.status();
    phases_.Done("stream", (*stream)->protocol());
    const std::vector<uint8_t> request(static_cast<size_t>(options_.size), 'x');
    std::vector<uint8_t> answer(request.size());
    std::vector<double> times;
    for (uint64_t i = 0; i < options_.requests; ++i) {
      const libp2p::TimePoint began = libp2p::Now();
      const absl::Status sent = co_await (*stream)->Write(request);
      if (!sent.ok()) co_return sent;
      const absl::Status read = co_await (*stream)->ReadExactly(answer);
      if (!read.ok()) co_return read;
      if (answer != request) co_return absl::DataLossError("the echo is not what was sent");
      times.push_back(Milliseconds(libp2p::Now() - began));
    }
    (*stream)->CloseWrite();
    std::sort(times.begin(), times.end());
    phases_.Done("requests", absl::StrCat(times.size(), " of ", request.size(), " bytes, p50 ",
                                          times[times.size() / 2], " ms, p99 ",
                                          times[times.size() * 99 / 100], " ms"));
    co_return absl::OkStatus();
  }

  Task<absl::Status> Perf() {
    const auto transfer =
        co_await libp2p::Perf(connection_, options_.upload, options_.download);
    if (!transfer.ok()) co_return transfer.status();
    phases_.Done("perf", absl::StrCat("up ", transfer->sent, " bytes, ",
                                      MegabytesPerSecond(transfer->sent, transfer->upload_time),
                                      " MB/s; down ", transfer->received, " bytes, ",
                                      MegabytesPerSecond(transfer->received,
                                                         transfer->time - transfer->upload_time),
                                      " MB/s"));
    co_return absl::OkStatus();
  }

  Task<absl::Status> Identify() {
    const auto message = co_await libp2p::Identify(connection_);
    if (!message.ok()) co_return message.status();
    phases_.Done("identify", connection_->info().peer.ToString());
    std::printf("agent        %s\n", Shown(message->agent_version).c_str());
    std::printf("version      %s\n", Shown(message->protocol_version).c_str());
    for (const auto& listen : message->listen_addresses) {
      std::printf("listens on   %s\n", listen.ToString().c_str());
    }
    if (message->observed_address) {
      std::printf("sees us at   %s\n", message->observed_address->ToString().c_str());
    }
    for (const std::string& protocol : message->protocols) {
      std::printf("speaks       %s\n", Shown(protocol).c_str());
    }
    std::printf("record       %s\n", message->signed_peer_record.empty() ? "none" : "signed");
    co_return absl::OkStatus();
  }

  Task<absl::Status> Hold() {
    co_await libp2p::SleepUntil(host_.executor(), libp2p::Now() + options_.hold);
    if (connection_->closed()) co_return connection_->status();
    phases_.Done("hold", "the connection is up");
    co_return absl::OkStatus();
  }

  const P2pDialOptions& options_;
  Host& host_;
  Phases phases_;
  std::shared_ptr<Connection> connection_;
  std::optional<libp2p::Notifier> all_echoed_;
  uint32_t running_ = 0;
  absl::Status echoed_;
};

}  // namespace

int P2pDial(const P2pDialOptions& options) {
  auto address = libp2p::Multiaddr::Parse(options.address);
  if (!address.ok()) return Fail(address.status());
  const auto key = options.key.empty() ? crypto::PrivateKey::Generate(crypto::KeyType::kEd25519)
                                       : crypto::PrivateKey::Load(options.key, crypto::KeyUse::kLibp2p);
  if (!key.ok()) return Fail(key.status());
  libp2p::HostOptions host_options;
  host_options.handshake_timeout = std::chrono::duration_cast<milliseconds>(options.timeout);
  host_options.connection.negotiation_timeout = host_options.handshake_timeout;
  host_options.connection.yamux.keep_alive =
      std::chrono::duration_cast<milliseconds>(options.keep_alive);

  absl::Status status = absl::CancelledError("stopped");
  asio::io_context loop(1);
  auto host = Host::Create(loop.get_executor(), *key, std::move(host_options));
  if (!host.ok()) return Fail(host.status());
  libp2p::RelayClient relays(**host);
  Dialler dialler(options, **host);
  asio::co_spawn(loop, dialler.Run(*std::move(address)),
                 [&](const std::exception_ptr& error, absl::Status result) {
                   status = error ? absl::InternalError("out of memory") : std::move(result);
                   (*host)->Stop(kGoodbyeTime);
                 });
  loop.run();
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace noisegate::commands
