// A worker: the thread that walks packets from its receive queues to wherever they go.
#ifndef NOISEGATE_DATAPLANE_WORKER_H_
#define NOISEGATE_DATAPLANE_WORKER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "dataplane/idle_backoff.h"
#include "dataplane/worker_state.h"

namespace noisegate::dataplane {

class Worker {
 public:
  // `state` is complete but for what is this turn's.
  explicit Worker(std::unique_ptr<WorkerState> state);

  // Polls until Stop(); runs on the worker's own lcore.
  void Run();
  // Of one turn, instead of Run(), the part between the devices: walks up to kBurst frames as `port`
  // received them, and sends what is left. For perf/, which is its own device.
  void RunOnce(const Port& port, rte_mbuf** frames, uint16_t n);
  // Any thread; Run() returns within a turn.
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }

  WorkerState& state() { return *state_; }
  const WorkerState& state() const { return *state_; }

 private:
  void BeginTurn();
  void EndTurn(uint32_t packets);
  uint32_t ReceiveFromDevice(const ReceiveQueue& queue);
  void WalkFrames(const Port& port, rte_mbuf** frames, uint16_t n);
  uint32_t ReceiveFromRing(rte_ring* ring);
  void TakeFromRing(rte_mbuf* mbuf);
  void Walk();
  void Sleep(uint64_t nanoseconds);

  const std::unique_ptr<WorkerState> state_;
  IdleBackoff backoff_;
  std::atomic<bool> stopping_{false};
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_WORKER_H_
