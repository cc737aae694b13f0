#include "perf/ndr_traffic.h"

#include <rte_mbuf.h>
#include <rte_pause.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/burst.h"
#include "dataplane/checksum.h"
#include "dataplane/mbuf_bytes.h"
#include "dataplane/packet.h"

namespace noisegate::perf {
namespace {

using dataplane::kBurst;

constexpr double kDrainSeconds = 0.05;
constexpr long kRestNanoseconds = 20'000;
constexpr uint32_t kPayload = dataplane::kEthernetSize + dataplane::kIpv4Size + dataplane::kUdpSize;
constexpr uint16_t kUdpPort = 9;  // discard

}  // namespace

NdrTraffic::NdrTraffic(const Options& options)
    : options_(options), from_(options.from_wire, 1), to_(options.to_wire, 1) {}

void NdrTraffic::Rest() const {
  if (options_.busy_poll) return rte_pause();
  const timespec duration = {.tv_sec = 0, .tv_nsec = kRestNanoseconds};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, nullptr);
}

// Sends packets next_ … next_ + count - 1; returns how many the wire took.
uint32_t NdrTraffic::Send(uint32_t count, const Load& load) {
  std::array<rte_mbuf*, kBurst> frames;
  if (rte_pktmbuf_alloc_bulk(from_.pool(), frames.data(), count) != 0) return 0;
  const uint64_t now = __rdtsc();
  for (uint32_t i = 0; i < count; ++i) {
    uint8_t* frame = dataplane::BytesOf(frames[i]);
    uint8_t* ip = frame + dataplane::kEthernetSize;
    std::memset(frame, 0, dataplane::kEthernetSize + load.bytes);
    std::memcpy(frame, options_.gateway_mac.bytes.data(), 6);
    frame[6] = 0x02;
    dataplane::StoreBe16(frame + 12, dataplane::kEtherTypeIpv4);
    ip[0] = 0x45;
    dataplane::StoreBe16(ip + 2, static_cast<uint16_t>(load.bytes));
    ip[8] = 64;
    ip[9] = dataplane::kProtocolUdp;
    dataplane::StoreBe32(ip + 12, options_.source.v4());
    dataplane::StoreBe32(ip + 16, options_.destination.v4());
    dataplane::StoreRaw(ip + 10, dataplane::FinishSum(
                                     dataplane::AddBytes(0, ip, dataplane::kIpv4Size)));
    dataplane::StoreBe16(ip + 20, kUdpPort);
    dataplane::StoreBe16(ip + 22, kUdpPort);
    dataplane::StoreBe16(ip + 24, static_cast<uint16_t>(load.bytes - dataplane::kIpv4Size));
    dataplane::StoreRaw(frame + kPayload, next_ + i);
    dataplane::StoreRaw(frame + kPayload + 8, now);
    dataplane::SetData(frames[i], 0, dataplane::kEthernetSize + load.bytes);
  }
  const uint32_t taken = from_.TransmitBurst(std::span(frames.data(), count), 0);
  rte_pktmbuf_free_bulk(frames.data() + taken, count - taken);
  return taken;
}

// Takes what has arrived; returns how many packets of this trial.
uint64_t NdrTraffic::Receive(uint64_t sample_every, Samples* latency) {
  std::array<rte_mbuf*, kBurst> frames;
  uint64_t received = 0;
  while (const uint32_t n = to_.ReceiveBurst(frames, 0)) {
    const uint64_t now = __rdtsc();
    for (uint32_t i = 0; i < n; ++i) {
      const uint8_t* frame = dataplane::BytesOf(frames[i]);
      if (frames[i]->data_len < kPayload + 16) continue;  // ARP and the like
      const uint64_t number = dataplane::LoadRaw<uint64_t>(frame + kPayload);
      if (number < first_) continue;  // too late for its own trial, where it is lost
      ++received;
      if ((number - first_) % sample_every != 0) continue;
      const uint64_t sent = dataplane::LoadRaw<uint64_t>(frame + kPayload + 8);
      latency->Add(static_cast<double>(now - sent) / options_.tsc_hz * 1e6);
    }
    rte_pktmbuf_free_bulk(frames.data(), n);
  }
  return received;
}

NdrTraffic::Result NdrTraffic::Run(const Load& load) {
  Result result;
  first_ = next_;
  const auto total = static_cast<uint64_t>(load.rate * load.seconds);
  const uint64_t sample_every = std::max<uint64_t>(1, total / kMostSamples);
  const uint64_t began = __rdtsc();
  const auto elapsed = [&] { return static_cast<double>(__rdtsc() - began) / options_.tsc_hz; };
  uint64_t received = 0;
  while (result.sent < total) {
    const auto due = std::min(total, static_cast<uint64_t>(elapsed() * load.rate) + 1);
    if (due == result.sent) Rest();
    while (result.sent < due) {
      const auto count = static_cast<uint32_t>(std::min<uint64_t>(due - result.sent, kBurst));
      Send(count, load);
      next_ += count;
      result.sent += count;
    }
    received += Receive(sample_every, &result.latency);
  }
  const double end = elapsed() + kDrainSeconds;
  while (received < result.sent && elapsed() < end) {
    received += Receive(sample_every, &result.latency);
    Rest();
  }
  result.lost = result.sent - received;
  return result;
}

}  // namespace noisegate::perf
