// The streams of a YamuxSession (yamux.h): what one is told about, and the inside.
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_STREAM_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_STREAM_H_

#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "controlplane/libp2p/byte_queue.h"
#include "controlplane/libp2p/yamux_frame.h"

namespace noisegate::libp2p {

using TimePoint = std::chrono::steady_clock::time_point;
using StreamId = uint32_t;

// What happened to a stream since it was polled last.
struct YamuxStreamEvent {
  StreamId stream = 0;
  bool opened = false;        // inbound and new: Accept() or Reset() it
  bool acknowledged = false;  // outbound: the peer accepted it
  bool readable = false;      // Readable() has bytes
  bool writable = false;      // a Write() that took less than all may go on
  bool finished = false;      // the peer sends no more; what is Readable() still counts
  bool reset = false;         // gone, in both directions; nothing that was Readable() remains
};

// --- For yamux*.cc only from here on.

struct YamuxStream;

struct YamuxStreamLink {
  YamuxStream* previous = nullptr;
  YamuxStream* next = nullptr;
  bool linked = false;
};

struct YamuxStream {
  explicit YamuxStream(StreamId stream_id, bool is_inbound, TimePoint now)
      : id(stream_id), inbound(is_inbound), last_credit(now) {
    event.stream = stream_id;
  }

  const StreamId id;
  const bool inbound;
  bool accepted = false;  // inbound: by us; outbound: by the peer
  bool open_due = false;  // SYN or ACK is to be sent

  ByteQueue received;
  uint32_t receive_window = kYamuxInitialWindow;       // what the peer may still send
  uint32_t receive_window_size = kYamuxInitialWindow;  // what it may send while nothing is read
  TimePoint last_credit;                               // when we last gave some
  bool fin_received = false;

  ByteQueue queue;
  uint32_t send_window = kYamuxInitialWindow;
  uint32_t highest_window = kYamuxInitialWindow;  // that send_window ever had
  uint32_t unacknowledged = 0;
  bool acknowledges_by_halves = false;
  bool write_closed = false;
  bool fin_sent = false;
  bool wants_room = false;  // a Write() took less than all
  int64_t deficit = 0;      // bytes that it may send in this turn
  bool is_new_flow = false;

  YamuxStreamEvent event;
  YamuxStreamLink event_link;    // there is something in `event`
  YamuxStreamLink control_link;  // SYN, ACK, credit or FIN may be due
  YamuxStreamLink flow_link;     // has data that may be sent
};

// A list through the streams themselves, so that leaving it costs nothing and it cannot outgrow
// them.
template <YamuxStreamLink YamuxStream::*kLink>
class YamuxStreamList {
 public:
  bool empty() const { return first_ == nullptr; }
  YamuxStream& front() const { return *first_; }

  void PushBack(YamuxStream& stream) {
    YamuxStreamLink& link = stream.*kLink;
    assert(!link.linked);
    link = {.previous = last_, .next = nullptr, .linked = true};
    (last_ == nullptr ? first_ : (last_->*kLink).next) = &stream;
    last_ = &stream;
  }

  // Requires that it is in this list.
  void Remove(YamuxStream& stream) {
    YamuxStreamLink& link = stream.*kLink;
    assert(link.linked);
    (link.previous == nullptr ? first_ : (link.previous->*kLink).next) = link.next;
    (link.next == nullptr ? last_ : (link.next->*kLink).previous) = link.previous;
    link = {};
  }

 private:
  YamuxStream* first_ = nullptr;
  YamuxStream* last_ = nullptr;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_YAMUX_STREAM_H_
