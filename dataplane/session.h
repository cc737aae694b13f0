// One session as the packet path sees it: keys, counters, replay window and header template.
//
// Laid out for the caches, because at 10,000 sessions every packet meets a cold one: a packet that
// is received touches lines 0, 17 and one of the replay window, one that is sent 18 to 20.
//
// Access contracts stand at each field. "worker" is the one that owns the session's local port.
// Fields that only control writes are set before the session is published and do not change while
// any look-up can find it, unless they are atomic.
#ifndef NOISEGATE_DATAPLANE_SESSION_H_
#define NOISEGATE_DATAPLANE_SESSION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "crypto/aead.h"
#include "dataplane/address_words.h"
#include "dataplane/dataplane.h"
#include "dataplane/header.h"
#include "dataplane/header_template.h"
#include "dataplane/lookup_table.h"
#include "dataplane/replay_window.h"
#include "dataplane/stats.h"

namespace noisegate::dataplane {

// The counter at which a session asks to be renewed: 2^27 messages before its last, 13 s at 10
// Mpps.
inline constexpr uint32_t kCounterRenew = kCounterLastMessage - (uint32_t{1} << 27);

struct alignas(kCacheLine) Session {
  // Line 0: receiving.
  // The session that this one replaced under the same key, tried where a tag does not verify here.
  // worker: ro, acquire; control: wo, release.
  std::atomic<Session*> previous{nullptr};
  uint64_t receive_until = 0;        // TSC; worker: ro, control: wo
  PeerIndex peer = 0;                // worker: ro, control: wo
  uint32_t awaits_confirmation = 0;  // worker: rw, control: sets it before publishing
  Tally<uint64_t> rx_packets;        // worker: wo, control: ro; as the next four
  Tally<uint64_t> rx_bytes;          // of inner packets
  Tally<uint64_t> last_rx;           // TSC; 0 where never
  Tally<uint64_t> last_data_rx;      // TSC, without empty messages

  // End of line 0, then lines 1 … 16: its last counter, then the ring from a line's start on.
  ReplayWindow window;  // worker: rw

  // Line 17. worker: ro, control: wo.
  uint8_t receive_key[crypto::kAeadKeySize] = {};

  // Line 18: sending.
  alignas(kCacheLine) Tally<uint32_t> next_counter;  // worker: wo, control: ro; past kCounterLastMessage when spent
  Tally<uint32_t> confirmed;     // worker: wo, control: ro; what is sent will be received
  uint64_t send_until = 0;       // TSC; worker: ro, control: wo; as the next five
  uint32_t max_inner = 0;        // bytes of inner packet that fit the path
  NeighbourIndex next_hop = 0;
  PortIndex port = 0;
  Direction send_direction = Direction::kInitiatorToResponder;
  UdpChecksum udp_checksum = UdpChecksum::kNone;
  std::atomic<uint32_t> generation{0};  // worker: ro, control: wo; counts the slot's uses
  Tally<uint64_t> tx_packets;           // worker: wo, control: ro; as the next two
  Tally<uint64_t> tx_bytes;             // of inner packets
  Tally<uint64_t> last_tx;              // TSC, without empty messages; 0 where never
  // 1 from Publish() to Retire(). worker: ro, acquire; control: wo, release.
  std::atomic<uint32_t> live{0};

  // Lines 19 and 20. worker: ro, control: wo. The template's end, which is all that short headers
  // need, fills line 20.
  alignas(kCacheLine) uint8_t send_key[crypto::kAeadKeySize] = {};
  HeaderTemplate header;

  // Line 21, and one more so that the sessions of an array, 23 lines apart, use all sets of a cache
  // evenly. control: rw, worker: never.
  alignas(kCacheLine) TableKey key;
  WorkerIndex worker = 0;
  bool held = false;                // not to be chosen for sending
  Session* next_of_peer = nullptr;  // other sessions of this peer, newest first
  uint8_t padding[kCacheLine] = {};
};

static_assert(offsetof(Session, window) + sizeof(uint64_t) == kCacheLine,
              "the window's ring begins with a line");
static_assert(offsetof(Session, receive_key) == 17 * kCacheLine);
static_assert(offsetof(Session, next_counter) == 18 * kCacheLine);
static_assert(offsetof(Session, send_key) == 19 * kCacheLine);
static_assert(offsetof(Session, header) + HeaderTemplate::kRoom - HeaderTemplate::kShort ==
                  20 * kCacheLine,
              "short headers begin with a line");
static_assert(offsetof(Session, key) == 21 * kCacheLine);
static_assert(sizeof(Session) == 23 * kCacheLine);
static_assert(sizeof(Session) <= 1536, "the memory budget of a session");

// What finds a session: who sent the datagram, and in which direction. The local port is not in it,
// because each worker has a table of its own. `remote_port` is in host order.
inline TableKey SessionKey(const AddressWords& remote, uint16_t remote_port, Direction direction) {
  return {remote.first, remote.second,
          uint64_t{remote_port} << 1 | static_cast<uint64_t>(direction)};
}
inline Endpoint RemoteOf(const TableKey& key) {
  return {AddressWords{key.words[0], key.words[1]}.ToAddress(),
          static_cast<uint16_t>(key.words[2] >> 1)};
}

// Which sessions a worker sends a peer's packets on. worker: ro, acquire; control: wo, release.
struct PeerSending {
  std::atomic<Session*> newest{nullptr};
  std::atomic<Session*> older{nullptr};  // sends while `newest` is not confirmed
};
static_assert(sizeof(PeerSending) == 16);

// Whether a packet may be sent on this session now. Worker only.
inline bool MaySend(const Session& session, uint64_t now_tsc) {
  return session.confirmed.Get() != 0 && now_tsc < session.send_until &&
         session.next_counter.Get() <= kCounterLastMessage;
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_SESSION_H_
