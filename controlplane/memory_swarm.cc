#include "controlplane/memory_swarm.h"

#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {

using dataplane::Endpoint;

class MemorySwitch::Port final : public DatagramSwarm {
 public:
  Port(MemorySwitch* network, const Endpoint& local) : network_(network), local_(local) {
    const bool was_free = network_->ports_.emplace(local_, this).second;
    assert(was_free);
    static_cast<void>(was_free);
  }
  ~Port() override { network_->ports_.erase(local_); }

  absl::Status Tell(uint16_t stripe, const Endpoint& destination,
                    std::span<const uint8_t> datagram) override {
    if (stripe != 0) return absl::InvalidArgumentError("a memory swarm has one stripe");
    if (datagram.size() > network_->options_.mtu) {
      return absl::InvalidArgumentError(absl::StrCat("datagram of ", datagram.size(), " bytes; ",
                                                     network_->options_.mtu, " fit"));
    }
    network_->Send(local_, destination, datagram);
    return absl::OkStatus();
  }

  size_t Receive(size_t limit, const Receiver& receiver) override {
    size_t received = 0;
    for (; received < limit && !queue_.empty(); ++received) {
      // Taken out first: the receiver may send, also to this very port.
      const Datagram datagram = std::move(queue_.front());
      queue_.pop_front();
      receiver(datagram.source, 0, datagram.bytes);
    }
    return received;
  }

  size_t Mtu(const Endpoint&) const override { return network_->options_.mtu; }
  std::vector<Endpoint> LocalEndpoints() const override { return {local_}; }
  int event_fd() const override { return -1; }

  bool Push(const Endpoint& source, std::span<const uint8_t> datagram) {
    if (queue_.size() >= network_->options_.queue_datagrams) return false;
    queue_.push_back({source, {datagram.begin(), datagram.end()}});
    return true;
  }

 private:
  struct Datagram {
    Endpoint source;
    std::vector<uint8_t> bytes;
  };

  MemorySwitch* const network_;
  const Endpoint local_;
  std::deque<Datagram> queue_;
};

MemorySwitch::MemorySwitch() : MemorySwitch(Options()) {}

MemorySwitch::MemorySwitch(Options options) : options_(options), random_(options.seed) {}

std::unique_ptr<DatagramSwarm> MemorySwitch::Attach(const Endpoint& local) {
  return std::make_unique<Port>(this, local);
}

void MemorySwitch::Send(const Endpoint& source, const Endpoint& destination,
                        std::span<const uint8_t> datagram) {
  // Drawn for every datagram, so that what happens to one does not change the fate of the next.
  const bool unlucky = std::uniform_real_distribution<double>(0, 1)(random_) < options_.loss;
  const bool filtered = filter_ && !filter_(source, destination, datagram);
  const auto port = ports_.find(destination);
  if (unlucky || filtered || port == ports_.end() || !port->second->Push(source, datagram)) {
    ++lost_;
  }
}

}  // namespace noisegate::controlplane
