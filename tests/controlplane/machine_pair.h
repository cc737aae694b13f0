// Two machines, a and b, on a simulated network without faults, and all that they send.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_MACHINE_PAIR_H_
#define NOISEGATE_TESTS_CONTROLPLANE_MACHINE_PAIR_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "dataplane/header.h"
#include "tests/sim/gateway_node.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::controlplane {

struct MachinePair {
  struct Sent {
    TimePoint at;
    sim::Endpoint from, to;
    uint32_t header;
    std::vector<uint8_t> bytes;
  };

  explicit MachinePair(sim::GatewayNode::Options options = {}, sim::Faults faults = {})
      : network(1, faults),
        a(&network, 1, 1, 11, options),
        b(&network, 2, 2, 12, options) {
    network.set_tap([this](const sim::Endpoint& from, const sim::Endpoint& to,
                           std::span<const uint8_t> datagram) {
      sent.push_back({network.now(), from, to, dataplane::LoadBe32(datagram.data()),
                      {datagram.begin(), datagram.end()}});
      return on_send && on_send(sent.back());
    });
  }

  // From now on loses what begins with this header, of one sender or of all.
  void Lose(uint32_t header, std::optional<sim::Endpoint> from = std::nullopt) {
    on_send = [header, from](const Sent& datagram) {
      return datagram.header == header && (!from || datagram.from == *from);
    };
  }
  void LoseOnce(uint32_t header) {
    on_send = [header, left = 1](const Sent& datagram) mutable {
      return datagram.header == header && left-- > 0;
    };
  }

  bool BothUp() { return a.IsUp(b.endpoint()) && b.IsUp(a.endpoint()); }
  // a dials.
  void BringUp() {
    a.Dial(b);
    ASSERT_TRUE(network.RunUntilTrue(std::chrono::seconds(30), [this] { return BothUp(); }));
  }

  void TellBothWays(Duration period) {
    a.TellEvery(b.endpoint(), period);
    b.TellEvery(a.endpoint(), period);
  }
  void StopTelling() {
    TellBothWays(Duration::zero());
    network.RunFor(std::chrono::seconds(1));
  }
  // Messages that the network let through and that did not arrive exactly once.
  uint64_t Lost() const {
    uint64_t lost = 0;
    for (const uint64_t number : a.survived()) lost += b.received().count(number) != 1;
    for (const uint64_t number : b.survived()) lost += a.received().count(number) != 1;
    return lost;
  }

  std::vector<uint32_t> Headers() const {
    std::vector<uint32_t> headers;
    for (const Sent& datagram : sent) headers.push_back(datagram.header);
    return headers;
  }

  std::vector<Sent> sent;
  std::function<bool(const Sent&)> on_send;  // true loses it
  sim::VirtualNetwork network;
  sim::GatewayNode a, b;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_TESTS_CONTROLPLANE_MACHINE_PAIR_H_
