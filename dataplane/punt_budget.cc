#include "dataplane/punt_budget.h"

#include <algorithm>

#include "dataplane/header.h"

namespace noisegate::dataplane {
namespace {

// Punts a second, by kind. What waits for a session or a neighbour is bounded again by the control
// thread's queues; what it answers with ICMP is what a router would answer (RFC 1812 4.3.2.8).
uint32_t RateOf(PuntKind kind) {
  switch (kind) {
    case PuntKind::kControl:
    case PuntKind::kLocal:
      return 5000;
    case PuntKind::kNeedSession:
    case PuntKind::kNeedNeighbour:
      return 10000;
    case PuntKind::kTooBig:
    case PuntKind::kTtlExpired:
    case PuntKind::kNoRoute:
      return 500;
    case PuntKind::kHandshake:
    case PuntKind::kNoSession:
      return 0;  // by source, below
  }
  return 0;
}

constexpr uint32_t kFromAfar = 1000;  // punts a second

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
      inits_(ByRates(options, {.per_prefix = options.inits_per_prefix,
                               .per_endpoint = options.inits_per_endpoint,
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

bool PuntBudget::Admit(PuntKind kind, uint64_t now) {
  const uint32_t rate = RateOf(kind);
  return rate != 0 && buckets_[static_cast<size_t>(kind)].Take(now, ticks_per_second_ / rate,
                                                              ticks_per_second_);
}

bool PuntBudget::AdmitFromAfar(uint64_t now) {
  return from_afar_.Take(now, ticks_per_second_ / kFromAfar, ticks_per_second_);
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
