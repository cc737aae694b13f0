// How much a worker passes on to the control thread, so that nobody can bury it (or use it to answer
// others): handshakes by who they claim to come from, frames by the port they came in on, everything else by
// kind, and by whom it is about.
#ifndef NOISEGATE_DATAPLANE_PUNT_BUDGET_H_
#define NOISEGATE_DATAPLANE_PUNT_BUDGET_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/address_words.h"
#include "dataplane/dataplane.h"
#include "dataplane/init_limiter.h"

namespace noisegate::dataplane {

// Owned by one worker. Takes its memory when made.
class PuntBudget {
 public:
  struct Options {
    uint64_t ticks_per_second = 0;
    uint32_t workers = 1;  // that share what the control thread can do
    uint32_t ports = 1;
    // Of all workers together.
    uint32_t inits_per_prefix = 20;
    uint32_t inits_per_endpoint = 200;
    std::array<uint8_t, 16> seed = {};  // random
  };
  explicit PuntBudget(const Options& options);

  // Whether one more packet of `kind` may be punted that is about `whom`: a peer, a next hop, a sender. Each
  // has a share that leaves something to the others. Not for kControl, kHandshake and kNoSession.
  bool Admit(PuntKind kind, const AddressWords& whom, uint64_t now);
  bool Admit(PuntKind kind, PeerIndex whom, uint64_t now) {
    return Admit(kind, AddressWords{whom, 0}, now);
  }
  // The same for kControl. Each port has a budget of its own, so that a flood on one link does not keep the
  // gateway from the others; and what may have come from beyond the link (a ping, that is) has one beside
  // that of ARP and neighbour discovery, without which no next hop stays known.
  bool AdmitFrame(PortIndex port, bool of_link, uint64_t now);
  // A datagram of `counter` (0 … 3 or the closing one) that claims to come from `source`: nothing where
  // it may be punted, else why not.
  std::optional<DropReason> RefuseHandshake(uint32_t counter, const IpAddress& source, uint64_t now,
                                            const KnownEndpoints* known);
  bool AdmitNoSession(const IpAddress& source, uint64_t now, const KnownEndpoints* known);

 private:
  static constexpr size_t kKinds = static_cast<size_t>(PuntKind::kLocal) + 1;
  static constexpr size_t kCells = 256;  // of each kind; whoever shares one by its hash shares its budget

  struct OfKind {
    TokenBucket all;
    std::array<TokenBucket, kCells> cells;
  };
  struct OfPort {
    TokenBucket of_link, from_afar;
  };

  bool Take(TokenBucket* bucket, uint32_t per_second, uint64_t now) const;
  size_t CellOf(const AddressWords& whom) const;

  const uint64_t ticks_per_second_;
  const std::array<uint8_t, 16> seed_;
  std::vector<OfKind> kinds_;
  std::vector<OfPort> ports_;
  InitLimiter inits_;
  InitLimiter later_messages_;  // counters 1 … 3 and the closing one
  InitLimiter no_session_;
};

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_PUNT_BUDGET_H_
