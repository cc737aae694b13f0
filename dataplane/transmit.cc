// Transmit and HandOver: frames to devices, packets to other workers, both in bursts. And the sink.
//
// Exits:
//   the device's queue, or the ring of the worker that owns one
//   Drop: kTxFull, kQueueFull

#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/stages.h"

namespace noisegate::dataplane {
namespace {

// A device that takes nothing may do so a moment later, but a worker must not wait for it.
constexpr int kTransmitTries = 4;

void FlushWorker(WorkerState& w, WorkerIndex to) {
  FrameList& packets = w.hand_over[to];
  const uint32_t n = packets.size();
  uint32_t given = rte_ring_enqueue_burst(w.to_workers[to],
                                          reinterpret_cast<void**>(packets.begin()), n, nullptr);
  GiveUp(w, given);
  w.stats.handed_over.Add(given);
  for (; given < n; ++given) Drop(w, packets[given], DropReason::kQueueFull);
  packets.Clear();
}

}  // namespace

void FlushPort(WorkerState& w, PortIndex index) {
  FrameList& frames = w.transmit[index];
  const uint32_t n = frames.size();
  uint32_t sent = 0;
  for (int tries = 0; sent < n && tries < kTransmitTries; ++tries) {
    sent += rte_eth_tx_burst(w.ports[index]->device_id(), w.index, frames.begin() + sent,
                             static_cast<uint16_t>(n - sent));
  }
  GiveUp(w, sent);
  for (; sent < n; ++sent) Drop(w, frames[sent], DropReason::kTxFull);
  frames.Clear();
}

void TransmitElsewhere(WorkerState& w, const Port& port, rte_mbuf* frame) {
  PacketNote& note = NoteOf(frame);
  note.kind = PacketNote::Kind::kTransmit;
  note.port = port.index();
  HandOver(w, port.TransmitWorker(w.index), frame);
}

void FlushTransmit(WorkerState& w) {
  for (PortIndex p = 0; p < w.transmit.size(); ++p) {
    if (!w.transmit[p].empty()) FlushPort(w, p);
  }
}

void HandOver(WorkerState& w, WorkerIndex to, rte_mbuf* mbuf) {
  FrameList& packets = w.hand_over[to];
  packets.Add(mbuf);
  if (packets.room() == 0) FlushWorker(w, to);
}

void FlushHandOver(WorkerState& w) {
  for (WorkerIndex to = 0; to < w.workers; ++to) {
    if (!w.hand_over[to].empty()) FlushWorker(w, to);
  }
}

void Drop(WorkerState& w, rte_mbuf* mbuf, DropReason reason) {
  GiveUp(w, 1);
  w.stats.Drop(reason, 1);
  rte_pktmbuf_free(mbuf);
}

void Replace(WorkerState& w, rte_mbuf* mbuf) {
  GiveUp(w, 1);
  rte_pktmbuf_free(mbuf);
}

}  // namespace noisegate::dataplane
