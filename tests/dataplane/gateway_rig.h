// A gateway on ring wires, with a test at the other ends of them:
//
//   host 10.0.0.5, fd00:a::5 ── wire ── [overlay  gateway  underlay] ── wire ── far: every peer,
//   played
//                                                                                by libsodium
//   peer 1 owns 10.1.0.0/16 and fd00:b1::/32, peer 2 owns 10.2.0.0/16 and fd00:b2::/32, and so on.
//
// Frames and messages are made by naive_packets.h and libsodium, so nothing is checked against
// itself.
#ifndef NOISEGATE_TESTS_DATAPLANE_GATEWAY_RIG_H_
#define NOISEGATE_TESTS_DATAPLANE_GATEWAY_RIG_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/dataplane.h"
#include "dataplane/eal.h"
#include "dataplane/ring_wire.h"
#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {

using naive::Bytes;

// The EAL of the test process: no hugepages, four workers on whatever CPUs there are.
const EalInfo& TestEal();

Bytes Address(const std::string& text);  // 4 or 16 bytes
IpAddress Ip(const std::string& text);
MacAddress Mac(const Bytes& bytes);

// An IP packet with a UDP datagram of `size` bytes of recognisable payload in it.
Bytes UdpPacket(
    const std::string& source, const std::string& destination, size_t size = 40,
    const std::function<void(naive::Ip*)>& change = [](naive::Ip*) {});

// The packet after one more router.
Bytes OneHopLess(Bytes packet);

// The other end of a session, played by libsodium.
struct FarEnd {
  PeerIndex peer = 1;
  WorkerIndex worker = 0;
  Role our_role = Role::kInitiator;  // the gateway's
  std::string address = "198.51.100.2";
  uint16_t port = 5000;
  uint8_t seed = 1;  // of the keys
  uint32_t next_counter = 4;
  bool v6 = false;  // outside

  Bytes SendKey() const { return Bytes(32, seed); }  // the gateway's
  Bytes ReceiveKey() const { return Bytes(32, static_cast<uint8_t>(seed ^ 0x80)); }
  // The datagram with `message` that this end sends, under its next counter.
  Bytes Seal(const Bytes& message) { return SealWith(next_counter++, message); }
  Bytes SealWith(uint32_t counter, const Bytes& message) const;
  // The message in a datagram of the gateway's; nothing where it does not open.
  std::optional<Bytes> Open(const Bytes& datagram) const;
};

struct CopiedPunt {
  Punt punt;
  Bytes bytes;
};

class GatewayRig {
 public:
  struct Options {
    uint16_t workers = 1;
    uint16_t wire_queues = 1;
    uint16_t vlan = 0;
    uint16_t overlay_mtu = 1500;
    bool clamp_mss = false;
    bool start = true;
    uint32_t max_sessions = 64;
    std::vector<RelayPermission> relay = {};
    std::function<void(DataplaneOptions*)> change = [](DataplaneOptions*) {};
  };
  static constexpr PortIndex kOverlay = 0, kUnderlay = 1;
  static constexpr uint16_t kListenPort = 4242;

  GatewayRig() : GatewayRig(Options()) {}
  explicit GatewayRig(const Options& options);
  ~GatewayRig();

  Dataplane& dp() { return *dataplane_; }
  NeighbourIndex next_hop() const { return next_hop_; }

  SessionParams Params(const FarEnd& far) const;
  SessionRef Publish(const FarEnd& far) { return Publish(Params(far)); }
  SessionRef Publish(const SessionParams& params);

  // Host's side. The packet goes to the gateway's MAC.
  void HostSends(const Bytes& ip_packet, uint16_t queue = 0);
  void HostSendsFrame(const Bytes& frame, uint16_t queue = 0);
  void HostSendsMbuf(rte_mbuf* frame);
  Bytes HostFrame(const Bytes& ip_packet) const;
  rte_mempool* host_pool() const { return host_->pool(); }
  std::optional<Bytes> HostReceivesFrame();  // waits a while
  std::optional<Bytes> HostReceives();       // its IP packet; checks the Ethernet header

  // The underlay's side: UDP from the far end to the gateway.
  Bytes FarFrame(
      const FarEnd& far, const Bytes& datagram,
      const std::function<void(naive::Ip*)>& change = [](naive::Ip*) {});
  void FarSends(const FarEnd& far, const Bytes& datagram, uint16_t queue = 0);
  void FarSendsFrame(const Bytes& frame, uint16_t queue = 0);
  void FarSendsMbuf(rte_mbuf* frame);
  rte_mempool* far_pool() const { return far_->pool(); }
  std::optional<Bytes> FarReceivesFrame();
  // The datagram in the next frame; checks its headers.
  std::optional<Bytes> FarReceives(const FarEnd& far);

  // Throw away what came out; return how many frames.
  uint64_t DrainHost();
  uint64_t DrainFar();

  // False where it did not become so in a long while.
  bool Wait(const std::function<bool()>& done);
  // Waits until every frame sent so far has been dealt with, then takes punts and events.
  void Settle();
  std::vector<CopiedPunt> punts;
  std::vector<SessionEvent> events;
  size_t PuntsOf(PuntKind kind) const;

  WorkerCounters Counters() const;  // of all workers together
  uint64_t Drops(DropReason reason) const { return Counters().drops[static_cast<size_t>(reason)]; }
  uint64_t AllDrops() const;

  const Bytes gateway_overlay_mac() const;
  const Bytes gateway_underlay_mac() const;
  const Bytes host_mac = {0x02, 0, 0, 0, 0, 0x55};
  const Bytes router_mac = {0x02, 0, 0, 0, 0, 0x66};

 private:
  void TakeFromControlRings();

  const Options options_;
  std::unique_ptr<RingEnd> host_, far_;
  std::unique_ptr<Dataplane> dataplane_;
  NeighbourIndex next_hop_ = 0, next_hop_v6_ = 0;
  uint64_t sent_[2] = {};  // frames, by port
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_TESTS_DATAPLANE_GATEWAY_RIG_H_
