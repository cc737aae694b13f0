// Dialling: init out, resp in, sig out, sig in. handshake.h draws the messages.
//
// Nothing is ever resent: what goes unanswered is started over with a new init, while the ones before
// may still be answered. Towards a noisegate they run side by side up to resp, and then one of them at a
// time goes on: who has sent the sig of a second has given up the first, which lets the responder do
// the same. An original peer drops the one before for each new init, so towards it, and towards whom
// we do not know yet, only the newest counts.
#include <algorithm>

#include "controlplane/sealed_datagram.h"
#include "controlplane/session_machine_state.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using std::chrono::milliseconds;

constexpr Duration kLeastPatience = milliseconds(200);  // however short the round trip
constexpr uint32_t kMaxDoublings = 16;

}  // namespace

void SessionMachine::State::BeginHandshake(TimePoint now, PathState& path, Cause cause) {
  if (path.pending) return;
  if (path.handshaking()) {
    if (path.cause == Cause::kSuspicion) path.cause = cause;  // now it must be seen through
    return;
  }
  const Session* const lead = Lead(path);
  if (!path.dialled && lead == nullptr) return;
  path.target = path.dialled ? *path.dialled : lead->peer_id();
  path.cause = cause;
  path.begun = now;
  path.next_init = now;
  path.tries = 0;

  // It may have lost the session that it began, without a word, and be blocked by what we sent on it.
  const Session* const sending = Sending(path);
  path.unblocks = cause == Cause::kSuspicion && sending != nullptr &&
                  sending->role == dataplane::Role::kResponder &&
                  sending->peer.capabilities.is_original();

  // Our init ends the session that an original peer has in the same slot, and data that comes behind it
  // ends the handshake: so nothing is sent from a little before it until it is done.
  const bool must_hold =
      std::any_of(path.sessions.begin(), path.sessions.end(), [now](const Session& session) {
        return session.peer.capabilities.is_original() &&
               session.role == dataplane::Role::kInitiator && now < session.send_until;
      });
  if (must_hold) {
    path.held = true;
    path.next_init = now + OriginalPause(path);
    Emit(HoldSending{path.path, true});
  }
}

void SessionMachine::State::AbandonAttempts(PathState& path) {
  path.cause = Cause::kNone;
  path.attempts.clear();
  path.sig_overdue = kNever;
  path.early_sigs.clear();
}

void SessionMachine::State::EndHandshake(PathState& path) {
  AbandonAttempts(path);
  if (!path.held) return;
  path.held = false;
  Emit(HoldSending{path.path, false});
}

void SessionMachine::State::ContinueHandshake(TimePoint now, PathState& path) {
  std::erase_if(path.attempts, [&](const Attempt& attempt) {
    return attempt.started + options.half_open_life <= now;
  });
  if (path.sig_overdue <= now) SendSig(now, path);
  if (path.handshaking() && path.next_init <= now) SendInit(now, path);
}

void SessionMachine::State::SendInit(TimePoint now, PathState& path) {
  if (path.attempts.size() == kMaxAttempts) {
    // Rather one that nobody has answered.
    auto victim = std::find_if(path.attempts.begin(), path.attempts.end(),
                               [](const Attempt& attempt) { return !attempt.secured.has_value(); });
    if (victim == path.attempts.end()) victim = path.attempts.begin();
    path.attempts.erase(victim);
  }
  std::vector<uint8_t> init;
  path.attempts.push_back({.handshake = InitiatorHandshake(random, &init),
                           .started = now,
                           .secured = std::nullopt,
                           .sig_sent = std::nullopt});
  Send(path.path, std::move(init));
  ++path.tries;
  ++counters.handshakes_started;
  path.next_init = now + RetryDelay(now, path);
}

Duration SessionMachine::State::RetryDelay(TimePoint now, const PathState& path) {
  const uint32_t doublings = std::min(path.tries - 1, kMaxDoublings);
  Duration delay = std::min(options.max_retry, options.first_retry * (1 << doublings));
  if (path.rtt) {
    // Where we know how long an answer takes, a lost datagram need not cost a second: the first time,
    // and as long as the peer shows otherwise that it is there. A silent one is asked once a second.
    const bool alive = path.last_rx && now - *path.last_rx < options.first_retry;
    if (path.tries == 1 || alive) delay = std::min(delay, std::max(2 * *path.rtt, kLeastPatience));
    if (!KnownToCope(path)) delay = std::max(delay, 2 * *path.rtt);
  }
  return delay + Duration(random.Below(static_cast<uint64_t>(delay.count()) / 4 + 1));
}

Duration SessionMachine::State::OriginalPause(const PathState& path) const {
  // Its threads swap datagrams within a millisecond; the network, within some part of a round trip.
  return std::max(options.original_peer_pause, path.rtt.value_or(Duration::zero()) / 8);
}

bool SessionMachine::State::KnownToCope(const PathState& path) const {
  const ProvenPeer& last = path.last_peer;
  return last.public_key != nullptr && last.public_key->id() == path.target &&
         !last.capabilities.is_original();
}

void SessionMachine::State::HandleResp(TimePoint now, const Path& where,
                                       std::span<const uint8_t> datagram) {
  PathState* const path = FindPath(where);
  if (path == nullptr || path->attempts.empty()) return Reject(DropReason::kUnexpectedHandshake);
  for (size_t i = path->attempts.size(); i-- > 0;) {
    if (path->attempts[i].secured) continue;
    if (!MayTryResp(now, *path)) return Reject(DropReason::kPuntLimited);
    auto secured = path->attempts[i].handshake.ReadResp(datagram);
    if (!secured) {
      path->bad_resps.Add(now);
      bad_resps.Add(now);
      continue;
    }
    TakeUp(now, *path, i, *std::move(secured));
    return Run(now, *path);
  }
  Reject(DropReason::kBadHandshake);
}

bool SessionMachine::State::MayTryResp(TimePoint now, const PathState& path) const {
  const uint32_t of_path = path.bad_resps.Count(now);
  return of_path == 0 || (of_path < kMaxBadRespsOfPath && bad_resps.Count(now) < kMaxBadResps);
}

void SessionMachine::State::TakeUp(TimePoint now, PathState& path, size_t index,
                                   SecuredHandshake secured) {
  path.rtt = now - path.attempts[index].started;
  if (!KnownToCope(path) && index + 1 < path.attempts.size()) {
    // A sig to what an original peer has dropped would end what it has taken up instead.
    path.attempts.erase(path.attempts.begin() + static_cast<std::ptrdiff_t>(index));
    path.next_init = std::max(path.next_init, path.attempts.back().started + 2 * *path.rtt);
    return;
  }
  path.attempts[index].secured = std::move(secured);
  if (path.sig_overdue == kNever) SendSig(now, path);
}

// Says who we are to the next that has answered, and gives up the one that it was said to before. Always
// onwards: what is older than that, the responder gives up as well.
void SessionMachine::State::SendSig(TimePoint now, PathState& path) {
  path.sig_overdue = kNever;
  const auto next = std::find_if(path.attempts.begin(), path.attempts.end(),
                                 [](const Attempt& a) { return a.secured && !a.sig_sent; });
  if (next == path.attempts.end()) return;
  auto sig = next->secured->WriteSig(identity, options.offered);
  if (!sig.ok()) {
    path.last_failure = std::string(sig.status().message());
    return AbandonAttempts(path);
  }
  next->sig_sent = now;
  path.sig_overdue = now + kLeastPatience + *path.rtt + *path.rtt / 4;
  path.next_init = path.sig_overdue;
  Send(path.path, *std::move(sig));

  path.attempts.erase(path.attempts.begin(), next);
  for (const std::vector<uint8_t>& early : std::exchange(path.early_sigs, {})) {
    if (TrySig(now, path, early)) return;
  }
}

void SessionMachine::State::HandleSigOfResponder(TimePoint now, const Path& where,
                                                 std::span<const uint8_t> datagram) {
  PathState* const path = FindPath(where);
  if (path == nullptr || path->attempts.empty()) return Reject(DropReason::kUnexpectedHandshake);
  if (datagram.size() > kMaxSigSize) return Reject(DropReason::kBadHandshake);
  if (TrySig(now, *path, datagram)) return Run(now, *path);
  const bool awaits_resp =
      std::any_of(path->attempts.begin(), path->attempts.end(),
                  [](const Attempt& attempt) { return !attempt.sig_sent.has_value(); });
  if (!awaits_resp) return Reject(DropReason::kBadHandshake);
  if (path->early_sigs.size() == kMaxEarlySigs) path->early_sigs.erase(path->early_sigs.begin());
  path->early_sigs.emplace_back(datagram.begin(), datagram.end());
}

// False where the sig does not answer ours. Otherwise that attempt is over, for better or worse.
bool SessionMachine::State::TrySig(TimePoint now, PathState& path,
                                   std::span<const uint8_t> datagram) {
  const auto attempt =
      std::find_if(path.attempts.begin(), path.attempts.end(),
                   [](const Attempt& a) { return a.sig_sent.has_value(); });
  if (attempt == path.attempts.end()) return false;
  const auto proof =
      attempt->secured->ReadSig(datagram, identity.id(), path.last_peer.public_key,
                                [](const crypto::PeerId&) { return true; });  // Judge() says who it is
  if (!proof) return false;
  const ProvenPeer* const peer = std::get_if<ProvenPeer>(&*proof);
  const std::optional<DropReason> refused =
      peer == nullptr ? std::get<DropReason>(*proof) : Judge(*peer, path.target);
  if (refused) {
    Reject(&path, *refused, peer);
    path.attempts.erase(attempt);
  } else {
    Finish(now, path, std::move(*attempt), *peer);
  }
  return true;
}

void SessionMachine::State::Finish(TimePoint now, PathState& path, Attempt attempt,
                                   ProvenPeer peer) {
  AbandonAttempts(path);
  ++counters.handshakes_initiator;
  if (peer.capabilities.is_original()) {
    // Its threads may read the first data before our sig, which would end the session.
    path.pending.emplace(PendingUp{.secured = *std::move(attempt.secured),
                                   .peer = std::move(peer),
                                   .created = attempt.started,
                                   .due = *attempt.sig_sent + OriginalPause(path)});
  } else {
    BringUp(now, path, *std::move(attempt.secured), attempt.started, std::move(peer));
  }
}

}  // namespace noisegate::controlplane
