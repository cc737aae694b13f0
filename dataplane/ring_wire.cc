#include "dataplane/ring_wire.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "dataplane/packet_pool.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kRingEndBuffers = 8191;    // one less than a power of two suits a mempool best
constexpr uint32_t kRingEndFrameSize = 2048;  // bytes

void Drain(rte_ring* ring) {
  void* frame;
  while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
}

}  // namespace

class RingWire {
 public:
  explicit RingWire(uint16_t queues) {
    static std::atomic<uint32_t> last_ring{0};
    for (auto& direction : rings_) {
      for (uint16_t q = 0; q < queues; ++q) {
        const std::string name = absl::StrCat("ng_wire_", ++last_ring);
        rte_ring* ring = rte_ring_create(name.c_str(), kRingSlots, SOCKET_ID_ANY,
                                         RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (ring != nullptr) direction.push_back(ring);
      }
      complete_ = complete_ && direction.size() == queues;
    }
  }
  ~RingWire() {
    for (auto& direction : rings_) {
      for (rte_ring* ring : direction) {
        Drain(ring);
        rte_ring_free(ring);
      }
    }
  }

  bool complete() const { return complete_; }
  const std::vector<rte_ring*>& direction(int d) const { return rings_[d]; }

  bool taken[2] = {};  // under Registry::mutex

 private:
  std::vector<rte_ring*> rings_[2];  // [d]: transmitted by end d
  bool complete_ = true;
};

namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<RingWire>> wires;
};
Registry& TheRegistry() {
  static Registry* const registry = new Registry;
  return *registry;
}

}  // namespace

RingQueues TakeRingEnd(const std::string& name, uint16_t queues) {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  std::shared_ptr<RingWire> wire = registry.wires[name].lock();
  if (wire == nullptr) {
    wire = std::make_shared<RingWire>(std::clamp<uint16_t>(queues, 1, kMaxRingQueues));
    if (!wire->complete()) return {};
    registry.wires[name] = wire;
  }
  const int end = wire->taken[0] ? 1 : 0;
  if (wire->taken[end]) return {};
  wire->taken[end] = true;
  RingQueues result;
  result.transmit = wire->direction(end);
  result.receive = wire->direction(1 - end);
  RingWire* held = wire.get();
  result.wire = std::shared_ptr<RingWire>(held, [wire = std::move(wire), end](RingWire* w) mutable {
    const std::lock_guard release(TheRegistry().mutex);
    w->taken[end] = false;
    wire.reset();
    std::erase_if(TheRegistry().wires, [](const auto& entry) { return entry.second.expired(); });
  });
  return result;
}

void RecallTransmitted(const RingQueues& end) {
  for (rte_ring* ring : end.transmit) Drain(ring);
}

RingEnd::RingEnd(const std::string& name, uint16_t queues) : queues_(TakeRingEnd(name, queues)) {
  static std::atomic<uint32_t> last_pool{0};
  pool_ = MakePacketPool(absl::StrCat("ng_wire_end_", ++last_pool).c_str(), kRingEndBuffers,
                         kRingEndFrameSize);
}

RingEnd::~RingEnd() {
  RecallTransmitted(queues_);
  rte_mempool_free(pool_);
}

bool RingEnd::Transmit(std::span<const uint8_t> frame, uint16_t queue) {
  rte_mbuf* mbuf = CopyToPacket(pool_, frame);
  if (mbuf == nullptr) return false;
  if (rte_ring_enqueue(queues_.transmit[queue], mbuf) == 0) return true;
  rte_pktmbuf_free(mbuf);
  return false;
}

bool RingEnd::Receive(std::vector<uint8_t>* frame) {
  for (rte_ring* ring : queues_.receive) {
    void* item;
    if (rte_ring_dequeue(ring, &item) != 0) continue;
    rte_mbuf* mbuf = static_cast<rte_mbuf*>(item);
    frame->resize(rte_pktmbuf_pkt_len(mbuf));
    const void* bytes = rte_pktmbuf_read(mbuf, 0, rte_pktmbuf_pkt_len(mbuf), frame->data());
    if (bytes != frame->data()) {
      std::copy_n(static_cast<const uint8_t*>(bytes), frame->size(), frame->data());
    }
    rte_pktmbuf_free(mbuf);
    return true;
  }
  return false;
}

uint32_t RingEnd::ReceiveBurst(std::span<rte_mbuf*> frames, uint16_t queue) {
  return rte_ring_dequeue_burst(queues_.receive[queue], reinterpret_cast<void**>(frames.data()),
                                static_cast<unsigned>(frames.size()), nullptr);
}

uint32_t RingEnd::TransmitBurst(std::span<rte_mbuf* const> frames, uint16_t queue) {
  return rte_ring_enqueue_burst(queues_.transmit[queue],
                                reinterpret_cast<void* const*>(frames.data()),
                                static_cast<unsigned>(frames.size()), nullptr);
}

}  // namespace noisegate::dataplane
