// Sessions from up to down: confirmation, rollover, expiry.
//
// Make before break: the new session is in the data plane's hands before the first message can come on
// it, and the old one goes on receiving until a grace time after the other side is known to have moved.
#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>

#include "controlplane/sealed_datagram.h"
#include "controlplane/session_machine_state.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Role;
using std::chrono::milliseconds;

constexpr uint32_t kConfirmations = 5;  // empty messages at most, until the responder is heard
constexpr Duration kFirstRepeat = milliseconds(250);

SessionId NextSessionId() {
  static std::atomic<SessionId> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);  // unique is all it has to be
}

}  // namespace

SessionMachine::State::Session& SessionMachine::State::BringUp(TimePoint now, PathState& path,
                                                               SecuredHandshake secured,
                                                               TimePoint created, ProvenPeer peer) {
  const Role role = secured.role();
  MakeRoom(path, role);
  MakeRoomForPeer(now, peer.public_key->id());
  if (role == Role::kInitiator && Lead(path) != nullptr) ++counters.rollovers;

  const Duration jitter(random.Below(static_cast<uint64_t>(options.renew_jitter.count()) + 1));
  Session session;
  session.id = NextSessionId();
  session.role = role;
  session.peer = std::move(peer);
  session.send_key = secured.send_key().Clone();
  session.receive_key = secured.receive_key().Clone();
  session.created = created;
  session.up = now;
  // The responder cannot know how long init was on its way; it was less than a round trip.
  const Duration unseen = role == Role::kResponder ? path.rtt.value_or(Duration::zero()) : Duration();
  session.send_until = created + options.send_life - unseen;
  session.receive_until = created + options.session_life;
  // An original peer sends up to the end of a session's life, and some of that is then on the way.
  if (session.peer.capabilities.is_original()) session.receive_until += options.grace;
  session.renew_at = role == Role::kInitiator
                         ? created + options.renew_after + 2 * jitter - options.renew_jitter
                         : created + options.responder_renews_after + jitter;

  Emit(SessionUp{.id = session.id,
                 .path = path.path,
                 .peer = session.peer_id(),
                 .public_key = session.peer.public_key,
                 .role = role,
                 .capabilities = session.peer.capabilities,
                 .send_key = session.send_key.Clone(),
                 .receive_key = session.receive_key.Clone(),
                 .confirmed = session.confirmed(),
                 .send_until = session.send_until,
                 .receive_until = session.receive_until});
  session_paths[session.id] = path.index;
  peer_sessions[session.peer_id()].push_back(session.id);
  path.last_peer = session.peer;
  path.last_proof = now;
  path.sessions.push_back(std::move(session));
  Session& up = path.sessions.back();
  if (role == Role::kInitiator) {
    StartSending(now, path, up);
  } else if (up.peer.capabilities.is_original()) {
    up.unblock_at = now + 2 * path.rtt.value_or(milliseconds(0)) + std::chrono::seconds(1);
  }
  return up;
}

// The initiator's session is confirmed by having the responder's sig; the responder learns so from the
// first message, which is therefore sent at once.
void SessionMachine::State::StartSending(TimePoint now, PathState& path, Session& session) {
  path.held = false;  // a session that comes up ends the hold
  path.tries = 0;
  path.last_failure.clear();
  if (session.peer.capabilities.is_original()) {
    Supersede(now, path, session);  // it has dropped the one before
    if (std::exchange(path.unblocks, false)) Unblock(now, path);
  } else {
    session.confirms_left = kConfirmations - 1;
    session.confirm_pause = kFirstRepeat;
    session.confirm_at = now + session.confirm_pause;
  }
  SendEmpty(now, path, session.id);
}

void SessionMachine::State::BringUpPending(TimePoint now, PathState& path) {
  PendingUp pending = *std::move(path.pending);
  path.pending.reset();
  BringUp(now, path, std::move(pending.secured), pending.created, std::move(pending.peer));
}

void SessionMachine::State::Heard(TimePoint now, PathState& path, Session& session) {
  const bool was_confirmed = session.confirmed();
  if (!was_confirmed && Lead(path) != nullptr) ++counters.rollovers;
  session.heard = true;
  session.confirm_at = kNever;
  session.unblock_at = kNever;
  path.last_proof = now;
  Supersede(now, path, session);
  if (was_confirmed) return;

  path.tries = 0;
  path.last_failure.clear();
  // An original peer keeps what comes of our own handshake, in its other slot, so that is seen through.
  if (session.peer.capabilities.is_original()) return;
  // So that the initiator stops confirming, and knows when its old session may go.
  SendEmpty(now, path, session.id);
  // Where both have dialled, this is as good as what our own handshake would have brought.
  const bool enough = path.handshaking() && path.target == session.peer_id() &&
                      path.begun - session.created < options.renew_after / 4;
  if (enough) EndHandshake(path);
}

// `winner` is in use at both ends: which others does nobody need any more?
void SessionMachine::State::Supersede(TimePoint now, PathState& path, const Session& winner) {
  for (Session& other : path.sessions) {
    if (&other == &winner || other.replaced()) continue;
    const bool older = other.created < winner.created;
    bool loses = other.peer_id() != winner.peer_id();
    if (other.role == winner.role) {
      loses |= older;
    } else if (!winner.peer.capabilities.is_original()) {
      // An original peer uses either slot as it likes. And where both have dialled at once, each side
      // might see the other's session as the older one: then both stay until the next rollover.
      loses |= older && !Simultaneous(other, winner);
    }
    if (loses) other.retire_at = now + options.grace;
  }
}

bool SessionMachine::State::Simultaneous(const Session& a, const Session& b) const {
  const Duration apart = a.created < b.created ? b.created - a.created : a.created - b.created;
  return a.role != b.role && apart < options.renew_after / 4;
}

crypto::PeerId SessionMachine::State::InitiatorOf(const Session& session) const {
  return session.role == Role::kInitiator ? identity.id() : session.peer_id();
}

const SessionMachine::State::Session* SessionMachine::State::Lead(const PathState& path) const {
  const Session* lead = nullptr;
  for (const Session& session : path.sessions) {
    if (!session.confirmed() || session.replaced()) continue;
    if (path.dialled && session.peer_id() != *path.dialled) continue;
    const bool better = lead == nullptr ? true
                        : Simultaneous(session, *lead)
                            ? InitiatorOf(session) < InitiatorOf(*lead)
                            : session.created > lead->created;
    if (better) lead = &session;
  }
  return lead;
}

const SessionMachine::State::Session* SessionMachine::State::Sending(const PathState& path) const {
  const Session* newest = nullptr;
  for (const Session& session : path.sessions) {
    if (!session.confirmed() || session.replaced()) continue;
    if (newest == nullptr || session.created > newest->created) newest = &session;
  }
  return newest;
}

bool SessionMachine::State::IsUp(const PathState& path, const crypto::PeerId& peer) const {
  if (path.pending && path.pending->peer.public_key->id() == peer) return true;
  return std::any_of(path.sessions.begin(), path.sessions.end(), [&](const Session& session) {
    return session.confirmed() && !session.replaced() && session.peer_id() == peer;
  });
}

TimePoint SessionMachine::State::RenewalDue(const PathState& path) const {
  const Session* const lead = Lead(path);
  if (lead == nullptr || path.handshaking() || path.pending) return kNever;
  // A session that nobody here has asked for goes on only for as long as it is of use.
  const auto since_created = [lead](const std::optional<TimePoint>& t) {
    return t && *t >= lead->created;
  };
  if (!path.dialled && !since_created(path.last_data_rx) && !since_created(path.last_data_tx)) {
    return kNever;
  }
  // Six tries of two round trips each should fit in before sending must stop. Where round trips are
  // long, the renewal begins that much earlier.
  const Duration wanted = 12 * path.rtt.value_or(milliseconds(0));
  const Duration room = options.send_life - options.renew_after;
  const Duration early =
      std::clamp<Duration>(wanted - room, Duration::zero(), options.renew_after / 4);
  return lead->renew_at - early;
}

// Bounds what the data plane must try a message against, and what one peer can take up. An initiator that
// sends the sig of another handshake has given up the one before, so a session that nothing has come on is
// the first to go; then one that is in its grace time; then the oldest.
void SessionMachine::State::MakeRoom(PathState& path, Role role) {
  const auto rank = [](const Session& s) { return !s.confirmed() ? 0 : s.replaced() ? 1 : 2; };
  for (;;) {
    size_t count = 0;
    size_t first = 0;
    for (size_t i = 0; i < path.sessions.size(); ++i) {
      const Session& session = path.sessions[i];
      if (session.role != role) continue;
      if (count++ == 0 || rank(session) < rank(path.sessions[first])) first = i;
    }
    if (count < kMaxSessionsPerDirection &&
        (count == 0 || path.sessions[first].confirmed())) {
      return;
    }
    TakeDown(path, first, DownCause::kReplaced);
  }
}

// Each source port is a path of its own, so a peer could otherwise fill the table, at the cost of all
// others. Its oldest session goes: a peer whose address changed leaves such behind.
void SessionMachine::State::MakeRoomForPeer(TimePoint now, const crypto::PeerId& peer) {
  while (SessionsOf(peer) >= options.max_sessions_per_peer) {
    Session* session = nullptr;
    PathState* const path = PathOf(peer_sessions.at(peer).front(), &session);
    TakeDown(*path, static_cast<size_t>(session - path->sessions.data()), DownCause::kReplaced);
    timers.Set(path->index, now);  // for what follows from it there
  }
}

size_t SessionMachine::State::SessionsOf(const crypto::PeerId& peer) const {
  const auto found = peer_sessions.find(peer);
  return found == peer_sessions.end() ? 0 : found->second.size();
}

void SessionMachine::State::TakeDown(PathState& path, size_t index, DownCause cause) {
  const Session& session = path.sessions[index];
  Emit(SessionDown{session.id, path.path, session.peer_id(), cause});
  session_paths.erase(session.id);
  const auto of_peer = peer_sessions.find(session.peer_id());
  std::erase(of_peer->second, session.id);
  if (of_peer->second.empty()) peer_sessions.erase(of_peer);
  path.sessions.erase(path.sessions.begin() + static_cast<std::ptrdiff_t>(index));
}

void SessionMachine::State::ExpireSessions(TimePoint now, PathState& path) {
  if (std::any_of(path.sessions.begin(), path.sessions.end(),
                  [now](const Session& session) { return session.unblock_at <= now; })) {
    Unblock(now, path);
  }
  for (size_t i = path.sessions.size(); i-- > 0;) {
    const Session& session = path.sessions[i];
    if (session.receive_until <= now) {
      TakeDown(path, i, DownCause::kExpired);
    } else if (session.retire_at <= now) {
      TakeDown(path, i, DownCause::kReplaced);
    }
  }
}

// Clears the slot in which an original peer dials. It dials because it has something to send, and sends
// it as soon as it is ready. Where nothing comes, one of our datagrams has met a slot that it had
// emptied: that makes it wait for a resp to an init that it never sent, and blocks its dialling for a
// minute. A resp without a body ends that, and the next time it dials, it starts afresh.
void SessionMachine::State::Unblock(TimePoint now, PathState& path) {
  Send(path.path,
       BareDatagram({dataplane::Direction::kResponderToInitiator, dataplane::kCounterResp}));
  for (Session& session : path.sessions) {
    if (session.role != Role::kResponder || session.replaced()) continue;
    session.retire_at = now + (session.heard ? options.grace : Duration::zero());
    session.unblock_at = kNever;
  }
}

}  // namespace noisegate::controlplane
