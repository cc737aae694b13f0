#include "controlplane/libp2p/relay_policy.h"

#include <algorithm>
#include <utility>

#include "controlplane/libp2p/connection_limits.h"
#include "controlplane/libp2p/counts.h"

namespace noisegate::libp2p {
namespace {

bool AnyContains(const std::vector<dataplane::Prefix>& prefixes,
                 const dataplane::IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const dataplane::Prefix& prefix) { return prefix.Contains(address); });
}

}  // namespace

void RelayPolicy::SetOptions(const RelayOptions& options) {
  options_ = options;
  allow_peers_ = {options.allow_peers.begin(), options.allow_peers.end()};
  deny_peers_ = {options.deny_peers.begin(), options.deny_peers.end()};
  all_.SetRate(options.bytes_per_second);
  for (auto& [peer, account] : accounts_) {
    account.bucket.SetRate(options.bytes_per_second_per_peer);
  }
  std::vector<PeerId> denied;
  for (const auto& [peer, held] : reservations_) {
    if (CheckAccess({peer, held.address, held.connection}) != RelayOutcome::kReserved) {
      denied.push_back(peer);
    }
  }
  Free(denied);
}

RelayOutcome RelayPolicy::CheckAccess(const RelayRequester& requester) const {
  if (requester.relayed) return RelayOutcome::kOverRelay;
  if (deny_peers_.contains(requester.peer)) return RelayOutcome::kPeerDenied;
  if (AnyContains(options_.deny_prefixes, requester.address)) return RelayOutcome::kPrefixDenied;
  if (allow_peers_.empty() && options_.allow_prefixes.empty()) return RelayOutcome::kReserved;
  if (allow_peers_.contains(requester.peer) ||
      AnyContains(options_.allow_prefixes, requester.address)) {
    return RelayOutcome::kReserved;
  }
  return RelayOutcome::kNotAllowed;
}

RelayOutcome RelayPolicy::CheckReserve(const RelayRequester& requester) const {
  if (const auto access = CheckAccess(requester); access != RelayOutcome::kReserved) return access;
  const auto held = reservations_.find(requester.peer);
  const bool renews = held != reservations_.end();
  if (!renews && reservations_.size() >= options_.reservations) return RelayOutcome::kReservations;
  // What it gives back by moving does not stand in its own way.
  const auto one = OneAddress(requester.address);
  const bool same_address = renews && OneAddress(held->second.address) == one;
  const bool same_prefix =
      renews && PrefixOf(held->second.address) == PrefixOf(requester.address);
  if (!same_address &&
      CountOf(by_address_, one) >= options_.reservations_per_address) {
    return RelayOutcome::kReservationsOfAddress;
  }
  if (!same_prefix &&
      CountOf(by_prefix_, PrefixOf(requester.address)) >= options_.reservations_per_prefix) {
    return RelayOutcome::kReservationsOfPrefix;
  }
  return RelayOutcome::kReserved;
}

RelayGrant RelayPolicy::Reserve(const RelayRequester& requester, TimePoint now) {
  Expire(now);
  const RelayOutcome outcome = CheckReserve(requester);
  if (outcome != RelayOutcome::kReserved) return Refuse(requester.peer, outcome);
  FreeReservation(requester.peer);
  const TimePoint expires = now + options_.reservation_life;
  reservations_[requester.peer] = {requester.address, requester.connection, expires};
  by_connection_[requester.connection] = requester.peer;
  first_expiry_ = std::min(first_expiry_, expires);
  ++by_address_[OneAddress(requester.address)];
  ++by_prefix_[PrefixOf(requester.address)];
  ++counts_[static_cast<size_t>(outcome)];
  Touch(requester.peer);
  RelayGrant grant{.outcome = outcome};
  grant.life = options_.reservation_life;
  return grant;
}

RelayOutcome RelayPolicy::CheckConnect(const RelayRequester& source,
                                       const PeerId& destination) const {
  if (const auto access = CheckAccess(source); access != RelayOutcome::kReserved) return access;
  if (source.peer == destination) return RelayOutcome::kToItself;
  if (!reservations_.contains(destination)) return RelayOutcome::kNoReservation;
  if (deny_peers_.contains(destination)) return RelayOutcome::kPeerDenied;
  if (circuits_.size() >= options_.circuits) return RelayOutcome::kCircuits;
  if (CircuitsOf(source.peer) >= options_.circuits_per_peer ||
      CircuitsOf(destination) >= options_.circuits_per_peer) {
    return RelayOutcome::kCircuitsOfPeer;
  }
  if (CountOf(circuits_by_address_, OneAddress(source.address)) >= options_.circuits_per_address) {
    return RelayOutcome::kCircuitsOfAddress;
  }
  return RelayOutcome::kConnected;
}

RelayGrant RelayPolicy::Connect(const RelayRequester& source, const PeerId& destination,
                                TimePoint now) {
  Expire(now);
  const RelayOutcome outcome = CheckConnect(source, destination);
  if (outcome != RelayOutcome::kConnected) return Refuse(source.peer, outcome);
  const CircuitId id = next_circuit_++;
  const dataplane::Prefix from = OneAddress(source.address);
  circuits_[id] = {source.peer, destination, from, now};
  ++circuits_by_address_[from];
  for (const PeerId* peer : {&source.peer, &destination}) {
    Account& account = AccountOf(*peer);
    ++account.totals.circuits;
    ++account.totals.circuits_opened;
    Touch(*peer);
  }
  ++counts_[static_cast<size_t>(outcome)];
  return {.outcome = outcome,
          .circuit = id,
          .destination = reservations_.at(destination).connection};
}

void RelayPolicy::EndCircuit(CircuitId id, TimePoint now) {
  const auto found = circuits_.find(id);
  if (found == circuits_.end()) return;
  const Circuit circuit = std::move(found->second);
  circuits_.erase(found);
  CountDown(circuits_by_address_, circuit.source_address);
  for (const PeerId* peer : {&circuit.source, &circuit.destination}) {
    Account& account = AccountOf(*peer);
    --account.totals.circuits;
    account.totals.circuit_seconds += std::chrono::duration<double>(now - circuit.began).count();
    Touch(*peer);
  }
}

void RelayPolicy::FailCircuit(CircuitId id, TimePoint now) {
  const auto found = circuits_.find(id);
  if (found == circuits_.end()) return;
  const PeerId source = found->second.source;
  for (const PeerId* peer : {&found->second.source, &found->second.destination}) {
    --AccountOf(*peer).totals.circuits_opened;
  }
  --counts_[static_cast<size_t>(RelayOutcome::kConnected)];
  EndCircuit(id, now);
  CountRefusal(source, RelayOutcome::kConnectionFailed);
}

RelayGrant RelayPolicy::Refuse(const PeerId& peer, RelayOutcome outcome) {
  CountRefusal(peer, outcome);
  return {.outcome = outcome};
}

void RelayPolicy::CountRefusal(const PeerId& peer, RelayOutcome outcome) {
  ++counts_[static_cast<size_t>(outcome)];
  ++AccountOf(peer).totals.refused;
  Touch(peer);
}

uint64_t RelayPolicy::Allowance(CircuitId id, TimePoint now) {
  const auto found = circuits_.find(id);
  if (found == circuits_.end()) return 0;
  return std::min({all_.Available(now), AccountOf(found->second.source).bucket.Available(now),
                   AccountOf(found->second.destination).bucket.Available(now)});
}

RelayPolicy::TimePoint RelayPolicy::NextAllowance(CircuitId id, TimePoint now) {
  const auto found = circuits_.find(id);
  if (found == circuits_.end()) return now;
  return std::max({all_.ReadyAt(now), AccountOf(found->second.source).bucket.ReadyAt(now),
                   AccountOf(found->second.destination).bucket.ReadyAt(now)});
}

void RelayPolicy::Count(CircuitId id, RelayWay way, uint64_t bytes, TimePoint now) {
  const auto found = circuits_.find(id);
  if (found == circuits_.end()) return;
  const bool forward = way == RelayWay::kToDestination;
  Account& from = AccountOf(forward ? found->second.source : found->second.destination);
  from.totals.sent_bytes += bytes;
  from.bucket.Take(now, bytes);
  Account& to = AccountOf(forward ? found->second.destination : found->second.source);
  to.totals.received_bytes += bytes;
  to.bucket.Take(now, bytes);
  all_.Take(now, bytes);
  relayed_bytes_ += bytes;
}

void RelayPolicy::FreeReservation(const PeerId& peer) {
  const auto found = reservations_.find(peer);
  if (found == reservations_.end()) return;
  CountDown(by_address_, OneAddress(found->second.address));
  CountDown(by_prefix_, PrefixOf(found->second.address));
  by_connection_.erase(found->second.connection);
  reservations_.erase(found);
}

void RelayPolicy::Free(const std::vector<PeerId>& peers) {
  for (const PeerId& peer : peers) {
    FreeReservation(peer);
    Touch(peer);
  }
}

void RelayPolicy::Disconnected(ConnectionId connection) {
  const auto found = by_connection_.find(connection);
  if (found == by_connection_.end()) return;
  const PeerId peer = found->second;
  Free({peer});
}

void RelayPolicy::DropReservations() {
  std::vector<PeerId> all;
  for (const auto& [peer, held] : reservations_) all.push_back(peer);
  Free(all);
}

void RelayPolicy::Expire(TimePoint now) {
  if (now < first_expiry_) return;
  first_expiry_ = TimePoint::max();
  std::vector<PeerId> gone;
  for (const auto& [peer, reservation] : reservations_) {
    if (reservation.expires <= now) {
      gone.push_back(peer);
    } else {
      first_expiry_ = std::min(first_expiry_, reservation.expires);
    }
  }
  Free(gone);
}

uint32_t RelayPolicy::CircuitsOf(const PeerId& peer) const {
  const auto found = accounts_.find(peer);
  return found == accounts_.end() ? 0 : found->second.totals.circuits;
}

RelayPolicy::Account& RelayPolicy::AccountOf(const PeerId& peer) {
  const auto [found, added] = accounts_.try_emplace(peer);
  if (added) {
    found->second.totals.peer = peer;
    found->second.bucket = ByteBucket(options_.bytes_per_second_per_peer);
  }
  return found->second;
}

// Keeps the list of idle accounts right after anything that may have changed it.
void RelayPolicy::Touch(const PeerId& peer) {
  Account& account = AccountOf(peer);
  if (account.is_idle) idle_.erase(account.idle);
  account.is_idle = account.totals.circuits == 0 && !reservations_.contains(peer);
  if (account.is_idle) account.idle = idle_.insert(idle_.end(), peer);
  ForgetIdle();
}

void RelayPolicy::ForgetIdle() {
  while (idle_.size() > kMaxIdleAccounts) {
    accounts_.erase(idle_.front());
    idle_.pop_front();
  }
}

std::vector<RelayPeerAccount> RelayPolicy::Accounts(TimePoint now) const {
  std::vector<RelayPeerAccount> rows, idle;
  for (const auto& [peer, account] : accounts_) {
    RelayPeerAccount row = account.totals;
    if (const auto held = reservations_.find(peer); held != reservations_.end()) {
      row.reservation_seconds =
          std::chrono::duration<double>(held->second.expires - now).count();
    }
    (account.is_idle ? idle : rows).push_back(std::move(row));
  }
  // The same order for the same peers, so that two outputs can be compared.
  const auto by_peer = [](const RelayPeerAccount& a, const RelayPeerAccount& b) {
    return a.peer < b.peer;
  };
  std::sort(rows.begin(), rows.end(), by_peer);
  std::sort(idle.begin(), idle.end(), by_peer);
  rows.insert(rows.end(), std::make_move_iterator(idle.begin()),
              std::make_move_iterator(idle.end()));
  return rows;
}

}  // namespace noisegate::libp2p
