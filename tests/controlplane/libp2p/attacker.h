// A peer that proves an identity and then writes whatever it likes.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_ATTACKER_H_
#define NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_ATTACKER_H_

#include <gtest/gtest.h>

#include <array>
#include <asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "controlplane/libp2p/multistream.h"
#include "controlplane/libp2p/tcp_transport.h"
#include "controlplane/libp2p/upgrade.h"
#include "controlplane/libp2p/yamux_frame.h"
#include "crypto/random.h"
#include "tests/controlplane/libp2p/host_rig.h"

namespace noisegate::libp2p {

// Keeps what a dialler writes last in its handshake, and sends it with what comes next.
class HoldsLastMessage final : public Transport {
 public:
  explicit HoldsLastMessage(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}
  Task<IoResult> ReadSome(std::span<uint8_t> out) override { return inner_->ReadSome(out); }
  Task<IoResult> WriteSome(std::span<const uint8_t> bytes, const Buffer*) override {
    std::vector<uint8_t> all = std::exchange(held_, {});
    all.insert(all.end(), bytes.begin(), bytes.end());
    if (++writes_ == 3) {  // behind the proposal of /noise and the first message
      held_ = std::move(all);
      co_return IoResult{.size = bytes.size(), .status = absl::OkStatus()};
    }
    const absl::Status sent = co_await WriteAll(*inner_, all);
    co_return IoResult{.size = bytes.size(), .status = sent};
  }
  void Close() override { inner_->Close(); }
  void CloseWrite() override { inner_->CloseWrite(); }

 private:
  const std::unique_ptr<Transport> inner_;
  std::vector<uint8_t> held_;
  int writes_ = 0;
};

struct AttackerOptions {
  const char* from = "127.0.0.1";
  bool hold_last_message = false;  // of the handshake, until the first Flush()
};

class Attacker {
 public:
  Attacker(TestLoop& loop, Node& victim, const AttackerOptions& how = {})
      : loop_(loop),
        key_(*crypto::PrivateKey::Generate(crypto::KeyType::kEd25519)),
        identity_(*NoiseIdentity::Create(
            key_, crypto::X25519KeyPair::Generate(crypto::SystemRandom()))),
        engine_(*crypto::MakeAeadEngine(crypto::AeadEngineKind::kSodium)) {
    asio::ip::tcp::socket socket(loop.executor(), {asio::ip::make_address(how.from), 0});
    socket.connect(victim.endpoint());
    std::unique_ptr<Transport> transport = MakeTcpTransport(std::move(socket));
    if (how.hold_last_message) {
      transport = std::make_unique<HoldsLastMessage>(std::move(transport));
    }
    UpgradeOptions options;
    options.identity = &identity_;
    options.engine = engine_.get();
    auto upgraded = *loop.Await(Upgrade(std::move(transport), std::move(options)));
    EXPECT_TRUE(upgraded.ok()) << upgraded.status();
    upgraded_.emplace(*std::move(upgraded));
  }

  void Frame(YamuxType type, uint16_t flags, uint32_t stream, uint32_t length,
             std::span<const uint8_t> data = {}) {
    std::array<uint8_t, kYamuxHeaderSize> header;
    EncodeYamuxHeader({.type = type, .flags = flags, .stream = stream, .length = length}, header);
    text_.insert(text_.end(), header.begin(), header.end());
    text_.insert(text_.end(), data.begin(), data.end());
  }
  void Raw(std::span<const uint8_t> bytes) { text_.insert(text_.end(), bytes.begin(), bytes.end()); }

  // Opens a stream for the protocol, with `more` right behind.
  void Open(uint32_t stream, std::string_view protocol, std::span<const uint8_t> more = {}) {
    std::vector<uint8_t> hello;
    AppendMultistreamLine(kMultistreamHeader, hello);
    AppendMultistreamLine(protocol, hello);
    hello.insert(hello.end(), more.begin(), more.end());
    Frame(YamuxType::kData, kYamuxSyn, stream, static_cast<uint32_t>(hello.size()), hello);
  }
  // Asks for echoes of so many blocks of 16 KiB on each of the streams, and reads none.
  void Hoard(uint32_t streams, uint32_t blocks) {
    const std::vector<uint8_t> block(16 * 1024, 'x');
    for (uint32_t stream = 1; stream < 2 * streams; stream += 2) {
      Open(stream, "/echo/1.0.0");
      for (uint32_t i = 0; i < blocks; ++i) {
        Frame(YamuxType::kData, 0, stream, static_cast<uint32_t>(block.size()), block);
      }
      if (!Flush(kPatience)) break;  // the windows take it all
    }
  }

  // Sends what was written so far; false once the victim has hung up, or takes no more.
  bool Flush(std::chrono::milliseconds patience = std::chrono::milliseconds(500)) {
    std::vector<uint8_t> sealed;
    EXPECT_EQ(upgraded_->sealer.SealInto(std::exchange(text_, {}), sealed), NoiseError::kNone);
    auto done = std::make_shared<std::optional<bool>>();
    asio::co_spawn(loop_.io(), Write(std::move(sealed), done), asio::detached);
    const TimePoint end = Now() + patience;
    loop_.RunUntil([&] { return done->has_value() || Now() >= end; });
    return done->value_or(false);
  }

  // Whether the victim ends the connection.
  bool IsDropped() {
    auto ended = std::make_shared<bool>(false);
    asio::co_spawn(loop_.io(), ReadToEnd(ended), asio::detached);
    return loop_.RunUntil([&] { return *ended; });
  }

  void Leave() {
    upgraded_->transport->Close();
    for (int i = 0; i < 100; ++i) {
      loop_.io().restart();
      loop_.io().poll();
    }
  }
  ~Attacker() { Leave(); }

 private:
  Task<void> Write(std::vector<uint8_t> bytes, std::shared_ptr<std::optional<bool>> done) {
    const absl::Status status = co_await WriteAll(*upgraded_->transport, bytes);
    done->emplace(status.ok());
  }
  Task<void> ReadToEnd(std::shared_ptr<bool> ended) {
    std::array<uint8_t, 4096> buffer;
    for (;;) {
      const IoResult read = co_await upgraded_->transport->ReadSome(buffer);
      if (!read.status.ok() || read.size == 0) break;
    }
    *ended = true;
  }

  TestLoop& loop_;
  const crypto::PrivateKey key_;
  const NoiseIdentity identity_;
  const std::unique_ptr<crypto::AeadEngine> engine_;
  std::optional<Upgraded> upgraded_;
  std::vector<uint8_t> text_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_ATTACKER_H_
