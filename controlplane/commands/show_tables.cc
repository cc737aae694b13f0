#include "controlplane/commands/show_tables.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "controlplane/commands/table.h"

namespace noisegate::commands {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& row, const char* key) {
  const Json& value = row.at(key);
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

double Number(const Json& row, const char* key) { return row.at(key).get<double>(); }

std::string Ago(const Json& row, const char* key) {
  return row.at(key).is_null() ? "never" : SecondsText(Number(row, key)) + " ago";
}

std::string YesNo(const Json& row, const char* key) {
  return row.at(key).get<bool>() ? "yes" : "no";
}

// "1.2 M / 3.4 GiB"
std::string PacketsAndBytes(const Json& row, const std::string& direction) {
  return CountText(Number(row, (direction + "_packets").c_str())) + " / " +
         BytesText(Number(row, (direction + "_bytes").c_str()));
}

std::string Joined(const Json& list) {
  std::string text;
  for (const Json& item : list) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

std::string Overview(const Json& o) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += std::string(name) + std::string(14 - name.size(), ' ') + value + "\n";
  };
  const auto count = [&](const char* key) { return CountText(Number(o, key)); };
  line("gateway", Text(o, "name") + ", noisegate " + Text(o, "version") + ", up " +
                      SecondsText(Number(o, "uptime_seconds")));
  line("peer id", Text(o, "peer_id"));
  line("listens on", Joined(o.at("listen")));
  line("workers", Text(o, "workers") + " over " + Text(o, "ports") + " ports, sealing with " +
                      Text(o, "engine") + " (" + Text(o, "engine_isa") + ")");
  line("peers", Text(o, "peers_up") + " of " + Text(o, "peers") + " up, " + Text(o, "sessions") +
                    " sessions");
  line("handshakes", count("handshakes_as_initiator") + " as initiator, " +
                         count("handshakes_as_responder") + " as responder, " + count("rollovers") +
                         " rollovers");
  line("sealed", count("sealed") + " packets, " + count("sealed_per_second") + "/s now");
  line("opened", count("opened") + " packets, " + count("opened_per_second") + "/s now");
  line("relayed", count("relayed") + " packets");
  line("delivered", count("delivered") + " packets");
  line("waiting", count("waiting") + " packets");
  line("dropped", count("drops") + " packets (noisegate show drops)");
  return text;
}

std::string Peers(const Json& rows) {
  Table table({"PEER", "STATE", "ENDPOINT", "HANDSHAKE", ">SESSIONS", ">RECEIVED", ">SENT",
               "LAST FAILURE"});
  for (const Json& row : rows) {
    table.Add({Text(row, "name"), Text(row, "state"), Text(row, "endpoint"),
               Ago(row, "last_handshake_seconds"), Text(row, "sessions"),
               PacketsAndBytes(row.at("traffic"), "rx"), PacketsAndBytes(row.at("traffic"), "tx"),
               Text(row, "last_failure")});
  }
  return table.ToString();
}

std::string Sessions(const Json& rows) {
  Table table({"PEER", "LOCAL", "REMOTE", "ROLE", "SENDS", ">AGE", ">LEFT", ">NEXT COUNTER",
               ">RECEIVED", ">SENT"});
  for (const Json& row : rows) {
    table.Add({Text(row, "peer"), Text(row, "local"), Text(row, "remote"), Text(row, "role"),
               YesNo(row, "confirmed"), SecondsText(Number(row, "age_seconds")),
               SecondsText(Number(row, "remaining_seconds")), Text(row, "next_counter"),
               PacketsAndBytes(row.at("traffic"), "rx"), PacketsAndBytes(row.at("traffic"), "tx")});
  }
  return table.ToString();
}

std::string Ports(const Json& rows) {
  Table table({"PORT", "SIDE", "DRIVER", "LINK", "MAC", ">MTU", "QUEUES", "OFFLOADS", ">RECEIVED",
               ">SENT", ">MISSED", ">ERRORS", "ADDRESSES"});
  for (const Json& row : rows) {
    std::string offloads;
    if (row.at("hardware_steering").get<bool>()) offloads += "steering";
    if (row.at("hardware_checksum").get<bool>()) offloads += offloads.empty() ? "sums" : ", sums";
    table.Add({Text(row, "name"), Text(row, "side"), Text(row, "driver"),
               row.at("link_up").get<bool>() ? "up" : "down", Text(row, "mac"), Text(row, "mtu"),
               Text(row, "rx_queues") + " / " + Text(row, "tx_queues"),
               offloads.empty() ? "-" : offloads, PacketsAndBytes(row, "rx"),
               PacketsAndBytes(row, "tx"), Text(row, "rx_missed"),
               CountText(Number(row, "rx_errors") + Number(row, "tx_errors")),
               Joined(row.at("addresses"))});
  }
  return table.ToString();
}

std::string Workers(const Json& rows) {
  Table table({">WORKER", ">LCORE", ">UDP PORT", ">BUSY", ">SLEEPS", ">SEALED", ">OPENED",
               ">RELAYED", ">DELIVERED", ">HANDED OVER", ">PUNTED"});
  for (const Json& row : rows) {
    const auto count = [&](const char* key) { return CountText(Number(row, key)); };
    table.Add({Text(row, "index"), Text(row, "lcore"), Text(row, "udp_port"),
               PercentText(Number(row, "busy")), count("sleeps"), count("sealed"), count("opened"),
               count("relayed"), count("delivered"), count("handed_over"), count("punted")});
  }
  return table.ToString();
}

std::string Drops(const Json& rows, bool all) {
  Table table({"REASON", ">PACKETS", "MEANING"});
  for (const Json& row : rows) {
    if (!all && Number(row, "packets") == 0) continue;
    table.Add({Text(row, "reason"), Text(row, "packets"), Text(row, "meaning")});
  }
  return table.empty() ? "nothing was dropped\n" : table.ToString();
}

std::string Relay(const Json& r, bool all) {
  if (r.at("peer_id").is_null()) return "there is no libp2p here (libp2p.listen)\n";
  std::string text;
  const auto line = [&](std::string label, const std::string& value) {
    label.resize(14, ' ');
    text += label + value + "\n";
  };
  const auto count = [&](const char* key) { return CountText(Number(r, key)); };
  line("peer id", Text(r, "peer_id"));
  line("listens on", Joined(r.at("listen")));
  line("connections", Text(r, "connections") + " open, " + Text(r, "half_open") + " half-open, " +
                          count("accepted") + " accepted, " + count("refused") + " refused");
  line("dropped", count("idle_dropped") + " idle, " + count("memory_dropped") + " for memory");
  line("memory", BytesText(Number(r, "memory_bytes")) + " of " +
                     BytesText(Number(r, "max_memory_bytes")));
  line("failed", count("negotiation_failed") + " negotiations, " + count("handshake_failed") +
                     " handshakes, " + count("muxer_failed") + " muxers");
  if (!r.at("relay").get<bool>()) return text + "relay         off (libp2p.relay)\n";
  line("reservations", Text(r, "reservations") + " of " + Text(r, "max_reservations"));
  line("circuits", Text(r, "circuits") + " of " + Text(r, "max_circuits"));
  line("relayed", BytesText(Number(r, "relayed_bytes")));
  Table outcomes({"REQUESTS", ">COUNT", "MEANING"});
  for (const Json& row : r.at("outcomes")) {
    if (!all && Number(row, "count") == 0) continue;
    outcomes.Add({Text(row, "outcome"), Text(row, "count"), Text(row, "meaning")});
  }
  if (!outcomes.empty()) text += "\n" + outcomes.ToString();
  Table peers({"PEER", ">RESERVED FOR", ">CIRCUITS", ">OPENED", ">SENT", ">RECEIVED", ">REFUSED"});
  for (const Json& row : r.at("peers")) {
    const Json& left = row.at("reservation_seconds");
    peers.Add({Text(row, "peer"), left.is_null() ? "-" : SecondsText(left.get<double>()),
               Text(row, "circuits"), Text(row, "circuits_opened"),
               BytesText(Number(row, "sent_bytes")), BytesText(Number(row, "received_bytes")),
               Text(row, "refused")});
  }
  if (!peers.empty()) text += "\n" + peers.ToString();
  return text;
}

absl::StatusOr<Json> ParseAnswer(const std::string& answer) {
  Json parsed = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("ok")) {
    return absl::InternalError("the gateway's answer makes no sense: is it of another version?");
  }
  if (parsed["ok"] == true) return parsed;
  std::string message = parsed.value("error", "refused");
  if (const auto problems = parsed.find("problems"); problems != parsed.end()) {
    for (const Json& problem : *problems) message += "\n" + problem.get<std::string>();
  }
  return absl::FailedPreconditionError(absl::string_view(message.data(), message.size()));
}

}  // namespace

absl::StatusOr<std::string> ShowAsTable(const std::string& answer, std::string_view section,
                                        bool all) {
  try {
    auto parsed = ParseAnswer(answer);
    if (!parsed.ok()) return parsed.status();
    if (section == "overview") return Overview(parsed->at("overview"));
    if (section == "peers") return Peers(parsed->at("peers"));
    if (section == "sessions") return Sessions(parsed->at("sessions"));
    if (section == "ports") return Ports(parsed->at("ports"));
    if (section == "workers") return Workers(parsed->at("workers"));
    if (section == "drops") return Drops(parsed->at("drops"), all);
    if (section == "relay") return Relay(parsed->at("relay"), all);
  } catch (const Json::exception& error) {
    return absl::InternalError(absl::StrCat("the gateway is of another version: ", error.what()));
  }
  return absl::InvalidArgumentError(absl::StrCat("there is nothing called ", std::string(section)));
}

absl::StatusOr<std::string> ShowAsJson(const std::string& answer) {
  try {
    auto parsed = ParseAnswer(answer);
    if (!parsed.ok()) return parsed.status();
    parsed->erase("ok");
    return parsed->dump(2) + "\n";
  } catch (const Json::exception& error) {
    return absl::InternalError(absl::StrCat("the gateway is of another version: ", error.what()));
  }
}

}  // namespace noisegate::commands
