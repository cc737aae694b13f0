// The demo's two hosts: they send each other UDP packets over IPv4 and IPv6 through the gateways,
// and know of every packet whether it arrived, once, and as it was sent.
//
// A packet's content follows from its sequence number, so the receiver compares every byte. What is
// on its way is bounded: a host that gets no packets back sends none, so what is missing at the end
// was lost by a gateway, not by a ring that was too short for a machine that was too busy.
#ifndef NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_TRAFFIC_H_
#define NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_TRAFFIC_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/address.h"
#include "dataplane/ring_wire.h"

namespace noisegate::commands {

class DemoTraffic {
 public:
  struct Host {
    std::string wire;  // the ring that its gateway's overlay port is on
    dataplane::MacAddress mac, gateway_mac;
    dataplane::IpAddress v4, v6;
  };
  struct Options {
    std::array<Host, 2> hosts;
    uint16_t queues = 1;              // of the wires
    uint32_t packets_per_second = 0;  // both ways together; 0: as fast as they come back
    std::optional<uint32_t> size;     // bytes of IP packet, kMinSize … max_size; none: mixed
    uint32_t max_size = 1400;
  };
  struct Totals {
    uint64_t sent = 0, received = 0, bytes = 0, lost = 0, corrupt = 0, duplicate = 0;
    uint64_t in_flight() const { return sent - received - lost; }
  };

  static constexpr uint32_t kMinSize = 80;       // bytes: IPv6, UDP, and what identifies the packet
  static constexpr uint32_t kMaxInFlight = 256;  // packets each way

  // ResourceExhausted where a wire's end is taken or memory is short.
  static absl::StatusOr<std::unique_ptr<DemoTraffic>> Create(const Options& options);

  // The hosts' loop, on a thread of its own until Quit().
  void Run();
  // From any thread.
  void SetSending(bool sending) { sending_.store(sending, std::memory_order_relaxed); }
  void Quit() { quit_.store(true, std::memory_order_relaxed); }
  Totals totals() const;

 private:
  // Packets from one host to the other; number n is at n % kWindow.
  struct Direction {
    static constexpr uint64_t kWindow = 4096;
    uint64_t next = 0;    // to be sent
    uint64_t oldest = 0;  // all before it have arrived or been given up
    std::array<bool, kWindow> arrived{};
    std::array<uint64_t, kWindow> sent_at{};  // TSC cycles
  };
  enum class Verdict : uint8_t { kNotOurs, kGood, kDuplicate, kCorrupt };

  explicit DemoTraffic(const Options& options);
  bool Receive(size_t host);
  Verdict Judge(size_t host, const uint8_t* frame, uint32_t size);
  void Settle(Direction& direction, uint64_t now);
  bool Send(size_t host, uint64_t now, uint32_t count);
  uint32_t Allowance(uint64_t now);
  uint32_t NextSize();
  // Writes the frame of packet `number` from a host; `frame` has room for it.
  void Build(size_t host, uint64_t number, uint32_t size, uint8_t* frame) const;

  const Options options_;
  const uint64_t cycles_per_second_;
  std::array<std::unique_ptr<dataplane::RingEnd>, 2> ends_;
  std::array<Direction, 2> directions_;  // [sending host]
  std::mt19937 random_{1};
  double tokens_ = 0;
  uint64_t tokens_at_ = 0;

  std::atomic<bool> sending_{false}, quit_{false};
  // generator: wo, control thread: ro
  std::atomic<uint64_t> sent_{0}, received_{0}, bytes_{0}, lost_{0}, corrupt_{0}, duplicate_{0};
};

}  // namespace noisegate::commands

#endif  // NOISEGATE_CONTROLPLANE_COMMANDS_DEMO_TRAFFIC_H_
