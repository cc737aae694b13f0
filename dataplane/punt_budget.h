// How much a worker passes on to the control thread, so that nobody can bury it (or use it to answer
// others): handshakes by who they claim to come from, everything else by kind.
#ifndef NOISEGATE_DATAPLANE_PUNT_BUDGET_H_
#define NOISEGATE_DATAPLANE_PUNT_BUDGET_H_

#include <cstdint>
#include <optional>
#include <array>

#include "dataplane/dataplane.h"
#include "dataplane/init_limiter.h"

namespace noisegate::dataplane {

// Owned by one worker. Takes its memory when made.
class PuntBudget {
 public:
  struct Options {
    uint64_t ticks_per_second = 0;
    uint32_t workers = 1;  // that share what the control thread can do
    uint32_t inits_per_prefix = 20;
    uint32_t inits_per_endpoint = 200;
    std::array<uint8_t, 16> seed = {};  // random
  };
  explicit PuntBudget(const Options& options);

  // Whether one more packet of `kind` may be punted. Not for kHandshake and kNoSession.
  bool Admit(PuntKind kind, uint64_t now);
  // The same for a kControl frame that may have come from beyond its link (a ping, that is): such frames
  // must not crowd out ARP and neighbour discovery, without which no next hop stays known.
  bool AdmitFromAfar(uint64_t now);
  // A datagram of `counter` (0 … 3 or the closing one) that claims to come from `source`: nothing where
  // it may be punted, else why not.
  std::optional<DropReason> RefuseHandshake(uint32_t counter, const IpAddress& source, uint64_t now,
                                            const KnownEndpoints* known);
  bool AdmitNoSession(const IpAddress& source, uint64_t now, const KnownEndpoints* known);

 private:
  static constexpr size_t kKinds = static_cast<size_t>(PuntKind::kLocal) + 1;

  const uint64_t ticks_per_second_;
  std::array<TokenBucket, kKinds> buckets_;
  TokenBucket from_afar_;
  InitLimiter inits_;
  InitLimiter later_messages_;  // counters 1 … 3 and the closing one
  InitLimiter no_session_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PUNT_BUDGET_H_
