#include "config/libp2p_keys.h"

#include "config/config.h"
#include "config/decoder.h"
#include "config/key_fields.h"
#include "config/value.h"

namespace noisegate::config {
namespace {

constexpr int64_t kMaxListen = 16;
constexpr int64_t kMaxMultiaddr = 512;
constexpr int64_t kMaxPeerIdText = 128;
constexpr int64_t kMaxAccessList = 4'096;
constexpr int64_t kMaxCount = 65'536;
constexpr int64_t kMaxRate = int64_t{1} << 40;

constexpr Key kRelayKeys[] = {
    Range(Field<&Libp2pRelay::reservations>("reservations", Kind::kInteger,
                                            "Peers that may be reached through it at once."),
          0, kMaxCount),
    Range(Field<&Libp2pRelay::reservations_per_address>("reservations_per_address", Kind::kInteger,
                                                        "Of them, those of one IPv4 address or IPv6 /64."),
          1, kMaxCount),
    Range(Field<&Libp2pRelay::reservations_per_prefix>("reservations_per_prefix", Kind::kInteger,
                                                       "Of them, those of one IPv4 /24 or IPv6 /48."),
          1, kMaxCount),
    Range(Field<&Libp2pRelay::reservation_life>("reservation_life", Kind::kDuration,
                                                "How long a reservation lasts unless renewed."),
          kSecond, 24 * kHour),
    Range(Field<&Libp2pRelay::circuits>("circuits", Kind::kInteger,
                                        "Circuits, pairs of connected peers, open at once."),
          0, kMaxCount),
    Range(Field<&Libp2pRelay::circuits_per_peer>("circuits_per_peer", Kind::kInteger,
                                                 "Of them, those from and to one peer."),
          1, kMaxCount),
    Range(Field<&Libp2pRelay::circuits_per_address>(
              "circuits_per_address", Kind::kInteger,
              "Of them, those asked for from one IPv4 address or IPv6 /64."),
          1, kMaxCount),
    Range(Field<&Libp2pRelay::circuit_duration>("circuit_duration", Kind::kDuration,
                                                "Life of a circuit; 0s: unlimited."),
          0, 24 * kHour),
    Range(Field<&Libp2pRelay::circuit_bytes>(
              "circuit_bytes", Kind::kInteger,
              "Bytes that a circuit carries in each direction; 0: unlimited."),
          0, int64_t{1} << 50),
    Range(Field<&Libp2pRelay::bytes_per_second_per_peer>(
              "bytes_per_second_per_peer", Kind::kInteger,
              "Rate at which one peer is served, both directions together; 0: unlimited."),
          0, kMaxRate),
    Range(Field<&Libp2pRelay::bytes_per_second>("bytes_per_second", Kind::kInteger,
                                                "Rate of all circuits together; 0: unlimited."),
          0, kMaxRate),
    ListOf(Range(Field<&Libp2pRelay::allow_peers>(
                     "allow_peers", Kind::kText,
                     "libp2p peer ids that may use it; with allow_prefixes empty too: anyone."),
                 1, kMaxPeerIdText),
           kMaxAccessList),
    ListOf(Range(Field<&Libp2pRelay::deny_peers>("deny_peers", Kind::kText,
                                                 "libp2p peer ids that may not, whatever else."),
                 1, kMaxPeerIdText),
           kMaxAccessList),
    ListOf(Field<&Libp2pRelay::allow_prefixes>("allow_prefixes", Kind::kPrefix,
                                               "IP prefixes whose peers may use it."),
           kMaxAccessList),
    ListOf(Field<&Libp2pRelay::deny_prefixes>("deny_prefixes", Kind::kPrefix,
                                              "IP prefixes whose peers may not, whatever else."),
           kMaxAccessList),
};
constexpr Section kRelay{"a libp2p relay", kRelayKeys};

constexpr Key kLibp2pKeys[] = {
    ListOf(Field<&Libp2p::listen>(
               "listen", Kind::kTcpMultiaddr,
               "Where it listens, such as /ip4/0.0.0.0/tcp/4001; empty: there is no libp2p."),
           kMaxListen),
    ListOf(Range(Field<&Libp2p::announce>(
                     "announce", Kind::kText,
                     "Multiaddrs, without /p2p/ID, to tell peers instead of those that it listens on."),
                 1, kMaxMultiaddr),
           kMaxListen),
    Range(Field<&Libp2p::key>(
              "key", Kind::kText,
              "File of its private key; relative to this file; empty: the gateway's identity."),
          0, kMaxPath),
    Field<&Libp2p::echo>("echo", Kind::kBool, "Serve /echo/1.0.0, which returns what it gets."),
    Field<&Libp2p::perf>("perf", Kind::kBool,
                         "Serve /perf/1.0.0, which sends strangers as much as they ask for."),
    Range(Field<&Libp2p::connections>("connections", Kind::kInteger, "TCP connections at once."), 1,
          kMaxCount),
    Range(Field<&Libp2p::connections_per_address>("connections_per_address", Kind::kInteger,
                                                  "Of them, those from one IPv4 address or IPv6 /64."),
          1, kMaxCount),
    Range(Field<&Libp2p::connections_per_prefix>("connections_per_prefix", Kind::kInteger,
                                                 "Of them, those from one IPv4 /24 or IPv6 /48."),
          1, kMaxCount),
    Range(Field<&Libp2p::streams>("streams", Kind::kInteger,
                                  "Streams that a peer may have open on one connection."),
          8, 4'096),
    Range(Field<&Libp2p::memory_mib>(
              "memory_mib", Kind::kInteger,
              "What all connections may hold, in MiB; beyond it the greediest address loses one."),
          16, kMaxCount),
    Range(Field<&Libp2p::handshake_timeout>(
              "handshake_timeout", Kind::kDuration,
              "Time for each step up to the first stream: negotiation, handshake, muxer."),
          100 * kMillisecond, 60 * kSecond),
    Range(Field<&Libp2p::keep_alive>(
              "keep_alive", Kind::kDuration,
              "A quiet peer is asked this often whether it is still there."),
          100 * kMillisecond, kHour),
    Reloadable(Of(&kRelay, Field<&Libp2p::relay>(
                               "relay", Kind::kSection,
                               "Be a Circuit Relay v2 for other peers; without this key, never."))),
};

}  // namespace

constinit const Section kLibp2pSection{"libp2p", kLibp2pKeys};

}  // namespace noisegate::config
