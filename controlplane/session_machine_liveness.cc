// Keep-alives, silence, hints and closes: whether the other side is still there.
#include <algorithm>

#include "controlplane/sealed_datagram.h"
#include "controlplane/session_machine_state.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Direction;
using dataplane::DropReason;
using dataplane::Role;

void Advance(std::optional<TimePoint>& latest, const std::optional<TimePoint>& reported) {
  if (reported && (!latest || *latest < *reported)) latest = reported;
}

}  // namespace

void SessionMachine::State::HandleTraffic(TimePoint now, PathState& path, Session& session,
                                          const SessionTraffic& traffic) {
  session.last_rx = traffic.last_rx;
  // The grace time counts from when the other side was last seen to use it.
  if (session.replaced() && traffic.last_rx) {
    session.retire_at = std::max(session.retire_at, *traffic.last_rx + options.grace);
  }
  Advance(path.last_rx, traffic.last_rx);
  Advance(path.last_data_rx, traffic.last_data_rx);
  Advance(path.last_tx, traffic.last_tx);
  Advance(path.last_data_tx, traffic.last_data_tx);
  if (traffic.last_rx && !session.heard) Heard(now, path, session);
  if (traffic.next_counter >= kRenewFromCounter) session.renew_at = std::min(session.renew_at, now);

  // Since when has data that came in had no answer, and data that went out no sign of life?
  if (path.unreplied_since && path.last_tx >= path.unreplied_since) path.unreplied_since.reset();
  if (!path.unreplied_since && path.last_data_rx > path.last_tx) {
    path.unreplied_since = path.last_data_rx;
  }
  const TimePoint alive = LastSign(path);
  if (path.unanswered_since && alive > path.unanswered_since) path.unanswered_since.reset();
  if (!path.unanswered_since && path.last_data_tx > alive) {
    path.unanswered_since = path.last_data_tx;
  }

  const TimePoint heard = std::max(session.up, session.last_rx.value_or(session.up));
  if (session.unanswered_since && heard > session.unanswered_since) session.unanswered_since.reset();
  if (!session.unanswered_since && traffic.last_data_tx > heard) {
    session.unanswered_since = traffic.last_data_tx;
  }

  // It was there after all. Unless a sig has gone out: then the handshake is as good as done.
  const bool unfounded = path.cause == Cause::kSuspicion && KnownToCope(path) && alive > path.begun;
  if (unfounded && std::none_of(path.attempts.begin(), path.attempts.end(),
                                [](const Attempt& attempt) { return attempt.secured.has_value(); })) {
    EndHandshake(path);
  }
}

TimePoint SessionMachine::State::LastSign(const PathState& path) const {
  return std::max(path.last_proof, path.last_rx.value_or(path.last_proof));
}

TimePoint SessionMachine::State::SilenceDue(const PathState& path) const {
  const Session* const sending = Sending(path);
  if (sending == nullptr || path.handshaking() || path.pending) return kNever;
  std::optional<TimePoint> since;
  if (sending->peer.capabilities.has(Capabilities::kPassiveKeepAlive)) {
    since = path.unanswered_since;
  } else if (sending->peer.capabilities.is_original() && sending->role == Role::kResponder) {
    // It need not answer. But what it no longer has in this slot it swallows without a NACK, while in
    // the other slot it would complain: so ours goes there.
    since = sending->unanswered_since;
  }
  if (!since) return kNever;
  return *since + options.silence_before_redial + path.rtt.value_or(Duration::zero());
}

TimePoint SessionMachine::State::KeepAliveDue(const PathState& path) const {
  TimePoint due = kNever;
  for (const Session& session : path.sessions) due = std::min(due, session.confirm_at);
  const Session* const sending = Sending(path);
  if (sending == nullptr) return due;
  if (path.unreplied_since && sending->peer.capabilities.has(Capabilities::kPassiveKeepAlive) &&
      options.offered.has(Capabilities::kPassiveKeepAlive)) {
    due = std::min(due, *path.unreplied_since + options.passive_keep_alive);
  }
  if (options.keep_alive > Duration::zero()) {
    due = std::min(due, std::max(path.last_tx.value_or(path.last_proof), path.last_proof) +
                            options.keep_alive);
  }
  return due;
}

void SessionMachine::State::SendKeepAlives(TimePoint now, PathState& path) {
  for (Session& session : path.sessions) {
    if (session.confirm_at > now) continue;
    session.confirm_pause *= 2;
    session.confirm_at = --session.confirms_left == 0 ? kNever : now + session.confirm_pause;
    SendEmpty(now, path, session.id);
  }
  if (KeepAliveDue(path) <= now) SendEmpty(now, path, Sending(path)->id);
}

void SessionMachine::State::SendEmpty(TimePoint now, PathState& path, SessionId id) {
  Emit(SendEmptyMessage{id});
  Advance(path.last_tx, now);
  path.unreplied_since.reset();
}

// --- Closes ---

void SessionMachine::State::SendClose(const Path& path, const Session& session) {
  ++counters.closes_sent;
  const Direction direction = dataplane::SendDirection(session.role);
  if (session.peer.capabilities.is_original() && session.role == Role::kResponder) {
    // It would take a close, but not dial again for a minute.
    return Send(path, BareDatagram({direction, dataplane::kCounterResp}));
  }
  Send(path, SealDatagram(session.send_key, {direction, dataplane::kCounterClose}, {}));
}

void SessionMachine::State::HandleClose(TimePoint now, const Path& where,
                                        std::span<const uint8_t> datagram) {
  const Direction direction = HeaderOf(datagram).direction;
  if (datagram.size() == dataplane::kHeaderSize) {
    Reject(DropReason::kBareClose);
    return HandleHint(now, where,
                      direction == Direction::kInitiatorToResponder ? Role::kResponder
                                                                    : Role::kInitiator);
  }
  PathState* const path = FindPath(where);
  if (path == nullptr || datagram.size() != dataplane::kOverhead) {
    return Reject(DropReason::kBadClose);
  }
  for (size_t i = 0; i < path->sessions.size(); ++i) {
    const Session& session = path->sessions[i];
    if (dataplane::ReceiveDirection(session.role) != direction) continue;
    if (!OpenDatagram(session.receive_key, datagram)) continue;
    ++counters.closes_received;
    TakeDown(*path, i, DownCause::kClosedByPeer);
    if (path->dialled && !path->handshaking() && !IsUp(*path, *path->dialled)) {
      // It is on its way out; a moment later it may be on its way back.
      BeginHandshake(now, *path, Cause::kDial);
      path->next_init = now + options.first_retry;
    }
    return Run(now, *path);
  }
  Reject(DropReason::kBadClose);
}

// --- Hints ---

// Somebody, perhaps the other side, says that it does not have our session in which we are `role`.
void SessionMachine::State::HandleHint(TimePoint now, const Path& where, Role role) {
  ++counters.hints_received;
  PathState* const path = FindPath(where);
  if (path == nullptr) return;
  const Session* meant = nullptr;
  for (const Session& session : path->sessions) {
    if (session.role == role && !session.replaced()) meant = &session;
  }
  // What came back sooner than a round trip was about the session before.
  if (meant == nullptr || now - meant->up < path->rtt.value_or(Duration::zero()) * 3 / 4) return;
  // An original peer may never have got our sig, or have lost the one session and still use the other.
  Suspect(now, *path, meant->peer.capabilities.is_original() ? meant->last_rx : LastSign(*path));
}

// Starts a handshake beside the running session, unless the peer has just shown signs of life: then the
// hint is forged or old. While nothing flows there are no signs, so whoever forges hints makes us handshake
// each time: ever more rarely, therefore. A peer that has lost its session again and again is noticed all
// the same, by its silence or because it dials.
void SessionMachine::State::Suspect(TimePoint now, PathState& path,
                                    const std::optional<TimePoint>& last_rx) {
  const auto within = [now](const std::optional<TimePoint>& t, Duration interval) {
    return t && now - *t < interval;
  };
  if (path.handshaking() || path.pending) return;
  if (within(last_rx, options.hint_interval * 3 / 4)) return;
  if (within(path.last_hint, path.hint_pause)) return;
  if (!hint_obeying.Allow(now, path.path)) return;
  ++counters.hints_obeyed;
  path.hint_pause = within(path.last_hint, options.session_life)
                        ? std::min(2 * path.hint_pause, options.session_life / 2)
                        : options.hint_interval;
  path.last_hint = now;
  BeginHandshake(now, path, Cause::kSuspicion);
  Run(now, path);
}

void SessionMachine::State::HandleUnopened(TimePoint now, const Path& where,
                                           std::span<const uint8_t> datagram) {
  if (datagram.size() < dataplane::kOverhead) return;
  const dataplane::Header header = HeaderOf(datagram);
  if (!header.is_message()) return;
  const Role role = header.direction == Direction::kInitiatorToResponder ? Role::kResponder
                                                                         : Role::kInitiator;
  PathState* const path = FindPath(where);
  const bool has_session =
      path != nullptr && std::any_of(path->sessions.begin(), path->sessions.end(),
                                     [role](const Session& s) { return s.role == role; });
  // A handshake that is under way would be ended by a hint, at an original peer.
  const bool under_way = role == Role::kResponder
                             ? half_open.Contains(where)
                             : path != nullptr && (path->handshaking() || path->pending);
  if (has_session || under_way) return;
  if (hint_sending.Allow(now, where)) {
    ++counters.hints_sent;
    Send(where, BuildNoSessionHint(header));
  }
  if (path != nullptr && path->dialled) Suspect(now, *path, LastSign(*path));
}

}  // namespace noisegate::controlplane
