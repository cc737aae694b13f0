#include "perf/path_rig.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/drop_reason.h"
#include "dataplane/header_template.h"
#include "dataplane/mbuf_bytes.h"

namespace noisegate::perf {
namespace {

using crypto::AeadMessage;
using dataplane::IpAddress;
using dataplane::MacAddress;
using dataplane::PortIndex;
using dataplane::Prefix;
using dataplane::Route;

constexpr PortIndex kOverlay = 0, kUnderlay = 1;
constexpr uint16_t kListenPort = 4242;
constexpr uint32_t kHosts = 250;                  // 10.0.0.2 and on, as many as there are sessions
constexpr uint32_t kOverlayNet = 0x0a000000;      // 10.0.0.0/24; the gateway is .1
constexpr uint32_t kPeerNets = 0x10000000;        // 16.0.0.0 and on: a /24 for each peer
constexpr uint32_t kPeerEndpoints = 0xc6120000;   // 198.18.0.0/15 (RFC 2544): one for each peer
constexpr uint32_t kLocalAddress = 0xc0000201;    // 192.0.2.1
constexpr uint32_t kRouterAddress = 0xc00002fe;   // 192.0.2.254
constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0x55}};
constexpr MacAddress kRouterMac{{0x02, 0, 0, 0, 0, 0x66}};
// Ethernet, IPv4, UDP and our header: where the inner packet stands in an underlay frame.
constexpr uint32_t kOuterSize =
    dataplane::kEthernetSize + dataplane::OuterIpOverhead(/*v6=*/false);

uint32_t PeersFor(uint32_t sessions) { return std::max<uint32_t>(sessions, 2); }

Prefix PrefixOf(uint32_t address, uint8_t length) { return {IpAddress::V4(address), length}; }

// Some key for each peer; both ways alike, as nothing here depends on them.
void WriteKey(uint32_t peer, std::span<uint8_t, crypto::kAeadKeySize> key) {
  for (size_t i = 0; i < key.size(); i += 4) {
    dataplane::StoreRaw(&key[i], (peer + 1) * static_cast<uint32_t>(2 * i + 1) * 0x9e3779b1u);
  }
}

dataplane::DataplaneOptions OptionsFor(uint32_t sessions, unsigned lcore) {
  static int rigs = 0;
  dataplane::DataplaneOptions options;
  options.name = absl::StrCat("path", ++rigs);
  options.worker_lcores = {lcore};
  options.ports.resize(2);
  for (const PortIndex p : {kOverlay, kUnderlay}) {
    dataplane::PortOptions& port = options.ports[p];
    port.name = p == kOverlay ? "overlay" : "underlay";
    port.side = p == kOverlay ? dataplane::Side::kOverlay : dataplane::Side::kUnderlay;
    port.kind = dataplane::DeviceKind::kRing;
    port.device = absl::StrCat(options.name, "-", port.name);
    port.rx_descriptors = PathRig::kFrames;
  }
  options.ports[kOverlay].addresses = {PrefixOf(kOverlayNet + 1, 24)};
  options.ports[kUnderlay].addresses = {PrefixOf(kLocalAddress, 24)};
  options.listen_port = kListenPort;
  options.max_peers = PeersFor(sessions);
  options.max_sessions = PeersFor(sessions);
  options.max_neighbours = 512;
  return options;
}

}  // namespace

std::string_view ToText(PathOp op) {
  switch (op) {
    case PathOp::kEncapsulate: return "encapsulate";
    case PathOp::kDecapsulate: return "decapsulate";
    case PathOp::kRelay: return "relay";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<PathRig>> PathRig::Create(uint32_t sessions, unsigned lcore) {
  std::unique_ptr<PathRig> rig(new PathRig(sessions, OptionsFor(sessions, lcore)));
  if (absl::Status status = rig->Build(); !status.ok()) return status;
  return rig;
}

PathRig::PathRig(uint32_t sessions, const dataplane::DataplaneOptions& options)
    : sessions_(sessions),
      hosts_(options.ports[kOverlay].device, 1),
      underlay_(options.ports[kUnderlay].device, 1),
      dataplane_(options),
      next_counter_(PeersFor(sessions), dataplane::kCounterFirstMessage) {}

absl::Status PathRig::Build() {
  if (!hosts_.ok() || !underlay_.ok()) return absl::ResourceExhaustedError("no memory for wires");
  if (absl::Status status = dataplane_.Build(); !status.ok()) return status;
  std::vector<dataplane::PrefixRoute> routes = {
      {PrefixOf(kOverlayNet, 24), {.kind = Route::Kind::kConnected, .port = kOverlay}}};
  for (uint32_t peer = 0; peer < PeersFor(sessions_); ++peer) {
    routes.push_back({PrefixOf(kPeerNets + (peer << 8), 24),
                      {.kind = Route::Kind::kPeer, .index = peer}});
  }
  const dataplane::RelayPermission anyone{dataplane::RelayPermission::kAnyPeer,
                                          dataplane::RelayPermission::kAnyPeer};
  auto forwarding = dataplane::Forwarding::Build(routes, std::span(&anyone, 1));
  if (!forwarding.ok()) return forwarding.status();
  dataplane_.SetForwarding(*std::move(forwarding));

  for (uint32_t host = 0; host < kHosts; ++host) {
    const auto index =
        dataplane_.AddNeighbour(kOverlay, IpAddress::V4(kOverlayNet + 2 + host));
    if (!index.ok()) return index.status();
    dataplane_.SetNeighbour(*index, kHostMac);
  }
  const auto router = dataplane_.AddNeighbour(kUnderlay, IpAddress::V4(kRouterAddress));
  if (!router.ok()) return router.status();
  next_hop_ = *router;
  dataplane_.SetNeighbour(next_hop_, kRouterMac);
  for (uint32_t peer = 0; peer < PeersFor(sessions_); ++peer) {
    if (absl::Status status = Publish(peer); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PathRig::Publish(uint32_t peer) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::hours(24);
  dataplane::SessionParams params;
  params.peer = peer;
  params.port = kUnderlay;
  params.local_address = IpAddress::V4(kLocalAddress);
  params.remote = {IpAddress::V4(kPeerEndpoints + peer), kListenPort};
  params.next_hop = next_hop_;
  params.role = dataplane::Role::kInitiator;
  WriteKey(peer, params.send_key.span());
  WriteKey(peer, params.receive_key.span());
  params.confirmed = true;
  params.send_until = params.receive_until = end;
  return dataplane_.Publish(params).status();
}

void PathRig::SetEngine(crypto::AeadEngine* engine) {
  // The worker owns an engine; this one only passes on to the caller's.
  class Borrowed final : public crypto::AeadEngine {
   public:
    explicit Borrowed(AeadEngine* engine) : engine_(engine) {}
    std::string_view name() const override { return engine_->name(); }
    std::string_view isa() const override { return engine_->isa(); }
    void Seal(std::span<AeadMessage> burst) override { engine_->Seal(burst); }
    void Open(std::span<AeadMessage> burst) override { engine_->Open(burst); }

   private:
    AeadEngine* const engine_;
  };
  worker().state().engine = std::make_unique<Borrowed>(engine);
}

uint32_t PathRig::AnyPeerBut(uint32_t peer) {
  const uint32_t peers = PeersFor(sessions_);
  const uint32_t other = peers == 2 ? 1 - peer : random_.Below(peers);
  return other != peer ? other : (peer + 1) % peers;
}

// An IPv4 packet with UDP in it.
void PathRig::WriteInner(PathOp op, uint32_t bytes, uint32_t from_peer, uint8_t* packet) {
  const uint32_t host = kOverlayNet + 2 + (sessions_ == 1 ? 0 : random_.Below(kHosts));
  const auto in_peers_net = [this](uint32_t peer) {
    return kPeerNets + (peer << 8) + 1 + random_.Below(254);
  };
  const uint32_t source = op == PathOp::kEncapsulate ? host : in_peers_net(from_peer);
  const uint32_t destination = op == PathOp::kEncapsulate   ? in_peers_net(AnySession())
                               : op == PathOp::kDecapsulate ? host
                                                            : in_peers_net(AnyPeerBut(from_peer));
  std::memset(packet, 0, bytes);
  packet[0] = 0x45;
  dataplane::StoreBe16(packet + 2, static_cast<uint16_t>(bytes));
  packet[8] = 64;
  packet[9] = dataplane::kProtocolUdp;
  dataplane::StoreBe32(packet + 12, source);
  dataplane::StoreBe32(packet + 16, destination);
  dataplane::StoreRaw(packet + 10, dataplane::FinishSum(
                                       dataplane::AddBytes(0, packet, dataplane::kIpv4Size)));
}

void PathRig::WriteOverlayFrame(uint32_t bytes, rte_mbuf* frame) {
  uint8_t* data = dataplane::BytesOf(frame);
  const MacAddress& gateway = PortOf(PathOp::kEncapsulate).mac();
  std::memcpy(data, gateway.bytes.data(), 6);
  std::memcpy(data + 6, kHostMac.bytes.data(), 6);
  dataplane::StoreBe16(data + 12, dataplane::kEtherTypeIpv4);
  WriteInner(PathOp::kEncapsulate, bytes, 0, data + dataplane::kEthernetSize);
  dataplane::SetData(frame, 0, dataplane::kEthernetSize + bytes);
}

// The key is made anew, so that the gateway finds its session as cold as it left it.
void PathRig::WriteMessage(PathOp op, uint32_t bytes, uint32_t peer, rte_mbuf* frame, Key* key,
                           AeadMessage* message) {
  uint8_t* text = dataplane::BytesOf(frame) + kOuterSize;
  WriteInner(op, bytes, peer, text);
  WriteKey(peer, *key);
  *message = {.key = key->data(),
              .counter = next_counter_[peer]++,
              .text = text,
              .text_size = bytes,
              .aad_size = dataplane::kHeaderSize,
              .ok = false,
              .aad = {}};
  dataplane::StoreBe32(message->aad.data(), static_cast<uint32_t>(message->counter));
}

void PathRig::WriteOuter(uint32_t peer, uint32_t counter, rte_mbuf* frame, uint32_t bytes) const {
  const dataplane::HeaderTemplate headers = dataplane::BuildHeaderTemplate(
      {.source_mac = kRouterMac,
       .destination_mac = PortOf(PathOp::kDecapsulate).mac(),
       .vlan = 0,
       .local_address = IpAddress::V4(kPeerEndpoints + peer),
       .local_port = kListenPort,
       .remote = {IpAddress::V4(kLocalAddress), kListenPort}});
  const uint32_t word =
      dataplane::EncodeHeader({dataplane::Direction::kResponderToInitiator, counter});
  dataplane::StampHeader(headers, dataplane::BytesOf(frame) + kOuterSize,
                         bytes + uint32_t{dataplane::kTagSize}, word, 0,
                         dataplane::UdpChecksum::kNone);
  dataplane::SetData(frame, 0, kOuterSize + bytes + uint32_t{dataplane::kTagSize});
}

bool PathRig::Receive(PathOp op, uint32_t bytes, std::span<rte_mbuf*> frames) {
  rte_mempool* pool = worker().state().pool;
  const auto n = static_cast<uint32_t>(frames.size());
  if (rte_pktmbuf_alloc_bulk(pool, frames.data(), n) != 0) return false;
  if (op == PathOp::kEncapsulate) {
    for (rte_mbuf* frame : frames) WriteOverlayFrame(bytes, frame);
    return true;
  }
  std::vector<AeadMessage> messages(n);
  std::vector<Key> keys(n);
  std::vector<uint32_t> peers(n);
  for (uint32_t i = 0; i < n; ++i) {
    peers[i] = AnySession();
    WriteMessage(op, bytes, peers[i], frames[i], &keys[i], &messages[i]);
  }
  worker().state().engine->Seal(messages);
  for (uint32_t i = 0; i < n; ++i) {
    WriteOuter(peers[i], static_cast<uint32_t>(messages[i].counter), frames[i], bytes);
  }
  return true;
}

const dataplane::Port& PathRig::PortOf(PathOp op) const {
  return dataplane_.port_for_perf(op == PathOp::kEncapsulate ? kOverlay : kUnderlay);
}

absl::Status PathRig::TakeSent(PathOp op, uint32_t expected) {
  dataplane::RingEnd& out = op == PathOp::kDecapsulate ? hosts_ : underlay_;
  std::array<rte_mbuf*, kFrames> frames;
  uint32_t taken = 0;
  while (const uint32_t n = out.ReceiveBurst(frames, 0)) {
    rte_pktmbuf_free_bulk(frames.data(), n);
    taken += n;
  }
  if (taken == expected) return absl::OkStatus();
  std::string reasons;
  const dataplane::WorkerCounters counters = dataplane_.ReadWorkers().front();
  for (size_t i = 0; i < dataplane::kNumDropReasons; ++i) {
    if (counters.drops[i] == 0) continue;
    const auto reason = dataplane::DropReasonName(static_cast<dataplane::DropReason>(i));
    absl::StrAppend(&reasons, " ", std::string(reason), " ", counters.drops[i]);
  }
  return absl::InternalError(absl::StrCat(std::string(ToText(op)), ": ", taken, " of ", expected,
                                          " frames came out; dropped:", reasons));
}

}  // namespace noisegate::perf
