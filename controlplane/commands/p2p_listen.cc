#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/commands/commands.h"
#include "controlplane/libp2p/host.h"
#include "controlplane/libp2p/relay_client.h"
#include "controlplane/libp2p/relay_service.h"

namespace noisegate::commands {
namespace {

using libp2p::Host;
using libp2p::Multiaddr;
using libp2p::Task;
using std::chrono::milliseconds;

constexpr milliseconds kGoodbyeTime{500};

void PrintListen(const Multiaddr& address) {
  std::printf("LISTEN %s\n", address.ToString().c_str());
}

// Where to listen with own sockets, and the relays to be reached through.
struct Places {
  std::vector<dataplane::Endpoint> own;
  std::vector<Multiaddr> relays;
};

absl::StatusOr<Places> ParsePlaces(const std::vector<std::string>& texts) {
  Places places;
  for (const std::string& text : texts) {
    const auto address = Multiaddr::Parse(text);
    if (!address.ok()) return address.status();
    if (address->Has(libp2p::AddressProtocol::kP2pCircuit)) {
      auto circuit = address->circuit();
      if (!circuit || circuit->target) {
        return absl::InvalidArgumentError(
            absl::StrCat(text, ": expected …/p2p/RELAY/p2p-circuit and nothing behind it"));
      }
      places.relays.push_back(std::move(circuit->relay));
      continue;
    }
    const auto target = address->tcp();
    if (!target || !target->address || address->last_peer()) {
      return absl::InvalidArgumentError(
          absl::StrCat(text, ": expected /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT"));
    }
    places.own.push_back({*target->address, target->port});
  }
  return places;
}

absl::StatusOr<std::optional<libp2p::RelayOptions>> RelayOptionsOf(
    const P2pListenOptions& options) {
  if (!options.relay) return std::optional<libp2p::RelayOptions>();
  libp2p::RelayOptions relay;
  relay.reservations = options.relay_reservations;
  relay.reservations_per_address = options.relay_reservations;
  relay.reservations_per_prefix = options.relay_reservations;
  relay.circuit_duration = std::chrono::duration_cast<milliseconds>(options.relay_duration);
  relay.circuit_bytes = options.relay_bytes;
  relay.bytes_per_second = options.relay_rate;
  for (const std::string& text : options.relay_deny) {
    const auto peer = libp2p::PeerId::Parse(text);
    if (!peer.ok()) return peer.status();
    relay.deny_peers.push_back(*peer);
  }
  return std::optional(std::move(relay));
}

// Ends the program where a place at a relay cannot be had, or is lost.
Task<void> HoldPlace(libp2p::RelayClient& client, Multiaddr relay, std::function<void()> stop,
                     absl::Status* failure) {
  auto reservation = co_await client.Reserve(std::move(relay));
  if (reservation.ok()) {
    for (const Multiaddr& address : reservation->addresses) PrintListen(address);
    *failure = co_await client.Hold(*std::move(reservation));
  } else {
    *failure = reservation.status();
  }
  stop();
}

}  // namespace

int P2pListen(const P2pListenOptions& options) {
  auto places = ParsePlaces(options.addresses);
  if (!places.ok()) return Fail(places.status());
  const auto relay = RelayOptionsOf(options);
  if (!relay.ok()) return Fail(relay.status());
  const auto key = options.key.empty() ? crypto::PrivateKey::Generate(crypto::KeyType::kEd25519)
                                       : crypto::PrivateKey::Load(options.key, crypto::KeyUse::kLibp2p);
  if (!key.ok()) return Fail(key.status());

  libp2p::HostOptions host_options;
  host_options.listen = places->own;
  host_options.handshake_timeout = std::chrono::duration_cast<milliseconds>(options.timeout);
  host_options.connection.negotiation_timeout = host_options.handshake_timeout;
  host_options.connection.yamux.keep_alive =
      std::chrono::duration_cast<milliseconds>(options.keep_alive);
  host_options.perf = true;

  absl::Status failure;
  asio::io_context loop(1);
  auto host = Host::Create(loop.get_executor(), *key, std::move(host_options));
  if (!host.ok()) return Fail(host.status());
  libp2p::RelayService service(**host, *relay);
  libp2p::RelayClient client(**host);
  if (const auto listening = (*host)->Listen(); !listening.ok()) return Fail(listening);

  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // scripts wait for these lines
  for (const Multiaddr& address : (*host)->ListenAddresses()) {
    PrintListen(address.WithPeer((*host)->peer_id()));
  }
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  bool asked = false;
  const auto stop = [&] {
    signals.cancel();
    (*host)->Stop(kGoodbyeTime);
  };
  for (Multiaddr& place : places->relays) {
    asio::co_spawn(loop, HoldPlace(client, std::move(place), stop, &failure), asio::detached);
  }
  signals.async_wait([&](asio::error_code error, int) {
    if (error) return;
    asked = true;
    stop();
  });
  loop.run();
  return asked || failure.ok() ? kExitOk : Fail(failure);
}

}  // namespace noisegate::commands
