// A wire made of rings: carries frames between two ports of one process, or between a port and a test
// or traffic generator, without any interface, root or hugepages.
//
// A port of DeviceKind::kRing takes one end of the wire that its `device` names. A second port of that
// name takes the other end, or RingEnd does:
//
//   RingEnd host("overlay-a", 1);              // before or after the port is opened
//   host.Transmit(frame);
//   while (host.Receive(&frame)) …
//
// Whoever takes the first end decides how many queues the wire has; the frames of one end's transmit
// queue q come out of the other end's receive queue q. Each queue of each end serves one thread at a
// time. Frames on the wire belong to the pool of whoever sent them, so stop all data planes that share
// wires before one of them is destroyed.
#ifndef NOISEGATE_DATAPLANE_RING_WIRE_H_
#define NOISEGATE_DATAPLANE_RING_WIRE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace noisegate::dataplane {

inline constexpr uint16_t kMaxRingQueues = 16;
inline constexpr uint32_t kRingSlots = 2048;  // frames for each queue and direction

class RingWire;

// What one end reads from and writes to, a ring for each queue. The wire stays while `wire` is held.
struct RingQueues {
  std::shared_ptr<RingWire> wire;
  std::vector<rte_ring*> receive;
  std::vector<rte_ring*> transmit;
};

// Takes a free end of the wire called `name`; where there is no such wire, makes one of `queues`
// (1 … kMaxRingQueues). The end is free again when the last copy of the result is dropped. No `wire`
// where both ends are taken or memory is short. Thread-safe; needs the EAL.
RingQueues TakeRingEnd(const std::string& name, uint16_t queues);

// Frees what this end sent and nobody took yet. For an end whose pool is about to go, once the other
// end's thread has stopped.
void RecallTransmitted(const RingQueues& end);

// An end for bytes instead of a port.
class RingEnd {
 public:
  RingEnd(const std::string& name, uint16_t queues);
  ~RingEnd();
  RingEnd(const RingEnd&) = delete;
  RingEnd& operator=(const RingEnd&) = delete;

  // False where the wire's ends are taken or memory is short; nothing else may be called then.
  bool ok() const { return queues_.wire != nullptr && pool_ != nullptr; }
  uint16_t queues() const { return static_cast<uint16_t>(queues_.receive.size()); }

  // Sends a copy. False where the queue is full or no buffer is left.
  bool Transmit(std::span<const uint8_t> frame, uint16_t queue = 0);
  // Takes the next frame of any queue; false where there is none.
  bool Receive(std::vector<uint8_t>* frame);

  // The same in bursts and without copies. Frames received are the caller's, those transmitted the
  // wire's; both return how many.
  uint32_t ReceiveBurst(std::span<rte_mbuf*> frames, uint16_t queue);
  uint32_t TransmitBurst(std::span<rte_mbuf* const> frames, uint16_t queue);
  rte_mempool* pool() const { return pool_; }  // for frames to transmit

 private:
  RingQueues queues_;
  rte_mempool* pool_ = nullptr;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_RING_WIRE_H_
