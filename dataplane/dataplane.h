// The data plane as the control thread sees it: ports, workers, tables, and the rings between.
//
//   auto dp = Dataplane::Create(options);           // devices configured, nothing runs
//   (*dp)->SetForwarding(std::move(tables));        // who may send what, and where it goes
//   (*dp)->Start();                                 // workers poll
//   auto session = (*dp)->Publish(params);          // from a finished handshake
//   for (;;) { (*dp)->DrainPunts(…); … (*dp)->Reclaim(); }
//   (*dp)->Stop();
//
// Every call here is for the control thread only, does not block on workers and is not on the packet
// path. Needs an initialised EAL (eal.h). Several data planes may live in one process (the demo has
// three); each has its own workers, ports and tables.
#ifndef NOISEGATE_DATAPLANE_DATAPLANE_H_
#define NOISEGATE_DATAPLANE_DATAPLANE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "dataplane/address.h"
#include "dataplane/drop_reason.h"
#include "dataplane/forwarding.h"
#include "dataplane/header.h"

namespace noisegate::dataplane {

using PortIndex = uint16_t;    // position in DataplaneOptions::ports
using WorkerIndex = uint16_t;  // 0 … workers-1; worker w owns local UDP port listen_port + w
using PeerIndex = uint32_t;    // a slot given by the control thread, 0 … max_peers-1
using SessionIndex = uint32_t; // a slot of the session pool
using NeighbourIndex = uint32_t;
using TimePoint = std::chrono::steady_clock::time_point;

enum class Side : uint8_t { kUnderlay, kOverlay };

// What a port sits on. The text after the kind is the DPDK device's own naming.
enum class DeviceKind : uint8_t {
  kPci, kAfXdp, kAfPacket, kTap, kMemif, kVirtioUser, kRing, kPcap, kNull
};

struct PortOptions {
  std::string name;  // as in the config; unique
  Side side = Side::kUnderlay;
  DeviceKind kind = DeviceKind::kNull;
  // kPci: "0000:03:00.0"; kAfXdp, kAfPacket, kTap: interface; kMemif, kVirtioUser: socket path;
  // kRing: a name, two ports with one ring name in a process are connected back to back;
  // kPcap: "rx.pcap,tx.pcap"; kNull: nothing.
  std::string device;
  // Further device arguments as DPDK takes them ("role=server,id=1"); empty for none.
  std::string device_args;
  std::vector<Prefix> addresses;  // the gateway's own on this port
  uint16_t mtu = 1500;            // bytes of IP packet, without Ethernet
  uint16_t vlan = 0;              // 802.1Q id that frames carry; 0 for none
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 1024;
};

struct DataplaneOptions {
  std::string name = "noisegate";    // prefix of the names of DPDK objects; unique in the process
  std::vector<unsigned> worker_lcores;  // one worker on each
  std::vector<PortOptions> ports;
  uint16_t listen_port = 4242;       // first of as many UDP ports as there are workers
  uint32_t max_peers = 1024;
  uint32_t max_sessions = 8192;      // in all, previous ones in their grace time included
  uint32_t max_neighbours = 4096;
  uint32_t mbufs = 16384;
  crypto::AeadEngineKind engine = crypto::AeadEngineKind::kAuto;
  bool clamp_mss = false;            // lower the MSS of inner TCP SYNs to what fits
  bool busy_poll = false;            // never sleep when idle
  std::chrono::microseconds max_idle_sleep{200};
  // Per second, over all workers: of strangers of an IPv4 /24 or IPv6 /48, and of an endpoint given to
  // SetKnownEndpoints.
  uint32_t inits_per_prefix = 20;
  uint32_t inits_per_endpoint = 200;
};

// What a finished handshake gives the data plane.
struct SessionParams {
  PeerIndex peer = 0;
  WorkerIndex worker = 0;      // the stripe: local port = listen_port + worker
  PortIndex port = 0;          // underlay port it is sent on
  IpAddress local_address;
  Endpoint remote;
  NeighbourIndex next_hop = 0; // whose MAC the frames carry
  Role role = Role::kInitiator;
  crypto::Secret<32> send_key;
  crypto::Secret<32> receive_key;
  // Initiator: true. Responder: false; the worker turns it on when the first message opens.
  bool confirmed = false;
  TimePoint send_until;        // created + 55 s
  TimePoint receive_until;     // created + 60 s
  uint16_t path_mtu = 1500;    // bytes of outer IP packet
};

// Names one published session; stale once it is retired.
struct SessionRef {
  SessionIndex index = 0;
  uint32_t generation = 0;
  bool operator==(const SessionRef&) const = default;
};

// One session's counters, as its worker last wrote them.
struct SessionCounters {
  uint64_t tx_packets = 0, tx_bytes = 0;  // bytes of inner packet
  uint64_t rx_packets = 0, rx_bytes = 0;
  uint32_t next_counter = kCounterFirstMessage;
  bool confirmed = false;
  TimePoint last_tx, last_rx;  // epoch where never; last_tx leaves empty messages out, last_rx not
  TimePoint last_data_rx;      // as last_rx, without empty messages
};

// A packet that a worker hands to the control thread. Frees itself.
enum class PuntKind : uint8_t {
  kControl,       // ARP, ND, ICMP or anything else addressed to the gateway itself; from Ethernet on
  kHandshake,     // datagram with counter 0 … 3 or the closing counter
  kNoSession,     // datagram that found no session (rate-limited): hint material
  kNeedSession,   // an inner packet whose peer has no session: IP from its first byte
  kNeedNeighbour, // an inner packet, not sealed, whose next hop on `port` has no known MAC
  kTooBig,        // an inner packet to answer with ICMP "too big" (rate-limited); `mtu` says what fits
  kTtlExpired,    // an inner packet to answer with ICMP "time exceeded" (rate-limited)
  kNoRoute,       // an inner packet to answer with ICMP "unreachable" (rate-limited)
  kLocal,         // an inner packet from `peer` to one of the gateway's own addresses: IP from its
                  // first byte
};

inline constexpr PeerIndex kNoPeer = UINT32_MAX;

struct Punt {
  PuntKind kind = PuntKind::kControl;
  WorkerIndex worker = 0;
  PortIndex port = 0;
  // kNeedSession: whom it goes to. kLocal: who sent it. kNeedNeighbour, kTooBig, kTtlExpired and
  // kNoRoute: who sent it, or kNoPeer for a packet from the overlay.
  PeerIndex peer = 0;
  PeerIndex from = 0;            // kNeedSession: who sent it (a relayed packet) or kNoPeer
  IpAddress next_hop;            // kNeedNeighbour
  uint16_t mtu = 0;              // kTooBig
  // kNeedSession, kNeedNeighbour: as it was given to Reinject(), for a packet that waited already;
  // the epoch for one that comes for the first time.
  TimePoint waits_until{};
  Endpoint source;               // kHandshake, kNoSession
  IpAddress local_address;       // kHandshake, kNoSession: the address it was sent to
  // kHandshake, kNoSession: the datagram from its 4-byte header on. Others: see PuntKind.
  std::span<const uint8_t> bytes;
};

// What a worker tells the control thread about a session, beside packets.
struct SessionEvent {
  enum class Kind : uint8_t {
    kConfirmed,     // responder: the first message opened, sending has moved here
    kCounterHigh,   // few counters left: renew now
  } kind;
  SessionRef session;
};

struct PortCounters {
  uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
  uint64_t rx_missed = 0, rx_errors = 0, tx_errors = 0;  // as the device says
};

struct WorkerCounters {
  unsigned lcore = 0;
  uint64_t sealed = 0, opened = 0, relayed = 0, delivered = 0, handed_over = 0, punted = 0;
  uint64_t loops = 0, busy_loops = 0, sleeps = 0;
  uint64_t busy_cycles = 0;  // TSC cycles in loops that found packets
  uint64_t drops[kNumDropReasons] = {};
};

struct PortInfo {
  std::string name, driver;
  Side side = Side::kUnderlay;
  MacAddress mac;
  uint16_t mtu = 0;
  bool link_up = false;
  uint16_t rx_queues = 0, tx_queues = 0;
  bool hardware_steering = false, hardware_checksum = false;
};

class Dataplane {
 public:
  // Configures devices and takes all memory. The message names the port at fault.
  static absl::StatusOr<std::unique_ptr<Dataplane>> Create(const DataplaneOptions& options);
  virtual ~Dataplane() = default;

  virtual absl::Status Start() = 0;
  virtual void Stop() = 0;  // idempotent; workers have left their loops when it returns

  // Makes a session receivable at once, and its peer's sending one as soon as it is confirmed; the
  // one before it stays receivable and sends until then. ResourceExhausted when the pool is full.
  virtual absl::StatusOr<SessionRef> Publish(const SessionParams& params) = 0;
  // Unpublishes; look-ups that start after this call miss it. Wiped and freed by a later Reclaim().
  virtual absl::Status Retire(SessionRef session) = 0;
  // Frees what no worker can hold any more. Call every turn of the control loop.
  virtual void Reclaim() = 0;
  virtual SessionCounters ReadSession(SessionRef session) const = 0;
  // While held, the session is not chosen for sending: packets that it would have carried come back as
  // kNeedSession. Receiving, and SendMessage(), go on. A session that is published is not held.
  virtual absl::Status HoldSending(SessionRef session, bool hold) = 0;
  // Seals one message of `bytes` (empty: a keep-alive) on exactly this session.
  virtual absl::Status SendMessage(SessionRef session, std::span<const uint8_t> bytes) = 0;

  // Replaces prefixes, static routes and relay permissions in one step.
  virtual void SetForwarding(std::unique_ptr<const Forwarding> forwarding) = 0;
  // Whose inits have a budget of their own.
  virtual absl::Status SetKnownEndpoints(std::span<const IpAddress> endpoints) = 0;

  // A next hop on a port, known or not yet. Stays until removed.
  virtual absl::StatusOr<NeighbourIndex> AddNeighbour(PortIndex port, const IpAddress& address) = 0;
  virtual void SetNeighbour(NeighbourIndex neighbour, std::optional<MacAddress> mac) = 0;
  virtual void RemoveNeighbour(NeighbourIndex neighbour) = 0;

  // Calls `handle` for at most `limit` punts; the Punt lives for that call. Returns how many.
  virtual size_t DrainPunts(size_t limit, const std::function<void(const Punt&)>& handle) = 0;
  virtual size_t DrainEvents(size_t limit, const std::function<void(const SessionEvent&)>& handle) = 0;

  // Sends a whole Ethernet frame (without VLAN tag: the port adds its own) on a port.
  virtual absl::Status TransmitFrame(PortIndex port, std::span<const uint8_t> frame) = 0;
  // Sends an IP packet the way a packet from the overlay would go (used for what had to wait).
  // `from` is the peer it came from, for relayed packets, or kNoPeer. Should it have to wait once more,
  // its Punt says `waits_until`, so that it does not begin a new life each time; the epoch for a packet
  // that has not waited.
  virtual absl::Status Reinject(std::span<const uint8_t> packet, PeerIndex from,
                                TimePoint waits_until) = 0;

  virtual void CountDrop(DropReason reason, uint64_t packets = 1) = 0;  // the control thread's own
  virtual std::vector<WorkerCounters> ReadWorkers() const = 0;
  virtual WorkerCounters ReadControlCounters() const = 0;
  virtual std::vector<PortCounters> ReadPorts() const = 0;
  virtual const PortInfo& port_info(PortIndex port) const = 0;
  // As crypto::AeadEngine's name() and isa().
  virtual std::string_view engine_name() const = 0;
  virtual std::string_view engine_isa() const = 0;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_DATAPLANE_H_
