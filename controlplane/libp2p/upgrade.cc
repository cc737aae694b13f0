#include "controlplane/libp2p/upgrade.h"

#include <asio/this_coro.hpp>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/multistream.h"
#include "crypto/random.h"

namespace noisegate::libp2p {
namespace {

// Enough for any handshake message, and little for a stranger to make us hold.
constexpr size_t kReadSize = 4'096;  // bytes

std::string_view TextOf(UpgradeStep step) {
  switch (step) {
    case UpgradeStep::kNegotiation:
      return "negotiation";
    case UpgradeStep::kHandshake:
      return "handshake";
    case UpgradeStep::kMuxer:
      return "muxer";
  }
  return "";
}

bool Running(const MultistreamNegotiation& m) { return m.state() == MultistreamState::kRunning; }
bool Running(const NoiseHandshake& m) { return m.state() == NoiseState::kRunning; }

// A pipe with what was read from it and belongs to the next step.
struct Input {
  Transport* transport;
  std::vector<uint8_t> pending;
};

// Runs one of the state machines to its end.
template <typename Machine>
Task<absl::Status> Run(Machine& machine, Input& input) {
  for (;;) {
    if (const std::vector<uint8_t> output = machine.TakeOutput(); !output.empty()) {
      absl::Status sent = co_await WriteAll(*input.transport, output);
      if (!sent.ok()) co_return sent;
    }
    if (!Running(machine)) co_return absl::OkStatus();
    if (input.pending.empty()) {
      std::array<uint8_t, kReadSize> buffer;
      const IoResult read = co_await input.transport->ReadSome(buffer);
      if (!read.status.ok()) co_return read.status;
      if (read.size == 0) {
        machine.ReceiveEnd();
        continue;
      }
      input.pending.assign(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(read.size));
    }
    const size_t used = machine.Receive(input.pending);
    input.pending.erase(input.pending.begin(),
                        input.pending.begin() + static_cast<ptrdiff_t>(used));
  }
}

absl::Status ErrorOf(MultistreamError error, std::string_view wanted) {
  const std::string text = absl::StrCat(std::string(ToString(error)), " (", std::string(wanted), ")");
  return absl::InvalidArgumentError(absl::string_view(text.data(), text.size()));
}

absl::Status ErrorOf(const NoiseHandshake& handshake, const std::optional<PeerId>& expected) {
  std::string text(ToString(handshake.error()));
  if (handshake.error() == NoiseError::kWrongPeerId && expected && handshake.peer_id()) {
    text += ": expected " + expected->ToString() + ", found " + handshake.peer_id()->ToString();
  }
  return absl::UnauthenticatedError(absl::string_view(text.data(), text.size()));
}

Task<absl::StatusOr<std::string>> Negotiate(Input& input, crypto::NoiseRole role,
                                            std::string protocol) {
  if (role == crypto::NoiseRole::kInitiator) {
    MultistreamDialler dialler(std::vector<std::string>(1, protocol));
    const absl::Status ran = co_await Run(dialler, input);
    if (!ran.ok()) co_return ran;
    if (dialler.state() == MultistreamState::kFailed) co_return ErrorOf(dialler.error(), protocol);
    co_return dialler.protocol();
  }
  MultistreamListener listener(std::vector<std::string>(1, protocol));
  const absl::Status ran = co_await Run(listener, input);
  if (!ran.ok()) co_return ran;
  if (listener.state() == MultistreamState::kFailed) co_return ErrorOf(listener.error(), protocol);
  co_return listener.protocol();
}

// Text through a Noise channel that has no muxer yet.
class SecuredText final : public Transport {
 public:
  SecuredText(Transport& transport, NoiseSealer& sealer, NoiseOpener& opener)
      : transport_(transport), sealer_(sealer), opener_(opener) {}

  // `out` holds what one read of the socket may hold at most, or the rest waits in leftover().
  Task<IoResult> ReadSome(std::span<uint8_t> out) override {
    while (leftover_.empty()) {
      const IoResult read = co_await transport_.ReadSome(opener_.Prepare());
      if (!read.status.ok() || read.size == 0) co_return read;
      opener_.Commit(read.size);
      const absl::Status opened = OpenFrames();
      if (!opened.ok()) co_return IoResult{.size = 0, .status = opened};
    }
    const size_t size = std::min(out.size(), leftover_.size());
    std::copy_n(leftover_.begin(), size, out.begin());
    leftover_.erase(leftover_.begin(), leftover_.begin() + static_cast<ptrdiff_t>(size));
    co_return IoResult{.size = size, .status = absl::OkStatus()};
  }

  Task<IoResult> WriteSome(std::span<const uint8_t> bytes, const Buffer*) override {
    std::vector<uint8_t> sealed;
    if (sealer_.SealInto(bytes, sealed) != NoiseError::kNone) {
      co_return IoResult{.size = 0, .status = absl::InternalError("nonces are used up")};
    }
    const absl::Status sent = co_await WriteAll(transport_, sealed);
    co_return IoResult{.size = bytes.size(), .status = sent};
  }

  // What was opened while the handshake's own bytes were read.
  absl::Status OpenFrames() {
    const NoiseOpened opened = opener_.Open();
    for (const std::span<const uint8_t> text : opened.texts) {
      leftover_.insert(leftover_.end(), text.begin(), text.end());
    }
    if (opened.error == NoiseError::kNone) return absl::OkStatus();
    const std::string_view text = ToString(opened.error);
    return absl::UnauthenticatedError(absl::string_view(text.data(), text.size()));
  }

  void Close() override { transport_.Close(); }
  void CloseWrite() override { transport_.CloseWrite(); }
  std::vector<uint8_t>& leftover() { return leftover_; }

 private:
  Transport& transport_;
  NoiseSealer& sealer_;
  NoiseOpener& opener_;
  std::vector<uint8_t> leftover_;
};

// The steps, each under its time limit.
class Upgrader {
 public:
  Upgrader(const Executor& executor, Transport& transport, const UpgradeOptions& options)
      : executor_(executor), transport_(transport), options_(options) {
    input_.transport = &transport;
  }

  Task<absl::Status> Secure() {
    Begin(UpgradeStep::kNegotiation);
    auto protocol = co_await Negotiate(input_, options_.role, std::string(kNoiseProtocol));
    if (!protocol.ok()) co_return Failed(protocol.status());
    Done(*protocol);

    Begin(UpgradeStep::kHandshake);
    NoiseHandshake handshake({.role = options_.role,
                              .identity = options_.identity,
                              .expected_peer = options_.expected_peer},
                             crypto::SystemRandom());
    const absl::Status ran = co_await Run(handshake, input_);
    if (!ran.ok()) co_return Failed(ran);
    if (handshake.state() == NoiseState::kFailed) {
      co_return Failed(ErrorOf(handshake, options_.expected_peer));
    }
    session_.emplace(handshake.Finish());
    sealer_.emplace(std::move(session_->send_key), *options_.engine, options_.channel);
    opener_.emplace(std::move(session_->receive_key), *options_.engine, options_.channel);
    opener_->Append(std::exchange(input_.pending, {}));
    Done(session_->peer_id.ToString());
    co_return absl::OkStatus();
  }

  Task<absl::Status> SettleMuxer(std::vector<uint8_t>& text) {
    Begin(UpgradeStep::kMuxer);
    SecuredText secured(transport_, *sealer_, *opener_);
    const absl::Status opened = secured.OpenFrames();
    if (!opened.ok()) co_return Failed(opened);
    if (session_->muxer) {
      text = std::move(secured.leftover());
      Done(absl::StrCat(*session_->muxer, ", agreed in the handshake"));
      co_return absl::OkStatus();
    }
    Input input{.transport = &secured, .pending = std::move(secured.leftover())};
    secured.leftover().clear();
    const auto muxer = co_await Negotiate(input, options_.role, std::string(kYamuxProtocol));
    if (!muxer.ok()) co_return Failed(muxer.status());
    text = std::move(input.pending);
    text.insert(text.end(), secured.leftover().begin(), secured.leftover().end());
    Done(*muxer);
    co_return absl::OkStatus();
  }

  NoiseSession& session() { return *session_; }
  NoiseSealer& sealer() { return *sealer_; }
  NoiseOpener& opener() { return *opener_; }

 private:
  void Begin(UpgradeStep step) {
    step_ = step;
    limit_.emplace(executor_, options_.step_timeout, [this] { transport_.Close(); });
  }
  void Done(std::string detail) {
    limit_.reset();
    if (options_.done) options_.done(step_, std::move(detail));
  }
  absl::Status Failed(absl::Status why) {
    const std::string step(TextOf(step_));
    if (limit_->expired()) {
      why = absl::DeadlineExceededError(
          absl::StrCat("not done within ", options_.step_timeout.count(), " ms"));
    }
    limit_.reset();
    transport_.Close();
    return absl::Status(why.code(), absl::StrCat(step, ": ", why.message()));
  }

  const Executor executor_;
  Transport& transport_;
  const UpgradeOptions& options_;
  Input input_{};
  UpgradeStep step_ = UpgradeStep::kNegotiation;
  std::optional<TimeLimit> limit_;
  std::optional<NoiseSession> session_;
  std::optional<NoiseSealer> sealer_;
  std::optional<NoiseOpener> opener_;
};

}  // namespace

Task<absl::StatusOr<Upgraded>> Upgrade(std::unique_ptr<Transport> transport,
                                       UpgradeOptions options) {
  Upgrader upgrader(co_await asio::this_coro::executor, *transport, options);
  const absl::Status secured = co_await upgrader.Secure();
  if (!secured.ok()) co_return secured;
  std::vector<uint8_t> text;
  const absl::Status settled = co_await upgrader.SettleMuxer(text);
  if (!settled.ok()) co_return settled;
  co_return Upgraded{.transport = std::move(transport),
                     .peer = upgrader.session().peer_id,
                     .peer_key = upgrader.session().peer_key,
                     .sealer = std::move(upgrader.sealer()),
                     .opener = std::move(upgrader.opener()),
                     .text = std::move(text)};
}

}  // namespace noisegate::libp2p
