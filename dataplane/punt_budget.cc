#include "dataplane/punt_budget.h"

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

InitLimiter::Options ByRates(const PuntBudget::Options& options, uint32_t per_prefix,
                             uint32_t per_endpoint, uint32_t of_strangers) {
  return {.ticks_per_second = options.ticks_per_second,
          .inits_per_prefix = per_prefix,
          .inits_per_endpoint = per_endpoint,
          .inits_of_strangers = of_strangers,
          .seed = options.seed};
}

}  // namespace

// An init costs the control thread a key exchange; a later message that nobody awaits costs it one
// look-up, so a forger who wears a peer's address must not be able to crowd the peer's own out.
PuntBudget::PuntBudget(const Options& options)
    : ticks_per_second_(options.ticks_per_second),
      inits_(ByRates(options, options.inits_per_prefix, options.inits_per_endpoint, 2000)),
      later_messages_(ByRates(options, 200, 20000, 20000)),
      no_session_(ByRates(options, 2, 10, 50)) {}

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
