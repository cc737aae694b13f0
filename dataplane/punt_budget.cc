#include "dataplane/punt_budget.h"

#include <sodium.h>

#include <algorithm>

#include "dataplane/bytes.h"
#include "dataplane/header.h"

namespace noisegate::dataplane {
namespace {

// Punts a second.
struct KindRates {
  uint32_t all;
  uint32_t each;  // about one peer, next hop or sender
};

// What waits for a session or a neighbour is bounded again by the control thread's queues; what it answers
// with ICMP is what a router would answer (RFC 1812 4.3.2.8), and no more of it than IcmpErrors lets out.
KindRates RatesOf(PuntKind kind) {
  switch (kind) {
    case PuntKind::kLocal:
      return {.all = 5000, .each = 1000};
    case PuntKind::kNeedSession:
    case PuntKind::kNeedNeighbour:
      return {.all = 10000, .each = 2000};
    case PuntKind::kTooBig:
    case PuntKind::kTtlExpired:
    case PuntKind::kNoRoute:
      return {.all = 500, .each = 50};
    case PuntKind::kControl:  // by port
    case PuntKind::kHandshake:
    case PuntKind::kNoSession:  // by source, below
      return {.all = 0, .each = 0};
  }
  return {.all = 0, .each = 0};
}

// Of each port.
constexpr uint32_t kOfLink = 5000;
constexpr uint32_t kFromAfar = 1000;

// A worker's share of what is for all of them; at least one.
uint32_t ShareOf(uint32_t sum, uint32_t workers) { return (sum + workers - 1) / workers; }

// Per second. The sums are of all workers together, and shared out, because one thread does the work; but
// no worker's share is under `least`, or a flood at one port would crowd out a peer's own messages there.
struct Rates {
  uint32_t per_prefix, per_endpoint;
  uint32_t of_strangers, of_endpoints, least;
};

InitLimiter::Options ByRates(const PuntBudget::Options& options, const Rates& rates) {
  const auto share = [&](uint32_t sum) { return std::max(sum / options.workers, rates.least); };
  return {.ticks_per_second = options.ticks_per_second,
          .inits_per_prefix = rates.per_prefix,
          .inits_per_endpoint = rates.per_endpoint,
          .inits_of_strangers = share(rates.of_strangers),
          .inits_of_endpoints = share(rates.of_endpoints),
          .seed = options.seed};
}

}  // namespace

// An init costs the control thread a key exchange; a later message that nobody awaits costs it one
// look-up, so a forger who wears a peer's address must not be able to crowd the peer's own out.
PuntBudget::PuntBudget(const Options& options)
    : ticks_per_second_(options.ticks_per_second),
      seed_(options.seed),
      kinds_(kKinds),
      ports_(options.ports),
      inits_(ByRates(options, {.per_prefix = ShareOf(options.inits_per_prefix, options.workers),
                               .per_endpoint = ShareOf(options.inits_per_endpoint, options.workers),
                               .of_strangers = 2000,
                               .of_endpoints = 5000,
                               .least = 100})),
      later_messages_(ByRates(options, {.per_prefix = 200,
                                        .per_endpoint = 20000,
                                        .of_strangers = 20000,
                                        .of_endpoints = 50000,
                                        .least = 10000})),
      no_session_(ByRates(options, {.per_prefix = 2,
                                    .per_endpoint = 10,
                                    .of_strangers = 50,
                                    .of_endpoints = 1000,
                                    .least = 10})) {}

bool PuntBudget::Take(TokenBucket* bucket, uint32_t per_second, uint64_t now) const {
  return bucket->Take(now, ticks_per_second_ / per_second, ticks_per_second_);
}

bool PuntBudget::Admit(PuntKind kind, const AddressWords& whom, uint64_t now) {
  const KindRates rates = RatesOf(kind);
  if (rates.all == 0) return false;
  OfKind& budget = kinds_[static_cast<size_t>(kind)];
  // The one is asked first: what it is refused must not cost the others a token.
  return Take(&budget.cells[CellOf(whom)], rates.each, now) && Take(&budget.all, rates.all, now);
}

// Keyed, or one could aim at another's cell.
size_t PuntBudget::CellOf(const AddressWords& whom) const {
  std::array<uint8_t, 16> key;
  StoreRaw(key.data(), whom.first);
  StoreRaw(key.data() + 8, whom.second);
  std::array<uint8_t, crypto_shorthash_siphash24_BYTES> hash;
  crypto_shorthash_siphash24(hash.data(), key.data(), key.size(), seed_.data());
  return LoadRaw<uint64_t>(hash.data()) % kCells;
}

bool PuntBudget::AdmitFrame(PortIndex port, bool of_link, uint64_t now) {
  OfPort& budget = ports_[port];
  return of_link ? Take(&budget.of_link, kOfLink, now) : Take(&budget.from_afar, kFromAfar, now);
}

std::optional<DropReason> PuntBudget::RefuseHandshake(uint32_t counter, const IpAddress& source,
                                                      uint64_t now, const KnownEndpoints* known) {
  if (counter == kCounterInit) {
    if (!inits_.Admit(now, source, known)) return DropReason::kInitLimited;
  } else if (!later_messages_.Admit(now, source, known)) {
    return DropReason::kPuntLimited;
  }
  return std::nullopt;
}

bool PuntBudget::AdmitNoSession(const IpAddress& source, uint64_t now,
                                const KnownEndpoints* known) {
  return no_session_.Admit(now, source, known);
}

}  // namespace noisegate::dataplane
