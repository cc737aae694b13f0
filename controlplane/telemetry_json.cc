#include "controlplane/telemetry_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace noisegate::controlplane {
namespace {

// Keys stay in the order in which they are written here, so that two outputs can be compared.
using Json = nlohmann::ordered_json;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ToJson(const Traffic& traffic) {
  return {{"rx_packets", traffic.rx_packets},
          {"rx_bytes", traffic.rx_bytes},
          {"tx_packets", traffic.tx_packets},
          {"tx_bytes", traffic.tx_bytes}};
}

Json ToJson(const OverviewSnapshot& overview) {
  return {{"version", overview.version},
          {"name", overview.name},
          {"peer_id", overview.peer_id},
          {"engine", overview.engine},
          {"engine_isa", overview.engine_isa},
          {"listen", overview.listen},
          {"uptime_seconds", overview.uptime_seconds},
          {"workers", overview.workers},
          {"ports", overview.ports},
          {"peers", overview.peers},
          {"peers_up", overview.peers_up},
          {"sessions", overview.sessions},
          {"handshakes_started", overview.handshakes_started},
          {"handshakes_as_initiator", overview.handshakes_initiator},
          {"handshakes_as_responder", overview.handshakes_responder},
          {"rollovers", overview.rollovers},
          {"opened", overview.opened},
          {"sealed", overview.sealed},
          {"relayed", overview.relayed},
          {"delivered", overview.delivered},
          {"opened_per_second", overview.opened_per_second},
          {"sealed_per_second", overview.sealed_per_second},
          {"waiting", overview.waiting},
          {"drops", overview.drops}};
}

Json ToJson(const PeerSnapshot& peer) {
  return {{"name", peer.name},
          {"id", peer.id},
          {"state", peer.state},
          {"endpoint", OrNull(peer.endpoint)},
          {"last_handshake_seconds", OrNull(peer.last_handshake_seconds)},
          {"handshake_rtt_seconds", OrNull(peer.handshake_rtt_seconds)},
          {"handshakes", peer.handshakes},
          {"sessions", peer.sessions},
          {"stripes", peer.stripes},
          {"original_implementation", peer.original},
          {"traffic", ToJson(peer.traffic)},
          {"last_failure", OrNull(peer.last_failure)},
          {"allowed_prefixes", peer.allowed_prefixes}};
}

Json ToJson(const SessionSnapshot& session) {
  return {{"id", session.id},
          {"peer", session.peer},
          {"local", session.local},
          {"remote", session.remote},
          {"stripe", session.stripe},
          {"role", session.initiator ? "initiator" : "responder"},
          {"confirmed", session.confirmed},
          {"age_seconds", session.age_seconds},
          {"remaining_seconds", session.remaining_seconds},
          {"next_counter", session.next_counter},
          {"traffic", ToJson(session.traffic)}};
}

Json ToJson(const PortSnapshot& port) {
  return {{"name", port.info.name},
          {"side", port.info.side == dataplane::Side::kUnderlay ? "underlay" : "overlay"},
          {"driver", port.info.driver},
          {"mac", port.info.mac.ToString()},
          {"mtu", port.info.mtu},
          {"link_up", port.info.link_up},
          {"addresses", port.addresses},
          {"rx_queues", port.info.rx_queues},
          {"tx_queues", port.info.tx_queues},
          {"hardware_steering", port.info.hardware_steering},
          {"hardware_checksum", port.info.hardware_checksum},
          {"rx_packets", port.counters.rx_packets},
          {"rx_bytes", port.counters.rx_bytes},
          {"tx_packets", port.counters.tx_packets},
          {"tx_bytes", port.counters.tx_bytes},
          {"rx_missed", port.counters.rx_missed},
          {"rx_errors", port.counters.rx_errors},
          {"tx_errors", port.counters.tx_errors}};
}

Json ToJson(const WorkerSnapshot& worker) {
  return {{"index", worker.index},
          {"lcore", worker.counters.lcore},
          {"udp_port", worker.udp_port},
          {"busy", worker.busy},
          {"sealed", worker.counters.sealed},
          {"opened", worker.counters.opened},
          {"relayed", worker.counters.relayed},
          {"delivered", worker.counters.delivered},
          {"handed_over", worker.counters.handed_over},
          {"punted", worker.counters.punted},
          {"loops", worker.counters.loops},
          {"busy_loops", worker.counters.busy_loops},
          {"sleeps", worker.counters.sleeps}};
}

Json ToJson(const DropSnapshot& drop) {
  const dataplane::DropReasonText& text =
      dataplane::kDropReasonTexts[static_cast<size_t>(drop.reason)];
  return {{"reason", text.name}, {"packets", drop.packets}, {"meaning", text.meaning}};
}

Json ToJson(const libp2p::RelayPeerSnapshot& peer) {
  return {{"peer", peer.peer},
          {"reservation_seconds", OrNull(peer.reservation_seconds)},
          {"circuits", peer.circuits},
          {"circuits_opened", peer.circuits_opened},
          {"sent_bytes", peer.sent_bytes},
          {"received_bytes", peer.received_bytes},
          {"circuit_seconds", peer.circuit_seconds},
          {"refused", peer.refused}};
}

Json ToJson(const libp2p::OutcomeSnapshot& outcome) {
  return {{"outcome", outcome.outcome}, {"count", outcome.count}, {"meaning", outcome.meaning}};
}

template <typename Row>
Json ToJson(const std::vector<Row>& rows) {
  Json array = Json::array();
  for (const Row& row : rows) array.push_back(ToJson(row));
  return array;
}

Json ToJson(const libp2p::ServiceSnapshot& s) {
  return {{"peer_id", s.peer_id.empty() ? Json(nullptr) : Json(s.peer_id)},
          {"listen", s.listen},
          {"connections", s.connections},
          {"half_open", s.half_open},
          {"queued_bytes", s.queued_bytes},
          {"memory_bytes", s.memory_bytes},
          {"max_memory_bytes", s.max_memory_bytes},
          {"accepted", s.accepted},
          {"secured", s.secured},
          {"refused", s.refused},
          {"idle_dropped", s.idle_dropped},
          {"memory_dropped", s.memory_dropped},
          {"negotiation_failed", s.negotiation_failed},
          {"handshake_failed", s.handshake_failed},
          {"muxer_failed", s.muxer_failed},
          {"relay", s.relay},
          {"reservations", s.reservations},
          {"max_reservations", s.max_reservations},
          {"circuits", s.circuits},
          {"max_circuits", s.max_circuits},
          {"relayed_bytes", s.relayed_bytes},
          {"outcomes", ToJson(s.outcomes)},
          {"peers", ToJson(s.peers)}};
}

}  // namespace

absl::StatusOr<std::string> SnapshotJson(const Snapshot& snapshot, std::string_view section) {
  Json content;
  if (section == "overview") {
    content = ToJson(snapshot.overview);
  } else if (section == "peers") {
    content = ToJson(snapshot.peers);
  } else if (section == "sessions") {
    content = ToJson(snapshot.sessions);
  } else if (section == "ports") {
    content = ToJson(snapshot.ports);
  } else if (section == "workers") {
    content = ToJson(snapshot.workers);
  } else if (section == "drops") {
    content = ToJson(snapshot.drops);
  } else if (section == "relay") {
    content = ToJson(snapshot.libp2p);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("there is no section ", std::string(section)));
  }
  Json document;
  document[std::string(section)] = std::move(content);
  // What a config names may be any bytes; they must not make the answer invalid.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace noisegate::controlplane
