// A yamux session under hostile frames. The first byte chooses the role and how the input is cut;
// the application accepts, reads, writes and ends streams as the stream's number says. Limits hold
// after every piece, and what is sent is whole frames.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "controlplane/libp2p/yamux.h"

namespace {

using namespace noisegate::libp2p;

void Require(bool condition) {
  if (!condition) std::abort();
}

YamuxOptions SmallOptions() {
  YamuxOptions options;
  options.max_receive_window = 512 * 1024;
  options.max_inbound_streams = 8;
  options.max_pending_accept = 4;
  options.max_stream_send_queue = 5000;
  options.max_send_queue = 9000;
  options.max_receive_queue = 3000;
  options.quantum = 700;
  return options;
}

void CheckFrames(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    Require(bytes.size() >= kYamuxHeaderSize);
    const YamuxHeader header = DecodeYamuxHeader(bytes.first<kYamuxHeaderSize>());
    Require(header.version == 0 && header.type <= YamuxType::kGoAway);
    const size_t payload = header.type == YamuxType::kData ? header.length : 0;
    Require(payload == 0 || header.flags == 0);
    Require(bytes.size() >= kYamuxHeaderSize + payload);
    bytes = bytes.subspan(kYamuxHeaderSize + payload);
  }
}

void Act(YamuxSession& session) {
  static constexpr std::array<uint8_t, 3000> kText{};
  while (const auto event = session.PollStream()) {
    const StreamId id = event->stream;
    if (event->opened && id % 16 != 15) session.Accept(id);
    if (event->readable && id % 8 < 5) session.Consume(id, session.ReadableSize(id));
    if (event->readable && id % 8 == 5) session.MoveTo(id, session, id, 500);
    if (event->readable || event->writable) session.Write(id, kText);
    if (event->finished) session.CloseWrite(id);
    if (event->readable && id % 32 == 23) session.Reset(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  TimePoint now;
  const YamuxOptions options = SmallOptions();
  YamuxSession session(data[0] % 2 == 0 ? YamuxRole::kServer : YamuxRole::kClient, options, now);
  Require(session.OpenStream().ok());
  const size_t piece = 1 + data[0] / 2;
  std::vector<uint8_t> room(kMinYamuxRoom + data[0] * 8u);
  std::span<const uint8_t> bytes(data + 1, size - 1);
  while (!bytes.empty()) {
    const size_t n = std::min(piece, bytes.size());
    now += std::chrono::milliseconds(7);
    session.Receive(bytes.first(n), now);
    bytes = bytes.subspan(n);
    Act(session);
    Require(session.stream_count() <= options.max_inbound_streams + 1);
    Require(session.send_queue_size() <= options.max_send_queue);
    Require(session.receive_queue_size() <= options.max_receive_queue);
    if (n % 3 != 0 && session.HasOutput()) {
      CheckFrames(std::span(room).first(session.Pull(room, now)));
    }
    session.HandleTimeout(now);
  }
  for (size_t pulls = 0; session.HasOutput(); ++pulls) {
    Require(pulls < 100'000);
    CheckFrames(std::span(room).first(session.Pull(room, now)));
  }
  if (session.error() != YamuxError::kNone) Require(session.stream_count() == 0);
  return 0;
}
