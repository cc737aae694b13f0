// A data plane that does nothing but remember: for tests of the control thread's parts without
// DPDK.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_FAKE_DATAPLANE_H_
#define NOISEGATE_TESTS_CONTROLPLANE_FAKE_DATAPLANE_H_

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/dataplane.h"

namespace noisegate::controlplane {

using Bytes = std::vector<uint8_t>;

class FakeDataplane : public dataplane::Dataplane {
 public:
  struct Session {
    dataplane::SessionParams params;
    dataplane::SessionCounters counters;
    bool held = false;
    std::vector<Bytes> messages;
  };
  struct Neighbour {
    dataplane::PortIndex port;
    dataplane::IpAddress address;
    std::optional<dataplane::MacAddress> mac;
  };
  struct QueuedPunt {
    dataplane::Punt punt;
    Bytes bytes;
  };

  explicit FakeDataplane(const dataplane::DataplaneOptions& options) : options(options) {
    for (size_t i = 0; i < options.ports.size(); ++i) {
      dataplane::PortInfo info;
      info.name = options.ports[i].name;
      info.driver = "fake";
      info.side = options.ports[i].side;
      info.mac = {{2, 0, 0, 0, 0, static_cast<uint8_t>(i + 1)}};
      info.mtu = options.ports[i].mtu;
      info.link_up = true;
      infos.push_back(info);
    }
  }

  // What a test gives.
  void Punt(dataplane::Punt punt, Bytes bytes) { punts.push_back({punt, std::move(bytes)}); }
  std::vector<std::pair<dataplane::PortIndex, Bytes>> TakeFrames() {
    return std::exchange(frames, {});
  }

  absl::Status Start() override {
    running = true;
    return absl::OkStatus();
  }
  void Stop() override { running = false; }
  absl::StatusOr<dataplane::SessionRef> Publish(const dataplane::SessionParams& params) override {
    if (sessions.size() >= options.max_sessions) return absl::ResourceExhaustedError("full");
    const dataplane::SessionRef ref{next_session++, 1};
    Session& session = sessions[ref.index];
    session.params.peer = params.peer;
    session.params.worker = params.worker;
    session.params.port = params.port;
    session.params.local_address = params.local_address;
    session.params.remote = params.remote;
    session.params.next_hop = params.next_hop;
    session.params.role = params.role;
    session.params.send_key = params.send_key.Clone();
    session.params.receive_key = params.receive_key.Clone();
    session.params.confirmed = params.confirmed;
    session.params.path_mtu = params.path_mtu;
    session.counters.confirmed = params.confirmed;
    return ref;
  }
  absl::Status Retire(dataplane::SessionRef session) override {
    return sessions.erase(session.index) == 1 ? absl::OkStatus() : absl::NotFoundError("retired");
  }
  void Reclaim() override {}
  dataplane::SessionCounters ReadSession(dataplane::SessionRef session) const override {
    return sessions.at(session.index).counters;
  }
  absl::Status HoldSending(dataplane::SessionRef session, bool hold) override {
    sessions.at(session.index).held = hold;
    return absl::OkStatus();
  }
  absl::Status SendMessage(dataplane::SessionRef session, std::span<const uint8_t> bytes) override {
    sessions.at(session.index).messages.emplace_back(bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  void SetForwarding(std::unique_ptr<const dataplane::Forwarding> next) override {
    forwarding = std::move(next);
    ++forwardings;
  }
  absl::Status SetKnownEndpoints(std::span<const dataplane::IpAddress> endpoints) override {
    known.assign(endpoints.begin(), endpoints.end());
    return absl::OkStatus();
  }
  absl::StatusOr<dataplane::NeighbourIndex> AddNeighbour(
      dataplane::PortIndex port, const dataplane::IpAddress& address) override {
    if (neighbours.size() >= options.max_neighbours) return absl::ResourceExhaustedError("full");
    neighbours[next_neighbour] = {port, address, std::nullopt};
    return next_neighbour++;
  }
  void SetNeighbour(dataplane::NeighbourIndex index,
                    std::optional<dataplane::MacAddress> mac) override {
    neighbours.at(index).mac = mac;
  }
  void RemoveNeighbour(dataplane::NeighbourIndex index) override { neighbours.erase(index); }
  size_t DrainPunts(size_t limit,
                    const std::function<void(const dataplane::Punt&)>& handle) override {
    size_t count = 0;
    for (; count < limit && !punts.empty(); ++count) {
      QueuedPunt next = std::move(punts.front());
      punts.pop_front();
      next.punt.bytes = next.bytes;
      handle(next.punt);
    }
    return count;
  }
  size_t DrainEvents(size_t limit,
                     const std::function<void(const dataplane::SessionEvent&)>& handle) override {
    size_t count = 0;
    for (; count < limit && !events.empty(); ++count) {
      const dataplane::SessionEvent event = events.front();
      events.pop_front();
      handle(event);
    }
    return count;
  }
  absl::Status TransmitFrame(dataplane::PortIndex port, std::span<const uint8_t> frame) override {
    frames.emplace_back(port, Bytes(frame.begin(), frame.end()));
    return absl::OkStatus();
  }
  absl::Status Reinject(std::span<const uint8_t> packet, dataplane::PeerIndex from,
                        dataplane::TimePoint waits_until) override {
    reinjected_until.push_back(waits_until);
    reinjected.emplace_back(from, Bytes(packet.begin(), packet.end()));
    return absl::OkStatus();
  }
  void CountDrop(dataplane::DropReason reason, uint64_t packets) override {
    control.drops[static_cast<size_t>(reason)] += packets;
  }
  std::vector<dataplane::WorkerCounters> ReadWorkers() const override {
    return std::vector<dataplane::WorkerCounters>(options.worker_lcores.size());
  }
  dataplane::WorkerCounters ReadControlCounters() const override { return control; }
  std::vector<dataplane::PortCounters> ReadPorts() const override {
    return std::vector<dataplane::PortCounters>(infos.size());
  }
  const dataplane::PortInfo& port_info(dataplane::PortIndex port) const override {
    return infos.at(port);
  }
  std::string_view engine_name() const override { return "fake"; }
  std::string_view engine_isa() const override { return "none"; }

  uint64_t drops(dataplane::DropReason reason) const {
    return control.drops[static_cast<size_t>(reason)];
  }

  const dataplane::DataplaneOptions options;
  std::vector<dataplane::PortInfo> infos;
  bool running = false;
  std::map<dataplane::SessionIndex, Session> sessions;
  std::map<dataplane::NeighbourIndex, Neighbour> neighbours;
  std::deque<QueuedPunt> punts;
  std::deque<dataplane::SessionEvent> events;
  std::vector<std::pair<dataplane::PortIndex, Bytes>> frames;
  std::vector<std::pair<dataplane::PeerIndex, Bytes>> reinjected;
  std::vector<dataplane::TimePoint> reinjected_until;
  std::unique_ptr<const dataplane::Forwarding> forwarding;
  int forwardings = 0;
  std::vector<dataplane::IpAddress> known;
  dataplane::WorkerCounters control;
  dataplane::SessionIndex next_session = 0;
  dataplane::NeighbourIndex next_neighbour = 0;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_TESTS_CONTROLPLANE_FAKE_DATAPLANE_H_
