// What travels between the stages of the packet's walk: fixed lists, in memory that stays in the
// first level cache because every burst uses the same.
#ifndef NOISEGATE_DATAPLANE_BURST_H_
#define NOISEGATE_DATAPLANE_BURST_H_

#include <cassert>
#include <cstdint>

#include "dataplane/dataplane.h"
#include "dataplane/lookup_table.h"
#include "dataplane/packet.h"
#include "dataplane/session.h"

struct rte_mbuf;

namespace noisegate::dataplane {

inline constexpr uint32_t kBurst = 64;  // packets that are taken from a queue at a time

template <typename T, uint32_t kCapacity>
class List {
 public:
  void Add(const T& item) {
    assert(size_ < kCapacity);
    items_[size_++] = item;
  }
  // The place of one more item, which the caller fills in.
  T* Grow() {
    assert(size_ < kCapacity);
    return &items_[size_++];
  }
  void Clear() { size_ = 0; }
  uint32_t size() const { return size_; }
  uint32_t room() const { return kCapacity - size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  T& operator[](uint32_t i) { return items_[i]; }

 private:
  uint32_t size_ = 0;
  T items_[kCapacity];
};

// A transport message that came to one of our UDP ports. The mbuf's data is the datagram.
struct alignas(kCacheLine) Datagram {
  TableKey key;  // of its session
  rte_mbuf* mbuf;
  uint8_t* bytes;    // from the 4-byte header on
  Session* session;  // the current one under `key`; null where there is none
  uint32_t size;     // bytes, header and tag included; ≥ kOverhead
  uint32_t counter;
  uint16_t outer_ip_back;  // bytes from the outer IP header to `bytes`
  PortIndex port;          // it came from
  uint8_t ecn;             // of the outer header
};
static_assert(sizeof(Datagram) == kCacheLine);

// How a packet came to this worker.
enum class Arrival : uint8_t {
  kDevice,      // from a queue of ours, or opened here
  kHandedOver,  // from another worker: do not give it away again
  kReinjected,  // from the control thread, where it may have waited: its note says how long it may yet
};

// An inner IP packet. The mbuf's data is the packet and nothing else, in one segment.
struct Packet {
  rte_mbuf* mbuf;
  IpPacket ip;
  PeerIndex from;         // who sent it, or kNoPeer: a host on the overlay, or the gateway itself
  PortIndex port;         // overlay port it came from; kNoPort where none
  uint8_t ethernet_size;  // bytes of its Ethernet header, still in front of the data; 0 where none
  Arrival arrival;
  const Route* route;     // of its destination, once routed
};
inline constexpr PortIndex kNoPort = UINT16_MAX;

// A message that has its session and counter: what is left is to seal and send it.
struct Message {
  rte_mbuf* mbuf;  // data: the message
  Session* session;
  uint32_t counter;
  uint8_t ecn;  // for the outer header
  MacAddress next_hop;
};

struct Burst {
  List<Datagram, kBurst> datagrams;  // Classify → Decapsulate
  List<Packet, kBurst> packets;      // Classify, Decapsulate → Route
  List<Packet*, kBurst> to_hosts;    // Route → Deliver; of `packets`, as the next
  List<Packet*, kBurst> to_peers;    // Route → Encapsulate
  List<Message, kBurst> messages;    // Encapsulate → Seal
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_BURST_H_
