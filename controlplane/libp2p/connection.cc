#include "controlplane/libp2p/connection.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <algorithm>
#include <exception>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/identify_message.h"
#include "controlplane/libp2p/multistream.h"
#include "controlplane/libp2p/protocols.h"

namespace noisegate::libp2p {
namespace {

// For telling the peer what it did wrong.
constexpr std::chrono::seconds kLastWordsTime{1};

// Without what is queued: on the heap of a 64-bit machine, coroutines included, rounded up.
constexpr size_t kConnectionMemory = 16 * 1024;
constexpr size_t kStreamMemory = 6 * 1024;

// Protocols that keep a connection going and do nothing else.
bool IsUpkeep(std::string_view protocol) {
  return protocol.empty() || protocol == kPingProtocol || protocol == kIdentifyProtocol ||
         protocol == kIdentifyPushProtocol;
}

// What one read brings is accepted in one go, so the limit on open streams is the one that counts.
YamuxOptions MuxerOptions(YamuxOptions options) {
  options.max_pending_accept = options.max_inbound_streams;
  return options;
}

absl::Status TextStatus(absl::StatusCode code, std::string_view text) {
  return absl::Status(code, absl::string_view(text.data(), text.size()));
}

}  // namespace

std::shared_ptr<Connection> Connection::Start(const Executor& executor, ConnectionInfo info,
                                              Upgraded upgraded, const ConnectionOptions& options,
                                              ConnectionOwner& owner) {
  const std::vector<uint8_t> text = std::move(upgraded.text);
  std::shared_ptr<Connection> connection(
      new Connection(executor, std::move(info), std::move(upgraded), options, owner));
  if (!text.empty()) connection->Receive(text);
  // Not before the owner has it: what came with the handshake may already be the end.
  asio::post(executor, [connection] { connection->Run(); });
  return connection;
}

void Connection::Run() {
  const auto spawn = [&](Task<void> (Connection::*loop)()) {
    asio::co_spawn(
        executor_, [self = shared_from_this(), loop]() { return (self.get()->*loop)(); },
        [self = shared_from_this()](const std::exception_ptr& error) {
          if (error) self->Close(absl::ResourceExhaustedError("out of memory"));
        });
  };
  spawn(&Connection::ReadLoop);
  spawn(&Connection::WriteLoop);
  spawn(&Connection::TimerLoop);
}

Connection::Connection(const Executor& executor, ConnectionInfo info, Upgraded upgraded,
                       const ConnectionOptions& options, ConnectionOwner& owner)
    : executor_(executor),
      info_(std::move(info)),
      options_(options),
      owner_(&owner),
      transport_(std::move(upgraded.transport)),
      sealer_(std::move(upgraded.sealer)),
      opener_(std::move(upgraded.opener)),
      mux_(info_.inbound ? YamuxRole::kServer : YamuxRole::kClient,
           MuxerOptions(options.yamux), Now()),
      output_(executor),
      ended_(executor),
      timer_(executor),
      used_at_(Now()) {}

Connection::~Connection() = default;

Task<void> Connection::ReadLoop() {
  while (!closed_) {
    const IoResult read = co_await transport_->ReadSome(opener_.Prepare());
    if (closed_) break;
    if (!read.status.ok()) {
      Close(read.status);
      break;
    }
    if (read.size == 0) {
      Close(opener_.at_boundary() ? absl::UnavailableError("the peer closed the connection")
                                  : absl::UnavailableError("the connection ended inside a frame"));
      break;
    }
    opener_.Commit(read.size);
    const NoiseOpened opened = opener_.Open();
    const TimePoint now = Now();
    for (const std::span<const uint8_t> text : opened.texts) mux_.Receive(text, now, opened.lender);
    if (opened.error != NoiseError::kNone) {
      Close(TextStatus(absl::StatusCode::kUnauthenticated, ToString(opened.error)));
      break;
    }
    Pump();
  }
}

void Connection::Receive(std::span<const uint8_t> text) { mux_.Receive(text, Now()); }

bool Connection::FillBurst() {
  if (mux_.HasOutput()) {
    const auto rooms = sealer_.Prepare(std::max(mux_.OutputSize(), kMinYamuxRoom));
    sealer_.Commit(mux_.Pull(rooms, Now()));
  }
  if (sealer_.Seal() != NoiseError::kNone) {
    Close(absl::ResourceExhaustedError("the channel's nonces are used up"));
    return false;
  }
  return !sealer_.sealed().empty();
}

Task<void> Connection::WriteLoop() {
  while (!closed_) {
    const bool filled = FillBurst();
    // Streams that waited for room in the queue may go on.
    Pump();
    if (!filled) {
      if (closed_) break;
      if (mux_.error() != YamuxError::kNone) {
        Close(MuxerStatus());
        break;
      }
      if (closing_ && mux_.send_queue_size() == 0) {
        transport_->CloseWrite();
        Close(absl::CancelledError("closed"));
        break;
      }
      output_waiting_ = true;
      co_await output_.Wait();
      output_waiting_ = false;
      continue;
    }
    while (!closed_ && !sealer_.sealed().empty()) {
      const IoResult written = co_await transport_->WriteSome(sealer_.sealed(), sealer_.lender());
      if (closed_) break;
      if (!written.status.ok()) {
        Close(written.status);
        break;
      }
      sealer_.Consume(written.size);
    }
  }
}

Task<void> Connection::TimerLoop() {
  while (!closed_) {
    timer_.expires_at(mux_.NextDeadline().value_or(TimePoint::max()));
    asio::error_code moved;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, moved));
    if (closed_) break;
    mux_.HandleTimeout(Now());
    Pump();
  }
}

void Connection::Pump() {
  // Handlers start inside HandleEvent() and pump in turn. They need not go deeper, for the loop
  // that called them goes on: as many streams as one read may open would use up the stack.
  if (closed_ || pumping_) return;
  {
    pumping_ = true;
    const absl::Cleanup done = [this] { pumping_ = false; };
    while (const auto event = mux_.PollStream()) {
      HandleEvent(*event);
      if (closed_) return;
    }
  }
  // The go-away that is due may never get out: not to a peer that reads nothing.
  if (mux_.error() != YamuxError::kNone && !goodbye_) EndIn(kLastWordsTime, MuxerStatus());
  if (output_waiting_ && (mux_.HasOutput() || mux_.error() != YamuxError::kNone)) {
    output_waiting_ = false;
    output_.Notify();
  }
  const auto deadline = mux_.NextDeadline();
  if (deadline && *deadline < timer_.expiry()) timer_.cancel();
  AccountMemory(memory());
}

size_t Connection::memory() const {
  return kConnectionMemory + sealer_.capacity() + opener_.capacity() + queued_bytes() +
         kStreamMemory * mux_.stream_count();
}

void Connection::AccountMemory(size_t now) {
  if (now != accounted_) owner_->HandleMemory(std::exchange(accounted_, now), now);
}

std::optional<TimePoint> Connection::idle_since() const {
  const bool used = std::any_of(streams_.begin(), streams_.end(), [](const auto& entry) {
    return !IsUpkeep(entry.second->protocol());
  });
  return used ? std::nullopt : std::optional(used_at_);
}

void Connection::HandleEvent(const YamuxStreamEvent& event) {
  if (event.opened) {
    if (const auto old = streams_.find(event.stream); old != streams_.end()) {
      // A number used twice: whoever holds the first stream must not touch the second.
      old->second->Detach();
      streams_.erase(old);
    }
    if (event.reset) return;
    if (closing_) {
      mux_.Reset(event.stream);
      return;
    }
    mux_.Accept(event.stream);
    auto stream = std::make_shared<Stream>(shared_from_this(), event.stream);
    if (event.finished) stream->finished_ = true;
    asio::co_spawn(executor_, ServeInbound(std::move(stream)), asio::detached);
    return;
  }
  const auto found = streams_.find(event.stream);
  if (found != streams_.end()) found->second->Handle(event);
}

Task<void> Connection::ServeInbound(std::shared_ptr<Stream> stream) {
  if (closed_) co_return;
  stream->SetTimeLimit(options_.negotiation_timeout);
  MultistreamListener listener(owner_->ProtocolsFor(*this));
  while (listener.state() == MultistreamState::kRunning) {
    const bool some = co_await stream->WaitReadable();
    if (stream->gone()) co_return;
    if (some) {
      mux_.Consume(stream->id(), listener.Receive(mux_.Readable(stream->id())));
      Pump();
    } else {
      listener.ReceiveEnd();
    }
    const absl::Status sent = co_await stream->Write(listener.TakeOutput());
    if (!sent.ok()) co_return;
  }
  if (listener.state() != MultistreamState::kAgreed || closed_) co_return;
  stream->ClearTimeLimit();
  stream->protocol_ = listener.protocol();
  const bool used = !IsUpkeep(stream->protocol());
  co_await owner_->HandleStream(std::move(stream));
  if (used) used_at_ = Now();
}

Task<absl::StatusOr<std::shared_ptr<Stream>>> Connection::OpenStream(
    std::string_view protocol) {
  const std::string wanted(protocol);
  if (closed_) co_return status_;
  const auto id = mux_.OpenStream();
  if (!id.ok()) co_return id.status();
  auto stream = std::make_shared<Stream>(shared_from_this(), *id);
  stream->SetTimeLimit(options_.negotiation_timeout);
  MultistreamDialler dialler(std::vector<std::string>(1, wanted));
  for (;;) {
    absl::Status sent = co_await stream->Write(dialler.TakeOutput());
    if (!sent.ok()) co_return sent;
    if (dialler.state() != MultistreamState::kRunning) break;
    const bool some = co_await stream->WaitReadable();
    if (stream->gone()) co_return stream->Gone();
    if (some) {
      mux_.Consume(*id, dialler.Receive(mux_.Readable(*id)));
      Pump();
    } else {
      dialler.ReceiveEnd();
    }
  }
  stream->ClearTimeLimit();
  if (dialler.state() == MultistreamState::kFailed) {
    if (dialler.error() == MultistreamError::kNoneAgreed) {
      co_return absl::NotFoundError(absl::StrCat("the peer does not speak ", wanted));
    }
    co_return absl::InvalidArgumentError(
        absl::StrCat(std::string(ToString(dialler.error())), " (", wanted, ")"));
  }
  stream->protocol_ = dialler.protocol();
  co_return stream;
}

void Connection::CloseGracefully(std::chrono::milliseconds patience) {
  if (closed_ || closing_) return;
  closing_ = true;
  mux_.GoAway(YamuxGoAway::kNormal);
  EndIn(patience, absl::CancelledError("closed"));
  Pump();
}

void Connection::EndIn(std::chrono::milliseconds time, absl::Status why) {
  goodbye_.emplace(executor_, time, [self = weak_from_this(), why = std::move(why)] {
    if (const auto connection = self.lock()) connection->Close(why);
  });
}

absl::Status Connection::MuxerStatus() const {
  const auto code = mux_.error() == YamuxError::kPingTimeout ? absl::StatusCode::kDeadlineExceeded
                                                             : absl::StatusCode::kInvalidArgument;
  return TextStatus(code, ToString(mux_.error()));
}

void Connection::Close(absl::Status why) {
  if (closed_) return;
  const auto keep = shared_from_this();
  closed_ = true;
  status_ = std::move(why);
  transport_->Close();
  const auto streams = std::exchange(streams_, {});
  for (const auto& [id, stream] : streams) stream->Detach();
  timer_.cancel();
  output_.Notify();
  ended_.Notify();
  goodbye_.reset();
  AccountMemory(0);
  std::exchange(owner_, nullptr)->HandleClosed(*this);
}

Task<void> Connection::WaitClosed() {
  while (!closed_) co_await ended_.Wait();
}

}  // namespace noisegate::libp2p
