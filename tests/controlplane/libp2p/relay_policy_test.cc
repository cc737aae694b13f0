#include "controlplane/libp2p/relay_policy.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "controlplane/libp2p/byte_bucket.h"
#include "controlplane/libp2p/connection_limits.h"
#include "crypto/key.h"

namespace noisegate::libp2p {
namespace {

using dataplane::IpAddress;
using dataplane::Prefix;
using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = RelayPolicy::TimePoint;

const TimePoint kStart = TimePoint() + std::chrono::hours(100);

PeerId Peer(uint8_t number) {
  std::array<uint8_t, 34> multihash{};
  multihash[0] = 0x12;
  multihash[1] = 0x20;
  multihash[2] = number;
  return *PeerId::FromBytes(multihash);
}

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }

RelayRequester From(uint8_t number, const char* address = "192.0.2.1") {
  return {Peer(number), Address(address), number, false};
}

RelayOptions LivingAMinute() {
  RelayOptions options;
  options.reservation_life = seconds(60);
  return options;
}

TEST(RelayPolicy, GivesOneReservationToEachPeer) {
  RelayPolicy policy(LivingAMinute());
  const RelayGrant first = policy.Reserve(From(1), kStart);
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(first.life, seconds(60));
  EXPECT_TRUE(policy.Reserve(From(1), kStart + seconds(1)).ok());
  EXPECT_EQ(policy.reservations(), 1u);
  EXPECT_EQ(policy.count(RelayOutcome::kReserved), 2u);
}

TEST(RelayPolicy, KeepsToEachLimitOfReservations) {
  RelayOptions options;
  options.reservations = 5;
  options.reservations_per_address = 2;
  options.reservations_per_prefix = 3;
  RelayPolicy policy(options);
  EXPECT_TRUE(policy.Reserve(From(1, "192.0.2.1"), kStart).ok());
  EXPECT_TRUE(policy.Reserve(From(2, "192.0.2.1"), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(3, "192.0.2.1"), kStart).outcome,
            RelayOutcome::kReservationsOfAddress);
  EXPECT_TRUE(policy.Reserve(From(3, "192.0.2.2"), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(4, "192.0.2.9"), kStart).outcome,
            RelayOutcome::kReservationsOfPrefix);
  EXPECT_TRUE(policy.Reserve(From(4, "198.51.100.1"), kStart).ok());
  EXPECT_TRUE(policy.Reserve(From(5, "2001:db8::1"), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(6, "203.0.113.1"), kStart).outcome, RelayOutcome::kReservations);
  // Renewing is possible where everything is full.
  EXPECT_TRUE(policy.Reserve(From(1, "192.0.2.1"), kStart).ok());
  EXPECT_TRUE(policy.Reserve(From(2, "192.0.2.1"), kStart).ok());
  policy.Disconnected(2);
  EXPECT_TRUE(policy.Reserve(From(6, "203.0.113.1"), kStart).ok());
}

TEST(RelayPolicy, ForgetsReservationsInTime) {
  RelayPolicy policy(LivingAMinute());
  policy.Reserve(From(1), kStart);
  policy.Reserve(From(2), kStart + seconds(30));
  policy.Expire(kStart + seconds(59));
  EXPECT_EQ(policy.reservations(), 2u);
  policy.Expire(kStart + seconds(60));
  EXPECT_FALSE(policy.HasReservation(Peer(1)));
  EXPECT_TRUE(policy.HasReservation(Peer(2)));
  EXPECT_EQ(policy.Connect(From(3), Peer(1), kStart + seconds(61)).outcome,
            RelayOutcome::kNoReservation);
}

TEST(RelayPolicy, AReservationBelongsToTheConnectionThatAskedLast) {
  RelayPolicy policy({});
  RelayRequester again = From(1);
  policy.Reserve(again, kStart);
  again.connection = 77;
  policy.Reserve(again, kStart);
  policy.Disconnected(1);
  EXPECT_TRUE(policy.HasReservation(Peer(1)));
  EXPECT_EQ(policy.Connect(From(2), Peer(1), kStart).destination, 77u);
  policy.Disconnected(77);
  EXPECT_FALSE(policy.HasReservation(Peer(1)));
}

TEST(RelayPolicy, AThousandThatReserveAndGoLeaveNothing) {
  RelayOptions options;
  options.reservations = 4;
  options.reservations_per_address = 1;
  RelayPolicy policy(options);
  for (ConnectionId connection = 1; connection <= 1'000; ++connection) {
    RelayRequester requester = From(static_cast<uint8_t>(connection));
    requester.connection = connection;
    ASSERT_TRUE(policy.Reserve(requester, kStart).ok()) << connection;
    policy.Disconnected(connection);
    ASSERT_EQ(policy.reservations(), 0u);
  }
}

TEST(RelayPolicy, AsksTheListsWhoMay) {
  RelayOptions options;
  options.allow_peers = {Peer(1), Peer(2)};
  options.allow_prefixes = {*Prefix::Parse("198.51.100.0/24")};
  options.deny_peers = {Peer(2)};
  options.deny_prefixes = {*Prefix::Parse("198.51.100.128/25")};
  RelayPolicy policy(options);
  EXPECT_TRUE(policy.Reserve(From(1), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(2), kStart).outcome, RelayOutcome::kPeerDenied);
  EXPECT_EQ(policy.Reserve(From(3), kStart).outcome, RelayOutcome::kNotAllowed);
  EXPECT_TRUE(policy.Reserve(From(3, "198.51.100.7"), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(4, "198.51.100.200"), kStart).outcome,
            RelayOutcome::kPrefixDenied);
  EXPECT_EQ(policy.Connect(From(2), Peer(1), kStart).outcome, RelayOutcome::kPeerDenied);
  EXPECT_EQ(policy.Connect(From(9), Peer(1), kStart).outcome, RelayOutcome::kNotAllowed);
  RelayRequester relayed = From(1);
  relayed.relayed = true;
  EXPECT_EQ(policy.Reserve(relayed, kStart).outcome, RelayOutcome::kOverRelay);
  EXPECT_EQ(policy.Connect(relayed, Peer(3), kStart).outcome, RelayOutcome::kOverRelay);
}

TEST(RelayPolicy, WhoIsDeniedByAReloadLosesItsReservation) {
  RelayPolicy policy({});
  policy.Reserve(From(1), kStart);
  policy.Reserve(From(2), kStart);
  RelayOptions options;
  options.deny_peers = {Peer(1)};
  policy.SetOptions(options);
  EXPECT_FALSE(policy.HasReservation(Peer(1)));
  EXPECT_TRUE(policy.HasReservation(Peer(2)));
}

TEST(RelayPolicy, KeepsToEachLimitOfCircuits) {
  RelayOptions options;
  options.circuits = 3;
  options.circuits_per_peer = 2;
  RelayPolicy policy(options);
  for (uint8_t peer = 1; peer <= 3; ++peer) policy.Reserve(From(peer), kStart);
  EXPECT_EQ(policy.Connect(From(1), Peer(1), kStart).outcome, RelayOutcome::kToItself);
  const RelayGrant first = policy.Connect(From(9), Peer(1), kStart);
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(first.destination, 1u);
  EXPECT_TRUE(policy.Connect(From(9), Peer(2), kStart).ok());
  EXPECT_EQ(policy.Connect(From(9), Peer(3), kStart).outcome, RelayOutcome::kCircuitsOfPeer);
  EXPECT_TRUE(policy.Connect(From(8), Peer(1), kStart).ok());
  EXPECT_EQ(policy.Connect(From(7), Peer(3), kStart).outcome, RelayOutcome::kCircuits);
  policy.EndCircuit(first.circuit, kStart);
  EXPECT_TRUE(policy.Connect(From(7), Peer(3), kStart).ok());
  EXPECT_EQ(policy.circuits(), 3u);
}

TEST(RelayPolicy, ACircuitThatFailedIsARefusalAndNoCircuit) {
  RelayPolicy policy({});
  policy.Reserve(From(1), kStart);
  const RelayGrant grant = policy.Connect(From(2), Peer(1), kStart);
  policy.FailCircuit(grant.circuit, kStart);
  policy.EndCircuit(grant.circuit, kStart);  // whoever held it lets go of it, too
  EXPECT_EQ(policy.circuits(), 0u);
  EXPECT_EQ(policy.count(RelayOutcome::kConnected), 0u);
  EXPECT_EQ(policy.count(RelayOutcome::kConnectionFailed), 1u);
  for (const RelayPeerAccount& account : policy.Accounts(kStart)) {
    EXPECT_EQ(account.circuits_opened, 0u);
  }
}

TEST(RelayPolicy, CountsWhatEachPeerMoves) {
  RelayPolicy policy({});
  policy.Reserve(From(1), kStart);
  const RelayGrant grant = policy.Connect(From(2), Peer(1), kStart);
  policy.Count(grant.circuit, RelayWay::kToDestination, 1'000, kStart);
  policy.Count(grant.circuit, RelayWay::kToSource, 30, kStart);
  policy.EndCircuit(grant.circuit, kStart + seconds(5));
  policy.CountRefusal(Peer(2), RelayOutcome::kMalformed);
  const auto accounts = policy.Accounts(kStart + seconds(6));
  ASSERT_EQ(accounts.size(), 2u);
  EXPECT_EQ(accounts[0].peer, Peer(1));  // has a reservation, so it is first
  EXPECT_NEAR(accounts[0].reservation_seconds.value_or(0), 3'594, 0.01);
  EXPECT_EQ(accounts[0].received_bytes, 1'000u);
  EXPECT_EQ(accounts[0].sent_bytes, 30u);
  EXPECT_EQ(accounts[1].sent_bytes, 1'000u);
  EXPECT_EQ(accounts[1].refused, 1u);
  EXPECT_DOUBLE_EQ(accounts[1].circuit_seconds, 5);
  EXPECT_EQ(policy.relayed_bytes(), 1'030u);
}

TEST(RelayPolicy, ForgetsTheOldestOfIdleAccounts) {
  RelayPolicy policy({});
  policy.Reserve(From(200), kStart);
  for (size_t i = 0; i < 3 * RelayPolicy::kMaxIdleAccounts; ++i) {
    std::array<uint8_t, 34> multihash{0x12, 0x20, 1, static_cast<uint8_t>(i),
                                      static_cast<uint8_t>(i >> 8)};
    policy.CountRefusal(*PeerId::FromBytes(multihash), RelayOutcome::kMalformed);
  }
  EXPECT_EQ(policy.Accounts(kStart).size(), RelayPolicy::kMaxIdleAccounts + 1);
  EXPECT_EQ(policy.Accounts(kStart)[0].peer, Peer(200));
}

// What two buckets let through in ten seconds is the smaller rate's, give or take its burst.
TEST(RelayPolicy, ShapesEachPeerAndAllTogether) {
  RelayOptions options;
  options.bytes_per_second_per_peer = 1'000'000;
  options.bytes_per_second = 1'500'000;
  RelayPolicy policy(options);
  policy.Reserve(From(1), kStart);
  policy.Reserve(From(2), kStart);
  const CircuitId one = policy.Connect(From(11), Peer(1), kStart).circuit;
  const CircuitId two = policy.Connect(From(12), Peer(2), kStart).circuit;
  const auto run = [&](std::vector<CircuitId> circuits, TimePoint from) {
    uint64_t moved = 0;
    for (TimePoint now = from; now < from + seconds(10); now += milliseconds(1)) {
      for (const CircuitId circuit : circuits) {
        const uint64_t bytes = std::min<uint64_t>(policy.Allowance(circuit, now), 65'536);
        policy.Count(circuit, RelayWay::kToDestination, bytes, now);
        moved += bytes;
        if (policy.Allowance(circuit, now) == 0) {
          EXPECT_GT(policy.NextAllowance(circuit, now), now);
        }
      }
    }
    return moved;
  };
  EXPECT_NEAR(static_cast<double>(run({one}, kStart)), 10e6, 0.2e6);
  EXPECT_NEAR(static_cast<double>(run({one, two}, kStart + seconds(10))), 15e6, 0.3e6);
}

TEST(RelayPolicy, WithoutRatesEverythingGoesAtOnce) {
  RelayPolicy policy({});
  policy.Reserve(From(1), kStart);
  const CircuitId circuit = policy.Connect(From(2), Peer(1), kStart).circuit;
  policy.Count(circuit, RelayWay::kToSource, uint64_t{1} << 40, kStart);
  EXPECT_EQ(policy.Allowance(circuit, kStart), UINT64_MAX);
  EXPECT_EQ(policy.NextAllowance(circuit, kStart), kStart);
}

// Against a plain recount of whatever should be held.
TEST(RelayPolicy, NeverLosesCount) {
  std::mt19937 random(20'240'607);
  RelayOptions options;
  options.reservations = 6;
  options.reservations_per_address = 3;
  options.circuits = 8;
  options.circuits_per_peer = 3;
  options.reservation_life = seconds(50);
  RelayPolicy policy(options);
  struct Held {
    uint8_t peer;
    ConnectionId connection;
    TimePoint expires;
  };
  std::vector<Held> held;
  std::vector<std::pair<CircuitId, std::pair<uint8_t, uint8_t>>> circuits;
  TimePoint now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += milliseconds(random() % 200);
    std::erase_if(held, [&](const Held& h) { return h.expires <= now; });
    policy.Expire(now);
    const auto peer = static_cast<uint8_t>(random() % 10);
    const auto other = static_cast<uint8_t>(random() % 10);
    RelayRequester requester = From(peer, peer % 2 ? "192.0.2.1" : "198.51.100.1");
    requester.connection = 1 + random() % 1'000'000 + (uint64_t{peer} << 32);
    switch (random() % 4) {
      case 0:
        if (policy.Reserve(requester, now).ok()) {
          std::erase_if(held, [&](const Held& h) { return h.peer == peer; });
          held.push_back({peer, requester.connection, now + options.reservation_life});
        }
        break;
      case 1:
        if (!held.empty()) {
          const size_t i = random() % held.size();
          policy.Disconnected(held[i].connection);
          held.erase(held.begin() + static_cast<ptrdiff_t>(i));
        }
        break;
      case 2: {
        const RelayGrant grant = policy.Connect(requester, Peer(other), now);
        if (grant.ok()) circuits.push_back({grant.circuit, {peer, other}});
        break;
      }
      default:
        if (!circuits.empty()) {
          const size_t i = random() % circuits.size();
          policy.EndCircuit(circuits[i].first, now);
          circuits.erase(circuits.begin() + static_cast<ptrdiff_t>(i));
        }
    }
    ASSERT_EQ(policy.reservations(), held.size()) << step;
    ASSERT_EQ(policy.circuits(), circuits.size()) << step;
    for (uint8_t p = 0; p < 10; ++p) {
      const bool wanted =
          std::any_of(held.begin(), held.end(), [&](const Held& h) { return h.peer == p; });
      ASSERT_EQ(policy.HasReservation(Peer(p)), wanted) << step;
    }
  }
  for (const RelayPeerAccount& account : policy.Accounts(now)) {
    uint32_t open = 0;
    for (const auto& [id, ends] : circuits) {
      open += Peer(ends.first) == account.peer || Peer(ends.second) == account.peer ? 1 : 0;
    }
    EXPECT_EQ(account.circuits, open);
  }
}

// In the words, the order and with the statuses of relay_outcome.h.
TEST(RelayOutcome, EachIsExplainedInTheManual) {
  std::ifstream file(NOISEGATE_SOURCE_DIR "/docs/libp2p.md");
  ASSERT_TRUE(file.good());
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## Run a relay";
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  ASSERT_EQ(rows.size(), kRelayOutcomes.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const RelayOutcomeText& text = kRelayOutcomes[i];
    const bool of_reservations = text.outcome >= RelayOutcome::kReservations &&
                                 text.outcome <= RelayOutcome::kReservationsOfPrefix;
    const CircuitStatus status = of_reservations ? text.reserve_status : text.connect_status;
    const std::string start = "| `" + std::string(text.name) + "` | " +
                              std::to_string(static_cast<int>(status)) + " | " +
                              std::string(text.meaning) + " |";
    EXPECT_TRUE(rows[i].starts_with(start)) << rows[i] << "\nwants " << start;
  }
}

TEST(ByteBucket, GivesItsRateAndABoundedBurst) {
  ByteBucket bucket(1'000'000);
  EXPECT_EQ(bucket.Available(kStart), 100'000u);
  bucket.Take(kStart, 150'000);  // a debt
  EXPECT_EQ(bucket.Available(kStart), 0u);
  EXPECT_EQ(bucket.ReadyAt(kStart), kStart + milliseconds(75));
  EXPECT_EQ(bucket.Available(kStart + milliseconds(60)), 10'000u);
  EXPECT_EQ(bucket.Available(kStart + seconds(60)), 100'000u);
  EXPECT_EQ(ByteBucket(10).Available(kStart), ByteBucket::kMinBurst);
  EXPECT_EQ(ByteBucket(0).Available(kStart), UINT64_MAX);
}

TEST(ConnectionLimits, HoldsEachLimitAndGivesPlacesBack) {
  ConnectionLimits limits({.total = 4, .per_address = 2, .per_prefix = 3});
  auto a = limits.Admit(Address("192.0.2.1"));
  auto b = limits.Admit(Address("192.0.2.1"));
  EXPECT_TRUE(a && b);
  EXPECT_EQ(limits.Admit(Address("192.0.2.1")).refusal(), ConnectionRefusal::kAddress);
  auto c = limits.Admit(Address("192.0.2.2"));
  EXPECT_EQ(limits.Admit(Address("192.0.2.3")).refusal(), ConnectionRefusal::kPrefix);
  auto d = limits.Admit(Address("2001:db8::1"));
  EXPECT_TRUE(c && d);
  EXPECT_EQ(limits.Admit(Address("203.0.113.1")).refusal(), ConnectionRefusal::kTotal);
  auto moved = std::move(a);
  EXPECT_EQ(limits.open(), 4u);
  moved.Release();
  moved.Release();
  EXPECT_EQ(limits.open(), 3u);
  EXPECT_TRUE(limits.Admit(Address("192.0.2.1")));
  EXPECT_EQ(limits.open(), 3u);  // the last one was let go at once
  EXPECT_EQ(limits.refused(ConnectionRefusal::kPrefix), 1u);
}

// Whoever has one address of a /64 has them all.
TEST(ConnectionLimits, AnIpv6AddressStandsForItsLink) {
  ConnectionLimits limits({.total = 9, .per_address = 2, .per_prefix = 3});
  auto a = limits.Admit(Address("2001:db8:1:1::1"));
  auto b = limits.Admit(Address("2001:db8:1:1:ffff::2"));
  EXPECT_EQ(limits.Admit(Address("2001:db8:1:1::3")).refusal(), ConnectionRefusal::kAddress);
  auto c = limits.Admit(Address("2001:db8:1:2::1"));
  EXPECT_TRUE(a && b && c);
  EXPECT_EQ(limits.Admit(Address("2001:db8:1:3::1")).refusal(), ConnectionRefusal::kPrefix);
  b.Release();
  EXPECT_TRUE(limits.Admit(Address("2001:db8:1:1::4")));
}

TEST(RelayPolicy, CountsReservationsByTheLinkOfAnIpv6Address) {
  RelayOptions options;
  options.reservations_per_address = 2;
  RelayPolicy policy(options);
  EXPECT_TRUE(policy.Reserve(From(1, "2001:db8::1"), kStart).ok());
  EXPECT_TRUE(policy.Reserve(From(2, "2001:db8::2"), kStart).ok());
  EXPECT_EQ(policy.Reserve(From(3, "2001:db8::3"), kStart).outcome,
            RelayOutcome::kReservationsOfAddress);
  EXPECT_TRUE(policy.Reserve(From(2, "2001:db8::77"), kStart).ok()) << "it only moves";
  EXPECT_TRUE(policy.Reserve(From(3, "2001:db8:0:1::3"), kStart).ok());
}

TEST(RelayPolicy, BoundsTheCircuitsThatOneAddressAsksFor) {
  RelayOptions options;
  options.circuits_per_address = 2;
  RelayPolicy policy(options);
  for (uint8_t peer = 1; peer <= 3; ++peer) policy.Reserve(From(peer), kStart);
  const RelayGrant first = policy.Connect(From(11, "198.51.100.1"), Peer(1), kStart);
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(policy.Connect(From(12, "198.51.100.1"), Peer(2), kStart).ok());
  EXPECT_EQ(policy.Connect(From(13, "198.51.100.1"), Peer(3), kStart).outcome,
            RelayOutcome::kCircuitsOfAddress);
  EXPECT_TRUE(policy.Connect(From(13, "198.51.100.2"), Peer(3), kStart).ok());
  policy.FailCircuit(first.circuit, kStart);
  EXPECT_TRUE(policy.Connect(From(11, "198.51.100.1"), Peer(1), kStart).ok());
}

TEST(ConnectionLimits, PrefixesAre24And48) {
  EXPECT_EQ(PrefixOf(Address("192.0.2.77")).ToString(), "192.0.2.0/24");
  EXPECT_EQ(PrefixOf(Address("2001:db8:7:8::1")).ToString(), "2001:db8:7::/48");
}

}  // namespace
}  // namespace noisegate::libp2p
