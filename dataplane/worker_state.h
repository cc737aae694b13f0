// Everything that one worker owns or reads, in one place: what the stages (stages.h) work on.
//
// Only the worker's own thread touches it while it runs, but for `stats`, the rings' other ends, and the
// two published pointers.
#ifndef NOISEGATE_DATAPLANE_WORKER_STATE_H_
#define NOISEGATE_DATAPLANE_WORKER_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/aead.h"
#include "dataplane/burst.h"
#include "dataplane/dataplane.h"
#include "dataplane/forwarding.h"
#include "dataplane/init_limiter.h"
#include "dataplane/neighbour_table.h"
#include "dataplane/port.h"
#include "dataplane/punt_budget.h"
#include "dataplane/session_table.h"
#include "dataplane/stats.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace noisegate::dataplane {

// What the control thread publishes to all workers of a data plane. control: wo, release; worker: ro,
// acquire, once a turn. The old one lives until a grace period has ended.
struct Published {
  std::atomic<const Forwarding*> forwarding{nullptr};
  std::atomic<const KnownEndpoints*> known_endpoints{nullptr};
};

// A receive queue that this worker polls.
struct ReceiveQueue {
  const Port* port = nullptr;
  uint16_t queue = 0;
};

// Frames that wait for the end of the burst, for a device or for another worker.
using FrameList = List<rte_mbuf*, kBurst>;

struct alignas(kCacheLine) WorkerState {
  // This turn's: set at its beginning.
  uint64_t now = 0;                                  // TSC
  const Forwarding* forwarding = nullptr;            // never null
  const KnownEndpoints* known_endpoints = nullptr;   // never null

  // Fixed before the worker starts.
  WorkerIndex index = 0;
  uint16_t workers = 1;
  uint16_t listen_port = 0;                          // of worker 0
  bool clamp_mss = false;
  bool busy_poll = false;
  uint64_t max_idle_sleep_ns = 0;
  uint64_t tsc_hz = 0;
  const Published* published = nullptr;
  SessionTable* sessions = nullptr;                  // only its part for workers
  const LookupTable* receiving = nullptr;
  const PeerSending* sending = nullptr;              // [peer]
  uint32_t max_peers = 0;
  const NeighbourTable* neighbours = nullptr;
  std::vector<const Port*> ports;                    // [PortIndex]
  std::vector<ReceiveQueue> receive_queues;
  std::unique_ptr<crypto::AeadEngine> engine;
  rte_mempool* pool = nullptr;
  rte_rcu_qsbr* readers = nullptr;

  // Rings, each with one producer and one consumer.
  rte_ring* punts = nullptr;                         // to the control thread: mbufs
  rte_ring* events = nullptr;                        // to the control thread: EncodeEvent()
  std::vector<rte_ring*> incoming;                   // from the control thread and every other worker
  std::vector<rte_ring*> to_workers;                 // [worker]; null for ourselves

  // Written while it runs.
  Burst burst;
  std::vector<FrameList> transmit;                   // [PortIndex]
  std::vector<FrameList> hand_over;                  // [worker]
  std::unique_ptr<PuntBudget> budget;
  WorkerStats stats;

  // Packets received and not yet sent, dropped, punted or handed over. Zero after every burst: what a
  // stage loses or frees twice shows here. Not kept in release builds.
#ifndef NDEBUG
  int64_t held = 0;
#endif
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_WORKER_STATE_H_
