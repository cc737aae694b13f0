#include "tests/sim/virtual_network.h"

#include <cstring>
#include <utility>

namespace noisegate::sim {

void SeededRandom::Fill(std::span<uint8_t> out) {
  while (!out.empty()) {
    const uint64_t word = generator_();
    const size_t n = std::min(out.size(), sizeof word);
    std::memcpy(out.data(), &word, n);
    out = out.subspan(n);
  }
}

double SeededRandom::Unit() { return static_cast<double>(generator_() >> 11) * 0x1p-53; }

Duration SeededRandom::Between(Duration low, Duration high) {
  return low + Duration(static_cast<int64_t>(Below(static_cast<uint64_t>((high - low).count()) + 1)));
}

bool VirtualNetwork::Send(const Endpoint& from, const Endpoint& to,
                          std::span<const uint8_t> datagram) {
  if (tap_ && tap_(from, to, datagram)) return false;
  bool arrives = false;
  const int copies = random_.Chance(faults_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    Duration delay = random_.Between(faults_.min_delay, faults_.max_delay);
    if (random_.Chance(faults_.reorder)) delay += faults_.reorder_by;
    if (random_.Chance(faults_.loss)) continue;
    deliveries_.push({now_ + delay, sent_++, from, to, {datagram.begin(), datagram.end()}});
    arrives = true;
  }
  return arrives;
}

void VirtualNetwork::Inject(const Endpoint& from, const Endpoint& to,
                            std::span<const uint8_t> datagram) {
  deliveries_.push({now_, sent_++, from, to, {datagram.begin(), datagram.end()}});
}

bool VirtualNetwork::Step(TimePoint until) {
  Node* due = nullptr;
  TimePoint next = TimePoint::max();
  for (const auto& [endpoint, node] : nodes_) {
    const auto timeout = node->NextTimeout();
    if (timeout && *timeout < next) {
      next = *timeout;
      due = node;
    }
  }
  const bool deliver = !deliveries_.empty() && deliveries_.top().at <= next;
  if (deliver) next = deliveries_.top().at;
  if (next > until) return false;
  now_ = std::max(now_, next);
  if (!deliver) {
    due->HandleTimeout(now_);
    return true;
  }
  const Delivery delivery = deliveries_.top();
  deliveries_.pop();
  const auto to = nodes_.find(delivery.to);
  if (to != nodes_.end()) to->second->Receive(now_, delivery.from, delivery.datagram);
  return true;
}

void VirtualNetwork::RunUntil(TimePoint until) {
  while (Step(until)) {
  }
  now_ = std::max(now_, until);
}

bool VirtualNetwork::RunUntilTrue(Duration limit, const std::function<bool()>& done) {
  const TimePoint until = now_ + limit;
  while (!done()) {
    if (!Step(until)) return false;
  }
  return true;
}

}  // namespace noisegate::sim
