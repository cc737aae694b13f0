#include "controlplane/commands/demo_traffic.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "dataplane/bytes.h"
#include "dataplane/checksum.h"
#include "dataplane/packet.h"

namespace noisegate::commands {
namespace {

using dataplane::kEthernetSize;
using dataplane::kIpv4Size;
using dataplane::kIpv6Size;
using dataplane::kUdpSize;

constexpr uint32_t kBurst = 32;
constexpr uint16_t kUdpPort = 7007;  // the hosts' service
constexpr uint16_t kFlows = 64;   // source ports, so that several workers have something to do
constexpr uint64_t kMagic = 0x6e6f697365676174;  // "noisegat"
constexpr uint32_t kMarkSize = 16;               // magic and number, in front of the content
constexpr double kPatienceSeconds = 2;           // then a packet counts as lost

static_assert(DemoTraffic::kMinSize >= kIpv6Size + kUdpSize + kMarkSize);

void Add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

bool IsV4(uint64_t number) { return number % 2 == 0; }

// The content of packet `number`: a sequence that depends on every bit of it (Steele and others,
// "SplitMix", OOPSLA 2014).
void FillContent(uint64_t number, uint8_t* content, uint32_t size) {
  uint64_t state = number;
  for (uint32_t at = 0; at < size; at += 8) {
    uint64_t word = state += 0x9e3779b97f4a7c15;
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(content + at, &word, std::min<uint32_t>(8, size - at));
  }
}

void WriteIpv4(const dataplane::IpAddress& from, const dataplane::IpAddress& to, uint32_t size,
               uint8_t* ip) {
  std::memset(ip, 0, kIpv4Size);
  ip[0] = 0x45;
  dataplane::StoreBe16(ip + 2, static_cast<uint16_t>(size));
  dataplane::StoreBe16(ip + 6, 0x4000);  // don't fragment
  ip[8] = 64;
  ip[9] = dataplane::kProtocolUdp;
  dataplane::StoreBe32(ip + 12, from.v4());
  dataplane::StoreBe32(ip + 16, to.v4());
  dataplane::StoreRaw(ip + 10, dataplane::FinishSum(dataplane::AddBytes(0, ip, kIpv4Size)));
}

void WriteIpv6(const dataplane::IpAddress& from, const dataplane::IpAddress& to, uint32_t size,
               uint8_t* ip) {
  std::memset(ip, 0, 8);
  ip[0] = 0x60;
  dataplane::StoreBe16(ip + 4, static_cast<uint16_t>(size - kIpv6Size));
  ip[6] = dataplane::kProtocolUdp;
  ip[7] = 64;
  std::memcpy(ip + 8, from.bytes.data(), 16);
  std::memcpy(ip + 24, to.bytes.data(), 16);
}

uint64_t UdpSum(const uint8_t* ip, uint32_t ip_header, uint32_t udp_size) {
  const size_t address_size = ip_header == kIpv4Size ? 4 : 16;
  const uint8_t* addresses = ip + ip_header - 2 * address_size;
  const uint64_t sum = dataplane::PseudoHeaderSum(addresses, addresses + address_size, address_size,
                                                  dataplane::kProtocolUdp, udp_size);
  return dataplane::AddBytes(sum, ip + ip_header, udp_size);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoTraffic>> DemoTraffic::Create(const Options& options) {
  std::unique_ptr<DemoTraffic> traffic(new DemoTraffic(options));
  for (const auto& end : traffic->ends_) {
    if (!end->ok()) return absl::ResourceExhaustedError("the demo's hosts get no wire");
  }
  return traffic;
}

DemoTraffic::DemoTraffic(const Options& options)
    : options_(options), cycles_per_second_(rte_get_tsc_hz()), tokens_at_(rte_rdtsc()) {
  for (size_t host = 0; host < 2; ++host) {
    ends_[host] = std::make_unique<dataplane::RingEnd>(options.hosts[host].wire, options.queues);
  }
}

void DemoTraffic::Run() {
  while (!quit_.load(std::memory_order_relaxed)) {
    bool busy = Receive(0);
    busy |= Receive(1);
    const uint64_t now = rte_rdtsc();
    for (Direction& direction : directions_) Settle(direction, now);
    if (sending_.load(std::memory_order_relaxed)) {
      const uint32_t allowance = Allowance(now);
      busy |= Send(0, now, allowance / 2);
      busy |= Send(1, now, allowance - allowance / 2);
    }
    // The workers may have to share this CPU.
    if (!busy) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

bool DemoTraffic::Receive(size_t host) {
  bool busy = false;
  std::array<rte_mbuf*, kBurst> burst;
  for (uint16_t queue = 0; queue < ends_[host]->queues(); ++queue) {
    const uint32_t count = ends_[host]->ReceiveBurst(burst, queue);
    busy |= count > 0;
    for (uint32_t i = 0; i < count; ++i) {
      const auto* frame = rte_pktmbuf_mtod(burst[i], const uint8_t*);
      const uint32_t size = rte_pktmbuf_pkt_len(burst[i]);
      // Hosts' packets fit one segment, so more than one is damage as well.
      switch (burst[i]->nb_segs == 1 ? Judge(host, frame, size) : Verdict::kCorrupt) {
        case Verdict::kNotOurs:
          break;  // the gateway's own ARP and neighbour discovery
        case Verdict::kGood:
          Add(received_, 1);
          Add(bytes_, size - kEthernetSize);
          break;
        case Verdict::kDuplicate:
          Add(duplicate_, 1);
          break;
        case Verdict::kCorrupt:
          Add(corrupt_, 1);
          break;
      }
      rte_pktmbuf_free(burst[i]);
    }
  }
  return busy;
}

DemoTraffic::Verdict DemoTraffic::Judge(size_t host, const uint8_t* frame, uint32_t size) {
  dataplane::EthernetFrame ethernet;
  if (!dataplane::ParseEthernet(frame, size, &ethernet)) return Verdict::kCorrupt;
  if (ethernet.ether_type == dataplane::kEtherTypeArp) return Verdict::kNotOurs;
  dataplane::IpPacket ip;
  const uint8_t* packet = frame + ethernet.l3_offset;
  if (!dataplane::ParseIp(packet, size - ethernet.l3_offset, &ip)) return Verdict::kCorrupt;
  if (ip.protocol == dataplane::kProtocolIcmpv6) return Verdict::kNotOurs;
  const uint32_t udp_size = ip.size - ip.l4_offset;
  const uint8_t* udp = packet + ip.l4_offset;
  if (ip.protocol != dataplane::kProtocolUdp || udp_size < kUdpSize + kMarkSize ||
      !dataplane::HeaderChecksumOk(packet, ip) || dataplane::LoadBe16(udp + 4) != udp_size ||
      !dataplane::ChecksumOk(UdpSum(packet, ip.l4_offset, udp_size)) ||
      dataplane::LoadBe64(udp + kUdpSize) != kMagic) {
    return Verdict::kCorrupt;
  }
  const uint64_t number = dataplane::LoadBe64(udp + kUdpSize + 8);
  Direction& direction = directions_[1 - host];
  std::array<uint8_t, 2048> sent;
  // Build() takes no packet that it would not have made.
  if (number >= direction.next || ip.is_v4() != IsV4(number) || ip.size < kMinSize ||
      ip.l4_offset != (ip.is_v4() ? kIpv4Size : kIpv6Size) ||
      ip.size + kEthernetSize > sent.size()) {
    return Verdict::kCorrupt;
  }
  Build(1 - host, number, ip.size, sent.data());
  // All but the TTL, its checksum and the frame's header must be as it was.
  const uint8_t* sent_ip = sent.data() + kEthernetSize;
  const uint32_t addresses = ip.is_v4() ? 12 : 8;
  if (std::memcmp(packet + addresses, sent_ip + addresses, ip.size - addresses) != 0) {
    return Verdict::kCorrupt;
  }
  bool& arrived = direction.arrived[number % Direction::kWindow];
  if (number < direction.oldest || arrived) return Verdict::kDuplicate;
  arrived = true;
  return Verdict::kGood;
}

void DemoTraffic::Settle(Direction& direction, uint64_t now) {
  const auto patience =
      static_cast<uint64_t>(kPatienceSeconds * static_cast<double>(cycles_per_second_));
  for (; direction.oldest < direction.next; ++direction.oldest) {
    const size_t at = direction.oldest % Direction::kWindow;
    if (!direction.arrived[at]) {
      if (now - direction.sent_at[at] < patience) return;
      Add(lost_, 1);
    }
  }
}

uint32_t DemoTraffic::Allowance(uint64_t now) {
  if (options_.packets_per_second == 0) return 2 * kBurst;
  const double seconds =
      static_cast<double>(now - tokens_at_) / static_cast<double>(cycles_per_second_);
  tokens_at_ = now;
  tokens_ = std::min(tokens_ + seconds * options_.packets_per_second, 4.0 * kBurst);
  const auto whole = std::min(static_cast<uint32_t>(tokens_), 2 * kBurst);
  tokens_ -= whole;
  return whole;
}

bool DemoTraffic::Send(size_t host, uint64_t now, uint32_t count) {
  Direction& direction = directions_[host];
  const uint64_t in_flight = direction.next - direction.oldest;
  count = std::min<uint32_t>(
      {count, kBurst,
       static_cast<uint32_t>(kMaxInFlight - std::min<uint64_t>(in_flight, kMaxInFlight))});
  if (count == 0) return false;
  std::array<rte_mbuf*, kBurst> burst;
  if (rte_pktmbuf_alloc_bulk(ends_[host]->pool(), burst.data(), count) != 0) return false;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t number = direction.next + i;
    const uint32_t size = NextSize();
    auto* frame = reinterpret_cast<uint8_t*>(
        rte_pktmbuf_append(burst[i], static_cast<uint16_t>(kEthernetSize + size)));
    Build(host, number, size, frame);
    direction.arrived[number % Direction::kWindow] = false;
    direction.sent_at[number % Direction::kWindow] = now;
  }
  const auto queue = static_cast<uint16_t>((direction.next / kBurst) % ends_[host]->queues());
  const uint32_t taken = ends_[host]->TransmitBurst({burst.data(), count}, queue);
  for (uint32_t i = taken; i < count; ++i) rte_pktmbuf_free(burst[i]);
  direction.next += taken;
  Add(sent_, taken);
  return taken > 0;
}

uint32_t DemoTraffic::NextSize() {
  if (options_.size) return *options_.size;
  // Small, large, and anything between, a third each.
  switch (random_() % 3) {
    case 0:
      return kMinSize;
    case 1:
      return options_.max_size;
    default:
      return kMinSize + static_cast<uint32_t>(random_()) % (options_.max_size - kMinSize);
  }
}

void DemoTraffic::Build(size_t host, uint64_t number, uint32_t size, uint8_t* frame) const {
  const Host& from = options_.hosts[host];
  const Host& to = options_.hosts[1 - host];
  const bool v4 = IsV4(number);
  std::memcpy(frame, from.gateway_mac.bytes.data(), 6);
  std::memcpy(frame + 6, from.mac.bytes.data(), 6);
  dataplane::StoreBe16(frame + 12, v4 ? dataplane::kEtherTypeIpv4 : dataplane::kEtherTypeIpv6);
  uint8_t* ip = frame + kEthernetSize;
  const uint32_t ip_header = v4 ? kIpv4Size : kIpv6Size;
  if (v4) {
    WriteIpv4(from.v4, to.v4, size, ip);
  } else {
    WriteIpv6(from.v6, to.v6, size, ip);
  }
  uint8_t* udp = ip + ip_header;
  const uint32_t udp_size = size - ip_header;
  dataplane::StoreBe16(udp, static_cast<uint16_t>(40000 + number / 2 % kFlows));
  dataplane::StoreBe16(udp + 2, kUdpPort);
  dataplane::StoreBe16(udp + 4, static_cast<uint16_t>(udp_size));
  dataplane::StoreBe16(udp + 6, 0);
  dataplane::StoreBe64(udp + kUdpSize, kMagic);
  dataplane::StoreBe64(udp + kUdpSize + 8, number);
  FillContent(number, udp + kUdpSize + kMarkSize, udp_size - kUdpSize - kMarkSize);
  dataplane::StoreRaw(udp + 6, dataplane::FinishUdpSum(UdpSum(ip, ip_header, udp_size)));
}

DemoTraffic::Totals DemoTraffic::totals() const {
  Totals totals;
  totals.received = received_.load(std::memory_order_relaxed);
  totals.lost = lost_.load(std::memory_order_relaxed);
  totals.sent = sent_.load(std::memory_order_relaxed);
  totals.bytes = bytes_.load(std::memory_order_relaxed);
  totals.corrupt = corrupt_.load(std::memory_order_relaxed);
  totals.duplicate = duplicate_.load(std::memory_order_relaxed);
  return totals;
}

}  // namespace noisegate::commands
