// All sessions of a data plane: a fixed pool, and for each worker the two ways to find them.
//
//   receiving: (remote endpoint, direction) → the current session, which knows the previous one
//   sending:   peer → the newest session, and the one to use until that is confirmed
//
// The control thread is the only writer; it publishes a session to one worker, which is then the only
// one to use it. Retiring is WireGuard's: make dead, synchronize, free. Dead: no look-up finds it and
// `live` is 0. Synchronize: a grace period ends. Free: Reclaim() wipes the slot.
//
// Who may hold a Session*: a worker during one turn of its loop; `previous` of the session that
// replaced it; PeerSending; the list of its peer's sessions. Retire() ends the last three.
#ifndef NOISEGATE_DATAPLANE_SESSION_TABLE_H_
#define NOISEGATE_DATAPLANE_SESSION_TABLE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/dataplane.h"
#include "dataplane/grace_periods.h"
#include "dataplane/lookup_table.h"
#include "dataplane/port.h"
#include "dataplane/session.h"
#include "dataplane/tsc_clock.h"

namespace noisegate::dataplane {

class SessionTable {
 public:
  // At most so many workers: their sessions with a peer are one bit each.
  static constexpr uint16_t kMaxWorkers = 64;

  struct Options {
    std::string unique;       // prefix of the names of DPDK's objects
    uint16_t workers = 1;
    uint32_t max_sessions = 0;
    uint32_t max_peers = 0;
    uint16_t listen_port = 0;
  };
  // Takes all memory. `grace_periods` outlives the table.
  static absl::StatusOr<std::unique_ptr<SessionTable>> Create(const Options& options,
                                                              GracePeriods* grace_periods);
  ~SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // Control thread.

  // Makes the session findable. At most two share a key: a third retires the oldest.
  // ResourceExhausted when the pool is full, InvalidArgument for indexes out of range or addresses of
  // two families.
  absl::StatusOr<SessionRef> Publish(const SessionParams& params, const Port& port,
                                     const TscClock& clock);
  // Make dead; GracePeriods frees it. NotFound where `ref` is stale.
  absl::Status Retire(SessionRef ref);
  absl::Status HoldSending(SessionRef ref, bool hold);
  // A worker reported it: sending may move.
  void HandleConfirmed(SessionRef ref);
  // Null where `ref` is stale.
  const Session* Find(SessionRef ref) const;
  uint32_t in_use() const { return options_.max_sessions - static_cast<uint32_t>(free_.size()); }

  // Workers.

  const LookupTable& receiving(WorkerIndex worker) const { return *receiving_[worker]; }
  const PeerSending* sending(WorkerIndex worker) const { return sending_[worker]; }
  // Bit w: worker w has a session on which this peer can be sent to. worker: ro, control: wo.
  uint64_t WorkersOf(PeerIndex peer) const {
    return workers_of_[peer].load(std::memory_order_relaxed);
  }
  SessionRef RefOf(const Session& session) const {
    return {static_cast<SessionIndex>(&session - pool_),
            session.generation.load(std::memory_order_relaxed)};
  }
  // A live session of this worker, which may use it for the rest of its turn; null where `ref` is stale.
  Session* FindForWorker(SessionRef ref) const;

 private:
  SessionTable(const Options& options, GracePeriods* grace_periods);
  absl::Status Allocate();
  void FillIn(Session* session, const SessionParams& params, const Port& port,
              const TscClock& clock) const;
  absl::Status Link(Session* session);
  void Unlink(Session* session);
  void ChooseSending(WorkerIndex worker, PeerIndex peer);
  void Free(Session* session);
  Session*& FirstOfPeer(WorkerIndex worker, PeerIndex peer) {
    return of_peer_[size_t{worker} * options_.max_peers + peer];
  }

  const Options options_;
  GracePeriods* const grace_periods_;
  Session* pool_ = nullptr;
  std::vector<SessionIndex> free_;
  std::vector<std::unique_ptr<LookupTable>> receiving_;  // one for each worker
  std::vector<PeerSending*> sending_;                    // [worker][peer]
  std::unique_ptr<std::atomic<uint64_t>[]> workers_of_;  // [peer]
  std::vector<Session*> of_peer_;                        // [worker][peer]: list, newest first
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_SESSION_TABLE_H_
