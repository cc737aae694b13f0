#include "controlplane/libp2p/protocols.h"

#include <openssl/evp.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/signed_envelope.h"
#include "crypto/random.h"

namespace noisegate::libp2p {
namespace {

constexpr size_t kPingSize = 32;        // bytes
constexpr size_t kChunk = 64 * 1024;    // bytes; what bulk is written in
constexpr std::chrono::seconds kExchangeTimeout{10};  // of identify

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void Add(std::span<const uint8_t> bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::array<uint8_t, 32> Finish() {
    std::array<uint8_t, 32> digest;
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return digest;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// Bytes that differ from place to place, so that a lost or repeated chunk shows (xorshift64*).
class Pattern {
 public:
  explicit Pattern(uint64_t seed) : state_(seed | 1) {}
  void Fill(std::span<uint8_t> out) {
    for (size_t at = 0; at < out.size(); at += sizeof(uint64_t)) {
      state_ ^= state_ >> 12;
      state_ ^= state_ << 25;
      state_ ^= state_ >> 27;
      const uint64_t word = state_ * 0x2545f4914f6cdd1dULL;
      std::memcpy(out.data() + at, &word, std::min(sizeof(word), out.size() - at));
    }
  }

 private:
  uint64_t state_;
};

// Sends `size` bytes of the pattern, or zeros without hash, and ends the stream.
struct Sending {
  uint64_t size = 0;
  bool hashed = false;
  std::vector<uint8_t> head;  // goes first
  uint64_t sent = 0;
  std::array<uint8_t, 32> sha256{};
  absl::Status status;
  bool done = false;
};

// Where the bytes are all the same they are lent, over and over.
Task<void> Send(std::shared_ptr<Stream> stream, std::shared_ptr<Sending> sending) {
  const Buffer chunk(kChunk);
  const std::span<uint8_t> whole(chunk.data(), kChunk);
  std::ranges::fill(whole, uint8_t{0});
  Pattern pattern(crypto::SystemRandom().Uint64());
  Sha256 hash;
  sending->status = co_await stream->Write(sending->head);
  while (sending->status.ok() && sending->sent < sending->size) {
    const auto part = whole.first(
        static_cast<size_t>(std::min<uint64_t>(kChunk, sending->size - sending->sent)));
    if (sending->hashed) {
      pattern.Fill(part);
      hash.Add(part);
    }
    sending->status = co_await stream->Write(part, sending->hashed ? nullptr : &chunk);
    sending->sent += part.size();
  }
  sending->sha256 = hash.Finish();
  stream->CloseWrite();
  sending->done = true;
}

std::array<uint8_t, 8> BigEndian(uint64_t value) {
  std::array<uint8_t, 8> bytes;
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
  return bytes;
}

uint64_t FromBigEndian(std::span<const uint8_t, 8> bytes) {
  uint64_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// Sends while it reads to the end.
Task<absl::StatusOr<Transfer>> Exchange(std::shared_ptr<Stream> stream,
                                        std::shared_ptr<Sending> sending) {
  const TimePoint began = Now();
  asio::co_spawn(stream->connection().executor(), Send(stream, sending), asio::detached);
  Sha256 hash;
  Transfer transfer;
  for (;;) {
    const bool some = co_await stream->WaitReadable();
    if (transfer.received == 0) transfer.upload_time = Now() - began;
    if (!some) break;
    const std::span<const uint8_t> part = stream->Received();
    if (sending->hashed) hash.Add(part);
    transfer.received += part.size();
    stream->Drop(part.size());
  }
  if (stream->gone()) co_return stream->Gone();
  transfer.time = Now() - began;
  if (!sending->done) co_return absl::DataLossError("the peer ended before it had read all");
  if (!sending->status.ok()) co_return sending->status;
  transfer.sent = sending->sent;
  transfer.sent_sha256 = sending->sha256;
  transfer.received_sha256 = hash.Finish();
  co_return transfer;
}

}  // namespace

Task<void> ServePing(std::shared_ptr<Stream> stream) {
  std::array<uint8_t, kPingSize> ping;
  for (;;) {
    const absl::Status read = co_await stream->ReadExactly(ping);
    if (!read.ok()) break;
    const absl::Status sent = co_await stream->Write(ping);
    if (!sent.ok()) break;
  }
  stream->CloseWrite();
}

Task<void> ServeIdentify(Host& host, std::shared_ptr<Stream> stream) {
  stream->SetTimeLimit(kExchangeTimeout);
  const std::vector<uint8_t> message =
      WithLengthPrefix(SerializeIdentify(host.Describe(stream->connection())));
  const absl::Status sent = co_await stream->Write(message);
  if (!sent.ok()) co_return;
  stream->CloseWrite();
  co_await stream->WaitEnd();
}

Task<void> ServeIdentifyPush(std::shared_ptr<Stream> stream) {
  stream->SetTimeLimit(kExchangeTimeout);
  const auto message = co_await stream->ReadMessage(kMaxIdentifyMessage);
  if (!message.ok()) {
    stream->Reset();
    co_return;
  }
  stream->CloseWrite();
  co_await stream->WaitEnd();
}

Task<void> ServeEcho(std::shared_ptr<Stream> stream) {
  for (;;) {
    const bool some = co_await stream->WaitReadable();
    if (!some) break;
    // Through the muxer's own queues: nothing is copied, and nothing is held here.
    if (stream->MoveTo(*stream, UINT64_MAX) == 0) {
      const bool room = co_await stream->WaitWritable();
      if (!room) break;
    }
  }
  if (stream->finished()) stream->CloseWrite();
}

Task<void> ServePerf(std::shared_ptr<Stream> stream) {
  std::array<uint8_t, 8> wanted;
  const absl::Status asked = co_await stream->ReadExactly(wanted);
  if (!asked.ok()) co_return;
  co_await stream->WaitEnd();
  if (!stream->finished()) co_return;
  auto sending = std::make_shared<Sending>();
  sending->size = FromBigEndian(wanted);
  co_await Send(stream, sending);
}

Task<absl::StatusOr<std::chrono::nanoseconds>> PingOnce(Stream& stream) {
  std::array<uint8_t, kPingSize> ping, pong;
  crypto::SystemRandom().Fill(ping);
  const TimePoint began = Now();
  const absl::Status sent = co_await stream.Write(ping);
  if (!sent.ok()) co_return sent;
  const absl::Status read = co_await stream.ReadExactly(pong);
  if (!read.ok()) co_return read;
  if (ping != pong) co_return absl::DataLossError("the pong is not the ping");
  co_return std::chrono::nanoseconds(Now() - began);
}

Task<absl::StatusOr<IdentifyMessage>> Identify(std::shared_ptr<Connection> connection) {
  const auto stream = co_await connection->OpenStream(kIdentifyProtocol);
  if (!stream.ok()) co_return stream.status();
  (*stream)->SetTimeLimit(kExchangeTimeout);
  (*stream)->CloseWrite();
  const auto body = co_await (*stream)->ReadMessage(kMaxIdentifyMessage);
  if (!body.ok()) co_return body.status();
  auto message = ParseIdentify(*body);
  if (!message.ok()) co_return message.status();
  const auto key = DecodePublicKey(message->public_key);
  if (!key.ok() || PeerId::OfPublicKey(*key) != connection->info().peer) {
    co_return absl::UnauthenticatedError("identify names a key that is not the peer's");
  }
  if (!message->signed_peer_record.empty()) {
    const auto record = OpenPeerRecord(message->signed_peer_record);
    if (!record.ok()) co_return record.status();
    if (record->peer != connection->info().peer) {
      co_return absl::UnauthenticatedError("the peer record is about somebody else");
    }
  }
  co_return *std::move(message);
}

Task<absl::StatusOr<Transfer>> Echo(std::shared_ptr<Connection> connection, uint64_t size) {
  const auto stream = co_await connection->OpenStream(kEchoProtocol);
  if (!stream.ok()) co_return stream.status();
  auto sending = std::make_shared<Sending>();
  sending->size = size;
  sending->hashed = true;
  co_return co_await Exchange(*stream, std::move(sending));
}

Task<absl::StatusOr<Transfer>> Perf(std::shared_ptr<Connection> connection, uint64_t upload,
                                    uint64_t download) {
  const auto stream = co_await connection->OpenStream(kPerfProtocol);
  if (!stream.ok()) co_return stream.status();
  auto sending = std::make_shared<Sending>();
  const std::array<uint8_t, 8> head = BigEndian(download);
  sending->head.assign(head.begin(), head.end());
  sending->size = upload;
  auto transfer = co_await Exchange(*stream, std::move(sending));
  if (transfer.ok() && transfer->received != download) {
    co_return absl::DataLossError(
        absl::StrCat("got ", transfer->received, " of ", download, " bytes"));
  }
  co_return transfer;
}

}  // namespace noisegate::libp2p
