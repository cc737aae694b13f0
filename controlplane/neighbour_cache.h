// Who has which address on a link: the state behind ARP and neighbour discovery (RFC 4861).
//
//   cache.Resolve(now, {port, address});            // or Pin(), for a next hop that sessions use
//   while (cache.PollRequest(&r)) …                 // send an ARP request or a solicitation
//   cache.HandleReply(now, key, mac, …);            // what the link says
//   while (cache.PollEvent(&e)) …                   // tell the data plane
//   cache.HandleTimeout(now);                       // no later than cache.NextTimeout()
//
// Decides and does no I/O. The states of a neighbour:
//
//                  reply                reachable_time           stale_time
//   incomplete ──────────────► reachable ──────────────► stale ──────────────► probe
//       │                          ▲                                         │  │
//       │ no reply to max_tries    └──────────────── reply ──────────────────┘  │
//       ▼                                                                       │
//    failed ◄──────────────────── no reply to max_tries ────────────────────────┘
//
// A stale MAC is still used. A pinned neighbour skips stale, and is asked again after it failed;
// another that failed is forgotten after failed_time, so that a new packet asks again. One that is silent
// while authentic traffic keeps coming through it (Confirm(); RFC 4861 7.3.1) has not failed: some
// routers answer ARP last of all. Its MAC stays, and it is asked again after reachable_time.
//
// The link is hostile. Only an answer to a question of ours, or a question to us, makes a neighbour
// known; unasked news about a known one is a reason to ask, never an answer. Entries and questions
// are bounded; pinned neighbours are never evicted, and questions about them are not held back.
//
// One thread.
#ifndef NOISEGATE_CONTROLPLANE_NEIGHBOUR_CACHE_H_
#define NOISEGATE_CONTROLPLANE_NEIGHBOUR_CACHE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "dataplane/address.h"

namespace noisegate::controlplane {

class NeighbourCache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  // An address on a port's link. Whether it is on that link at all is for the caller.
  struct Key {
    uint16_t port = 0;
    dataplane::IpAddress address;
    auto operator<=>(const Key&) const = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.port, k.address);
    }
  };

  enum class State : uint8_t { kIncomplete, kReachable, kStale, kProbe, kFailed, kStatic };

  struct Options {
    size_t max_entries = 4096;
    Duration retry_interval = std::chrono::seconds(1);
    uint32_t max_tries = 3;
    Duration reachable_time = std::chrono::seconds(30);
    Duration stale_time = std::chrono::seconds(30);
    Duration failed_time = std::chrono::seconds(3);
    uint32_t requests_per_second = 200;  // in all, those about pinned neighbours left out
  };

  // Send a question: to everyone, or to `known` alone to ask whether it is still there.
  struct Request {
    Key key;
    std::optional<dataplane::MacAddress> known;
  };

  struct Event {
    enum class Kind : uint8_t {
      kResolved,   // `mac` is now known, after it was not
      kChanged,    // `mac` is another than before
      kFailed,     // no answer: what waits for it should be given up
      kForgotten,  // no longer in the cache: its MAC must not be used
    } kind = Kind::kResolved;
    Key key;
    dataplane::MacAddress mac;  // kResolved, kChanged
  };

  struct Entry {  // what `show` prints
    Key key;
    State state = State::kIncomplete;
    std::optional<dataplane::MacAddress> mac;
    bool pinned = false;
  };

  explicit NeighbourCache(const Options& options);

  // Inputs. Drain both outputs after each.

  // A packet wants to go there: asks, unless the answer is known or the neighbour failed just now.
  // Find() has the MAC if there is one. ResourceExhausted where nothing may be evicted for it.
  absl::Status Resolve(TimePoint now, const Key& key);
  // As Resolve(), and keeps it resolved, and in the cache, until as many Unpin().
  absl::Status Pin(TimePoint now, const Key& key);
  void Unpin(const Key& key);
  // A MAC given by the config: never asked about, changed or evicted.
  absl::Status SetStatic(const Key& key, const dataplane::MacAddress& mac);
  void RemoveStatic(TimePoint now, const Key& key);

  // An ARP reply or a neighbour advertisement: `key.address` is at `mac`. `may_replace` is the
  // advertisement's override flag; true for ARP.
  void HandleReply(TimePoint now, const Key& key, const dataplane::MacAddress& mac,
                   bool may_replace);
  // An ARP request or a solicitation for an address of ours (and no other) says who asks: it is
  // about to talk to us.
  void HandleRequest(TimePoint now, const Key& asker, const dataplane::MacAddress& mac);
  // At `at`, a peer that is reached through this neighbour was heard, with proof.
  void Confirm(const Key& key, TimePoint at);
  void HandleTimeout(TimePoint now);

  // Outputs.
  bool PollRequest(Request* out);
  bool PollEvent(Event* out);
  std::optional<TimePoint> NextTimeout() const;

  // The MAC to use, stale ones included.
  std::optional<dataplane::MacAddress> Find(const Key& key) const;
  std::optional<State> FindState(const Key& key) const;
  std::vector<Entry> Entries() const;  // sorted
  size_t size() const { return neighbours_.size(); }

 private:
  struct Neighbour {
    State state = State::kIncomplete;
    std::optional<dataplane::MacAddress> mac;
    uint32_t pins = 0;
    bool wanted = false;        // a packet of ours went there; else a host only asked for us
    bool ask_everyone = false;  // from the first question on, not only from the second
    uint32_t tries = 0;         // questions sent since the last answer
    std::optional<TimePoint> asked_at;
    std::optional<TimePoint> confirmed_at;
    std::optional<TimePoint> deadline;  // none for kStatic
  };

  static bool IsAsking(const Neighbour& n) {
    return n.state == State::kIncomplete || n.state == State::kProbe;
  }

  absl::Status Want(TimePoint now, const Key& key, bool pin);
  Neighbour* Lookup(const Key& key);
  // A new entry, where there is room or something worth less to evict; else null.
  Neighbour* Insert(const Key& key, bool wanted);
  bool EvictFor(bool wanted);
  void Forget(Key key);
  void AddPin(const Key& key, Neighbour* n);
  void SetDeadline(const Key& key, Neighbour* n, std::optional<TimePoint> deadline);
  void Emit(Event::Kind kind, const Key& key, const dataplane::MacAddress& mac = {});

  void StartAsking(TimePoint now, const Key& key, Neighbour* n, State state, bool everyone);
  void Ask(TimePoint now, const Key& key, Neighbour* n);
  bool TakeRequestToken(TimePoint now);
  // Unasked news say that `key` has moved: ask everyone, unless that was just done.
  void Doubt(TimePoint now, const Key& key, Neighbour* n);
  void SetMac(const Key& key, Neighbour* n, const dataplane::MacAddress& mac);
  void SetReachable(TimePoint now, const Key& key, Neighbour* n);
  void SetStale(TimePoint now, const Key& key, Neighbour* n);
  void HandleSilence(TimePoint now, const Key& key, Neighbour* n);
  void HandleDeadline(TimePoint now, const Key& key, Neighbour* n);

  const Options options_;
  absl::flat_hash_map<Key, Neighbour> neighbours_;
  std::set<std::pair<TimePoint, Key>> deadlines_;
  std::set<std::pair<TimePoint, Key>> evictable_;  // of those, the ones that are not pinned
  std::deque<Request> requests_;
  std::deque<Event> events_;
  std::optional<TimePoint> requests_full_at_;  // when the budget of questions is whole again
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_NEIGHBOUR_CACHE_H_
