#include "tests/dataplane/gateway_rig.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"

namespace noisegate::dataplane {
namespace {

using naive::Put;
using naive::Put16;
using naive::Put32;

constexpr auto kPatience = std::chrono::seconds(30);  // machines that build are slow

Bytes Nonce(uint32_t counter) {
  Bytes nonce(12, 0);
  for (int i = 0; i < 4; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> 8 * i);
  return nonce;
}

Bytes BigEndian(uint32_t v) {
  Bytes out;
  Put32(&out, v);
  return out;
}

PrefixRoute To(const std::string& prefix, Route route) {
  return {Prefix::Parse(prefix).value(), route};
}

std::unique_ptr<const Forwarding> TestForwarding(const std::vector<RelayPermission>& relay) {
  std::vector<PrefixRoute> routes = {
      To("10.0.0.0/24", {.kind = Route::Kind::kConnected, .port = GatewayRig::kOverlay}),
      To("fd00:a::/32", {.kind = Route::Kind::kConnected, .port = GatewayRig::kOverlay}),
      To("10.0.0.1/32", {.kind = Route::Kind::kLocal}),
      To("fd00:a::1/128", {.kind = Route::Kind::kLocal}),
      To("10.9.0.0/16",
         {.kind = Route::Kind::kVia, .port = GatewayRig::kOverlay, .next_hop = Ip("10.0.0.9")}),
  };
  for (uint32_t peer = 1; peer <= 4; ++peer) {
    const Route route{.kind = Route::Kind::kPeer, .index = peer};
    routes.push_back(To(absl::StrCat("10.", peer, ".0.0/16"), route));
    routes.push_back(To(absl::StrCat("fd00:b", peer, "::/32"), route));
  }
  return Forwarding::Build(routes, relay).value();
}

}  // namespace

const EalInfo& TestEal() {
  static const EalInfo* const eal = [] {
    EalOptions options;
    options.file_prefix = "noisegate-test";
    options.hugepages = false;
    options.memory_mib = 512;
    options.workers = 4;
    absl::StatusOr<const EalInfo*> started = StartEal(options);
    if (!started.ok()) {
      ADD_FAILURE() << started.status();
      abort();
    }
    return *started;
  }();
  return *eal;
}

IpAddress Ip(const std::string& text) { return IpAddress::Parse(text).value(); }

Bytes Address(const std::string& text) {
  const IpAddress address = Ip(text);
  return Bytes(address.bytes.begin() + (address.is_v4() ? 12 : 0), address.bytes.end());
}

MacAddress Mac(const Bytes& bytes) {
  MacAddress mac;
  std::copy_n(bytes.begin(), 6, mac.bytes.begin());
  return mac;
}

Bytes UdpPacket(const std::string& source, const std::string& destination, size_t size,
                const std::function<void(naive::Ip*)>& change) {
  naive::Ip ip;
  ip.source = Address(source);
  ip.destination = Address(destination);
  ip.identification = 77;
  change(&ip);
  Bytes payload(size);
  for (size_t i = 0; i < size; ++i) payload[i] = static_cast<uint8_t>(i * 7 + size);
  return naive::MakeIp(ip, naive::MakeUdp(ip, 1111, 2222, payload));
}

Bytes OneHopLess(Bytes packet) {
  if (packet[0] >> 4 == 6) {
    --packet[7];
    return packet;
  }
  --packet[8];
  naive::Set16(&packet, 10, 0);
  naive::Set16(&packet, 10, naive::Checksum(Bytes(packet.begin(), packet.begin() + 20)));
  return packet;
}

Bytes FarEnd::SealWith(uint32_t counter, const Bytes& message) const {
  const uint32_t direction = our_role == Role::kInitiator ? 0x80000000 : 0;
  Bytes datagram = BigEndian(direction | counter);
  const Bytes aad = BigEndian(counter);
  Bytes sealed(message.size() + 16);
  unsigned long long size = 0;
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), &size, message.data(), message.size(),
                                            aad.data(), aad.size(), nullptr, Nonce(counter).data(),
                                            ReceiveKey().data());
  Put(&datagram, sealed);
  return datagram;
}

std::optional<Bytes> FarEnd::Open(const Bytes& datagram) const {
  if (datagram.size() < 20) return std::nullopt;
  const uint32_t word =
      uint32_t{datagram[0]} << 24 | datagram[1] << 16 | datagram[2] << 8 | datagram[3];
  const uint32_t direction = our_role == Role::kInitiator ? 0 : 1;
  if (word >> 31 != direction) return std::nullopt;
  const uint32_t counter = word & 0x7fffffff;
  const Bytes aad = BigEndian(counter);
  Bytes message(datagram.size() - 20);
  unsigned long long size = 0;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(message.data(), &size, nullptr, datagram.data() + 4,
                                                datagram.size() - 4, aad.data(), aad.size(),
                                                Nonce(counter).data(), SendKey().data()) != 0) {
    return std::nullopt;
  }
  return message;
}

GatewayRig::GatewayRig(const Options& options) : options_(options) {
  static int rigs = 0;
  const std::string wire = absl::StrCat("rig", ++rigs);
  const EalInfo& eal = TestEal();
  host_ = std::make_unique<RingEnd>(wire + "-overlay", options.wire_queues);
  far_ = std::make_unique<RingEnd>(wire + "-underlay", options.wire_queues);
  DataplaneOptions dp;
  dp.name = wire;
  dp.worker_lcores.assign(eal.worker_lcores.begin(), eal.worker_lcores.begin() + options.workers);
  dp.ports.resize(2);
  dp.ports[0].name = "overlay";
  dp.ports[0].side = Side::kOverlay;
  dp.ports[0].kind = DeviceKind::kRing;
  dp.ports[0].device = wire + "-overlay";
  dp.ports[0].addresses = {Prefix::Parse("10.0.0.1/24").value(),
                           Prefix::Parse("fd00:a::1/64").value()};
  dp.ports[0].mtu = options.overlay_mtu;
  dp.ports[1].name = "underlay";
  dp.ports[1].side = Side::kUnderlay;
  dp.ports[1].kind = DeviceKind::kRing;
  dp.ports[1].device = wire + "-underlay";
  dp.ports[1].addresses = {Prefix::Parse("192.0.2.1/24").value(),
                           Prefix::Parse("2001:db8::1/64").value()};
  dp.ports[1].vlan = options.vlan;
  dp.listen_port = kListenPort;
  dp.max_peers = 8;
  dp.max_sessions = options.max_sessions;
  dp.max_neighbours = 64;
  dp.mbufs = 8191;
  dp.clamp_mss = options.clamp_mss;
  options.change(&dp);
  absl::StatusOr<std::unique_ptr<Dataplane>> created = Dataplane::Create(dp);
  if (!created.ok()) {
    ADD_FAILURE() << created.status();
    abort();
  }
  dataplane_ = std::move(*created);
  dataplane_->SetForwarding(TestForwarding(options.relay));
  const NeighbourIndex host4 = dataplane_->AddNeighbour(kOverlay, Ip("10.0.0.5")).value();
  const NeighbourIndex host6 = dataplane_->AddNeighbour(kOverlay, Ip("fd00:a::5")).value();
  dataplane_->SetNeighbour(host4, Mac(host_mac));
  dataplane_->SetNeighbour(host6, Mac(host_mac));
  next_hop_ = dataplane_->AddNeighbour(kUnderlay, Ip("192.0.2.254")).value();
  next_hop_v6_ = dataplane_->AddNeighbour(kUnderlay, Ip("fe80::1")).value();
  dataplane_->SetNeighbour(next_hop_, Mac(router_mac));
  dataplane_->SetNeighbour(next_hop_v6_, Mac(router_mac));
  if (options.start) {
    EXPECT_TRUE(dataplane_->Start().ok());
  }
}

GatewayRig::~GatewayRig() { dataplane_->Stop(); }

SessionParams GatewayRig::Params(const FarEnd& far) const {
  const auto now = std::chrono::steady_clock::now();
  SessionParams params;
  params.peer = far.peer;
  params.worker = far.worker;
  params.port = kUnderlay;
  params.local_address = Ip(far.v6 ? "2001:db8::1" : "192.0.2.1");
  params.remote = {Ip(far.address), far.port};
  params.next_hop = far.v6 ? next_hop_v6_ : next_hop_;
  params.role = far.our_role;
  std::memcpy(params.send_key.data(), far.SendKey().data(), 32);
  std::memcpy(params.receive_key.data(), far.ReceiveKey().data(), 32);
  params.confirmed = far.our_role == Role::kInitiator;
  params.send_until = now + std::chrono::seconds(55);
  params.receive_until = now + std::chrono::seconds(60);
  return params;
}

SessionRef GatewayRig::Publish(const SessionParams& params) {
  const absl::StatusOr<SessionRef> session = dataplane_->Publish(params);
  EXPECT_TRUE(session.ok()) << session.status();
  return session.value_or(SessionRef{});
}

const Bytes GatewayRig::gateway_overlay_mac() const {
  const MacAddress mac = dataplane_->port_info(kOverlay).mac;
  return Bytes(mac.bytes.begin(), mac.bytes.end());
}

const Bytes GatewayRig::gateway_underlay_mac() const {
  const MacAddress mac = dataplane_->port_info(kUnderlay).mac;
  return Bytes(mac.bytes.begin(), mac.bytes.end());
}

void GatewayRig::HostSendsFrame(const Bytes& frame, uint16_t queue) {
  ASSERT_TRUE(host_->Transmit(frame, queue));
  ++sent_[kOverlay];
}

void GatewayRig::HostSendsMbuf(rte_mbuf* frame) {
  ASSERT_EQ(host_->TransmitBurst(std::span(&frame, 1), 0), 1);
  ++sent_[kOverlay];
}

void GatewayRig::FarSendsMbuf(rte_mbuf* frame) {
  ASSERT_EQ(far_->TransmitBurst(std::span(&frame, 1), 0), 1);
  ++sent_[kUnderlay];
}

Bytes GatewayRig::HostFrame(const Bytes& ip_packet) const {
  Bytes frame = gateway_overlay_mac();
  Put(&frame, host_mac);
  Put16(&frame, ip_packet.at(0) >> 4 == 4 ? 0x0800 : 0x86dd);
  Put(&frame, ip_packet);
  return frame;
}

void GatewayRig::HostSends(const Bytes& ip_packet, uint16_t queue) {
  HostSendsFrame(HostFrame(ip_packet), queue);
}

bool GatewayRig::Wait(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

std::optional<Bytes> GatewayRig::HostReceivesFrame() {
  Bytes frame;
  if (!Wait([&] { return host_->Receive(&frame); })) return std::nullopt;
  return frame;
}

std::optional<Bytes> GatewayRig::HostReceives() {
  const std::optional<Bytes> frame = HostReceivesFrame();
  if (!frame.has_value()) return std::nullopt;
  Bytes header = host_mac;
  Put(&header, gateway_overlay_mac());
  Put16(&header, frame->at(14) >> 4 == 4 ? 0x0800 : 0x86dd);
  EXPECT_EQ(Bytes(frame->begin(), frame->begin() + 14), header);
  return Bytes(frame->begin() + 14, frame->end());
}

Bytes GatewayRig::FarFrame(const FarEnd& far, const Bytes& datagram,
                           const std::function<void(naive::Ip*)>& change) {
  naive::Ip ip;
  ip.source = Address(far.address);
  ip.destination = Address(far.v6 ? "2001:db8::1" : "192.0.2.1");
  change(&ip);
  Bytes frame = gateway_underlay_mac();
  Put(&frame, router_mac);
  if (options_.vlan != 0) {
    Put16(&frame, 0x8100);
    Put16(&frame, options_.vlan);
  }
  Put16(&frame, far.v6 ? 0x86dd : 0x0800);
  Put(&frame, naive::MakeIp(ip, naive::MakeUdp(ip, far.port, kListenPort + far.worker, datagram)));
  return frame;
}

void GatewayRig::FarSendsFrame(const Bytes& frame, uint16_t queue) {
  ASSERT_TRUE(far_->Transmit(frame, queue));
  ++sent_[kUnderlay];
}

void GatewayRig::FarSends(const FarEnd& far, const Bytes& datagram, uint16_t queue) {
  FarSendsFrame(FarFrame(far, datagram), queue);
}

std::optional<Bytes> GatewayRig::FarReceivesFrame() {
  Bytes frame;
  if (!Wait([&] { return far_->Receive(&frame); })) return std::nullopt;
  return frame;
}

std::optional<Bytes> GatewayRig::FarReceives(const FarEnd& far) {
  const std::optional<Bytes> frame = FarReceivesFrame();
  if (!frame.has_value()) return std::nullopt;
  Bytes ethernet = router_mac;
  Put(&ethernet, gateway_underlay_mac());
  if (options_.vlan != 0) {
    Put16(&ethernet, 0x8100);
    Put16(&ethernet, options_.vlan);
  }
  Put16(&ethernet, far.v6 ? 0x86dd : 0x0800);
  EXPECT_EQ(Bytes(frame->begin(), frame->begin() + ethernet.size()), ethernet);
  const size_t headers = ethernet.size() + (far.v6 ? 40 : 20) + 8;
  return Bytes(frame->begin() + headers, frame->end());
}

uint64_t GatewayRig::DrainHost() {
  uint64_t n = 0;
  for (Bytes frame; host_->Receive(&frame);) ++n;
  return n;
}

uint64_t GatewayRig::DrainFar() {
  uint64_t n = 0;
  for (Bytes frame; far_->Receive(&frame);) ++n;
  return n;
}

void GatewayRig::TakeFromControlRings() {
  dataplane_->DrainPunts(SIZE_MAX, [this](const Punt& punt) {
    punts.push_back({punt, Bytes(punt.bytes.begin(), punt.bytes.end())});
  });
  dataplane_->DrainEvents(SIZE_MAX, [this](const SessionEvent& event) { events.push_back(event); });
}

void GatewayRig::Settle() {
  EXPECT_TRUE(Wait([this] {
    const std::vector<PortCounters> ports = dataplane_->ReadPorts();
    return ports[0].rx_packets == sent_[0] && ports[1].rx_packets == sent_[1];
  }));
  // A packet may be handed over once; so two turns of every worker, twice.
  for (int round = 0; round < 2; ++round) {
    const std::vector<WorkerCounters> before = dataplane_->ReadWorkers();
    EXPECT_TRUE(Wait([&] {
      const std::vector<WorkerCounters> now = dataplane_->ReadWorkers();
      for (size_t i = 0; i < now.size(); ++i) {
        if (now[i].loops < before[i].loops + 2) return false;
      }
      return true;
    }));
  }
  TakeFromControlRings();
}

size_t GatewayRig::PuntsOf(PuntKind kind) const {
  size_t n = 0;
  for (const CopiedPunt& punt : punts) n += punt.punt.kind == kind;
  return n;
}

WorkerCounters GatewayRig::Counters() const {
  WorkerCounters sum;
  for (const WorkerCounters& worker : dataplane_->ReadWorkers()) {
    sum.sealed += worker.sealed;
    sum.opened += worker.opened;
    sum.relayed += worker.relayed;
    sum.delivered += worker.delivered;
    sum.handed_over += worker.handed_over;
    sum.punted += worker.punted;
    sum.sleeps += worker.sleeps;
    for (size_t i = 0; i < kNumDropReasons; ++i) sum.drops[i] += worker.drops[i];
  }
  return sum;
}

uint64_t GatewayRig::AllDrops() const {
  uint64_t sum = 0;
  for (const uint64_t drops : Counters().drops) sum += drops;
  return sum;
}

}  // namespace noisegate::dataplane
