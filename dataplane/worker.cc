#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <sys/prctl.h>
#include <time.h>

#include <cassert>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {

// The engine. Each turn:
void Worker::Run() {
  WorkerState& w = *state_;
  prctl(PR_SET_TIMERSLACK, 1);  // or a sleep of 5 µs lasts 60
  rte_rcu_qsbr_thread_register(w.readers, w.index);
  rte_rcu_qsbr_thread_online(w.readers, w.index);
  while (!stopping_.load(std::memory_order_relaxed)) {
    // 1. Look at the clock and at the tables as they are now.
    BeginTurn();
    // 2. Walk what the devices have.
    uint32_t packets = 0;
    for (const ReceiveQueue& queue : w.receive_queues) packets += ReceiveFromDevice(queue);
    // 3. Walk what other workers and the control thread have for us.
    for (rte_ring* ring : w.incoming) packets += ReceiveFromRing(ring);
    // 4. Send what the walks left.
    FlushTransmit(w);
    FlushHandOver(w);
    // 5. Let go of the tables, and rest if there was nothing.
    EndTurn(packets);
  }
  rte_rcu_qsbr_thread_offline(w.readers, w.index);
  rte_rcu_qsbr_thread_unregister(w.readers, w.index);
}

// The walk behind classification; see stages.h.
void Worker::Walk() {
  WorkerState& w = *state_;
  FindSessions(w);
  Decapsulate(w);
  RoutePackets(w);
  Deliver(w);
  Encapsulate(w);
  w.burst.packets.Clear();
}

uint32_t Worker::ReceiveFromDevice(const ReceiveQueue& queue) {
  rte_mbuf* frames[kBurst];
  const uint16_t n = rte_eth_rx_burst(queue.port->device_id(), queue.queue, frames, kBurst);
  if (n != 0) WalkFrames(*queue.port, frames, n);
  return n;
}

void Worker::WalkFrames(const Port& port, rte_mbuf** frames, uint16_t n) {
  WorkerState& w = *state_;
  Take(w, n);
  if (port.side() == Side::kUnderlay) {
    ClassifyUnderlay(w, port, frames, n);
  } else {
    ClassifyOverlay(w, port, frames, n);
  }
  Walk();
}

void Worker::RunOnce(const Port& port, rte_mbuf** frames, uint16_t n) {
  BeginTurn();
  WalkFrames(port, frames, n);
  FlushTransmit(*state_);
  FlushHandOver(*state_);
}

uint32_t Worker::ReceiveFromRing(rte_ring* ring) {
  void* items[kBurst];
  const uint32_t n = rte_ring_dequeue_burst(ring, items, kBurst, nullptr);
  if (n == 0) return 0;
  Take(*state_, n);
  for (uint32_t i = 0; i < n; ++i) TakeFromRing(static_cast<rte_mbuf*>(items[i]));
  Walk();
  return n;
}

// A packet enters the walk where its note says.
void Worker::TakeFromRing(rte_mbuf* mbuf) {
  WorkerState& w = *state_;
  const PacketNote& note = NoteOf(mbuf);
  switch (note.kind) {
    case PacketNote::Kind::kFrame:
      return ClassifyUnderlay(w, *w.ports[note.port], &mbuf, 1);
    case PacketNote::Kind::kPacket: {
      Packet packet{.mbuf = mbuf,
                    .ip = {},
                    .from = note.from,
                    .port = kNoPort,
                    .ethernet_size = 0,
                    .arrival = note.arrival,
                    .route = nullptr};
      if (!ParseIp(BytesOf(mbuf), mbuf->data_len, &packet.ip)) {
        return Drop(w, mbuf, DropReason::kMalformed);
      }
      return w.burst.packets.Add(packet);
    }
    case PacketNote::Kind::kTransmit:
      return Transmit(w, *w.ports[note.port], mbuf);
    case PacketNote::Kind::kMessage:
      return EncapsulateMessage(w, mbuf, note.session);
    case PacketNote::Kind::kPunt:
      break;  // only ever on its way to the control thread
  }
  assert(false);
  Drop(w, mbuf, DropReason::kUnsupported);
}

void Worker::BeginTurn() {
  WorkerState& w = *state_;
  w.now = rte_rdtsc();
  // Pair with the releases in dpdk_dataplane.cc; what they point at stays until this turn's end.
  w.forwarding = w.published->forwarding.load(std::memory_order_acquire);
  w.known_endpoints = w.published->known_endpoints.load(std::memory_order_acquire);
}

void Worker::EndTurn(uint32_t packets) {
  WorkerState& w = *state_;
#ifndef NDEBUG
  assert(w.held == 0);
#endif
  rte_rcu_qsbr_quiescent(w.readers, w.index);
  w.stats.loops.Add(1);
  if (packets != 0) {
    w.stats.busy_loops.Add(1);
    w.stats.busy_cycles.Add(rte_rdtsc() - w.now);
  }
  const uint64_t sleep_ns = backoff_.AfterTurn(w.now, packets);
  if (sleep_ns != 0) {
    Sleep(sleep_ns);
  } else if (packets == 0) {
    rte_pause();
  }
}

void Worker::Sleep(uint64_t nanoseconds) {
  WorkerState& w = *state_;
  w.stats.sleeps.Add(1);
  rte_rcu_qsbr_thread_offline(w.readers, w.index);
  const timespec duration = {.tv_sec = 0, .tv_nsec = static_cast<long>(nanoseconds)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
  rte_rcu_qsbr_thread_online(w.readers, w.index);
}

Worker::Worker(std::unique_ptr<WorkerState> state)
    : state_(std::move(state)),
      // Longer than a round trip through a kernel, so that a conversation keeps its worker awake.
      backoff_({.busy_poll = state_->busy_poll,
                .poll_ticks = state_->tsc_hz / 20'000,
                .max_sleep_ns = state_->max_idle_sleep_ns}) {}

}  // namespace noisegate::dataplane
