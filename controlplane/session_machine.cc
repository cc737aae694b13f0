// The public face of the session machine: inputs, outputs, status. session_machine_state.h says where
// the rest is.
#include "controlplane/session_machine.h"

#include <algorithm>
#include <cassert>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "controlplane/sealed_datagram.h"
#include "controlplane/session_machine_state.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Direction;
using dataplane::DropReason;
using dataplane::Header;

std::string Seconds(Duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1fs", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace

SessionMachine::SessionMachine(const crypto::PrivateKey& identity, PeerPolicy& policy,
                               crypto::Random& random, Options options)
    : state_(std::make_unique<State>(identity, policy, random, options)) {}

SessionMachine::~SessionMachine() = default;

// --- Inputs ---

void SessionMachine::HandleDatagram(TimePoint now, const Path& path,
                                    std::span<const uint8_t> datagram) {
  if (datagram.size() < dataplane::kHeaderSize) return state_->Reject(DropReason::kTruncated);
  const Header header = HeaderOf(datagram);
  const bool to_responder = header.direction == Direction::kInitiatorToResponder;
  if (header.counter == dataplane::kCounterClose) {
    return state_->HandleClose(now, path, datagram);
  }
  if (const auto refused = ParseNoSessionHint(datagram)) {
    return state_->HandleHint(now, path,
                              refused->direction == Direction::kInitiatorToResponder
                                  ? dataplane::Role::kInitiator
                                  : dataplane::Role::kResponder);
  }
  if (to_responder && header.counter == dataplane::kCounterInit) {
    return state_->HandleInit(now, path, datagram);
  }
  if (!to_responder && header.counter == dataplane::kCounterResp) {
    return state_->HandleResp(now, path, datagram);
  }
  if (to_responder && header.counter == dataplane::kCounterSigInitiator) {
    return state_->HandleSigOfInitiator(now, path, datagram);
  }
  if (!to_responder && header.counter == dataplane::kCounterSigResponder) {
    return state_->HandleSigOfResponder(now, path, datagram);
  }
  state_->Reject(DropReason::kUnexpectedHandshake);
}

void SessionMachine::HandleNoSession(TimePoint now, const Path& path,
                                     std::span<const uint8_t> datagram) {
  state_->HandleUnopened(now, path, datagram);
}

void SessionMachine::HandleTimeout(TimePoint now) {
  state_->half_open.Expire(now);
  while (state_->MaySendMore()) {
    const auto due = state_->timers.PopDue(now);
    if (!due) return;
    state_->Run(now, *state_->paths[*due]);
  }
}

absl::Status SessionMachine::Dial(TimePoint now, const Path& path, const crypto::PeerId& peer) {
  if (peer == local_id()) {
    return absl::InvalidArgumentError(
        absl::StrCat("will not dial ", path.remote.ToString().c_str(), ": the peer id is our own"));
  }
  State::PathState* const state = state_->FindOrAddPath(path);
  if (state == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room to dial ", path.remote.ToString().c_str(), ": there are ",
        state_->path_index.size(), " paths already"));
  }
  if (state->dialled == peer) return absl::OkStatus();
  if (state->dialled) {
    return absl::AlreadyExistsError(
        absl::StrCat(path.remote.ToString().c_str(), " is dialled for another peer, ",
                     state->dialled->ToString().c_str()));
  }
  state->dialled = peer;
  if (state_->MaySendMore()) {
    state_->Run(now, *state);
  } else {
    state_->timers.Set(state->index, now);
  }
  return absl::OkStatus();
}

void SessionMachine::Undial(const Path& path) {
  State::PathState* const state = state_->FindPath(path);
  if (state == nullptr || !state->dialled) return;
  state->dialled.reset();
  state->pending.reset();
  state_->EndHandshake(*state);
  state_->ForgetIfUnused(*state);
}

void SessionMachine::SessionConfirmed(TimePoint now, SessionId id) {
  State::Session* session = nullptr;
  State::PathState* const path = state_->PathOf(id, &session);
  if (path == nullptr || session->heard) return;
  state_->Heard(now, *path, *session);
  state_->Run(now, *path);
}

void SessionMachine::ReportTraffic(TimePoint now, SessionId id, const SessionTraffic& traffic) {
  State::Session* session = nullptr;
  State::PathState* const path = state_->PathOf(id, &session);
  if (path == nullptr) return;
  state_->HandleTraffic(now, *path, *session, traffic);
  state_->Run(now, *path);
}

void SessionMachine::Renew(TimePoint now, SessionId id) {
  State::Session* session = nullptr;
  State::PathState* const path = state_->PathOf(id, &session);
  if (path == nullptr || session->replaced()) return;
  state_->BeginHandshake(now, *path, State::Cause::kRenew);
  state_->Run(now, *path);
}

void SessionMachine::ClosePeer(TimePoint now, const crypto::PeerId& peer, DownCause cause) {
  const auto found = state_->peer_sessions.find(peer);
  if (found == state_->peer_sessions.end()) return;
  for (const SessionId id : std::vector<SessionId>(found->second)) {
    State::Session* session = nullptr;
    State::PathState* const path = state_->PathOf(id, &session);
    state_->SendClose(path->path, *session);
    state_->TakeDown(*path, static_cast<size_t>(session - path->sessions.data()), cause);
    state_->Run(now, *path);
  }
}

void SessionMachine::CloseAll(TimePoint now) {
  state_->half_open.Clear();
  for (size_t i = 0; i < state_->paths.size(); ++i) {
    if (state_->paths[i] == nullptr) continue;
    State::PathState& path = *state_->paths[i];
    path.dialled.reset();
    path.pending.reset();
    state_->EndHandshake(path);
    while (!path.sessions.empty()) {
      state_->SendClose(path.path, path.sessions.back());
      state_->TakeDown(path, path.sessions.size() - 1, DownCause::kClosedByUs);
    }
    state_->Run(now, path);
  }
}

// --- Outputs ---

bool SessionMachine::PollTransmit(Transmit* out) {
  if (state_->transmits.empty()) return false;
  *out = std::move(state_->transmits.front());
  state_->transmits.pop_front();
  return true;
}

bool SessionMachine::PollEvent(Event* out) {
  if (state_->events.empty()) return false;
  *out = std::move(state_->events.front());
  state_->events.pop_front();
  return true;
}

std::optional<TimePoint> SessionMachine::NextTimeout() const {
  const std::optional<TimePoint> expiry = state_->half_open.NextExpiry();
  const std::optional<TimePoint> timer = state_->timers.Next();
  if (!expiry) return timer;
  return timer ? std::min(*expiry, *timer) : *expiry;
}

const SessionMachine::Counters& SessionMachine::counters() const { return state_->counters; }

const crypto::PeerId& SessionMachine::local_id() const { return state_->identity.id(); }

std::vector<PathStatus> SessionMachine::Paths(TimePoint now) const {
  std::vector<PathStatus> all;
  for (const auto& path : state_->paths) {
    if (path == nullptr) continue;
    PathStatus status{.path = path->path,
                      .peer = path->dialled,
                      .dialled = path->dialled.has_value(),
                      .state = state_->StateText(now, *path),
                      .attempts = path->tries,
                      .last_failure = path->last_failure,
                      .sessions = {},
                      .handshake_rtt = path->rtt};
    for (const State::Session& session : path->sessions) {
      if (!status.peer) status.peer = session.peer_id();
      status.sessions.push_back(session.id);
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::string SessionMachine::State::StateText(TimePoint now, const PathState& path) const {
  const bool up = Lead(path) != nullptr;
  if (!path.handshaking() && !path.pending) return up ? "up" : "unconfirmed";
  const std::string prefix = up ? "up, renewing: " : "";
  const bool answered = path.pending || std::any_of(path.attempts.begin(), path.attempts.end(),
                                                    [](const Attempt& a) { return a.secured.has_value(); });
  if (answered) return prefix + "handshake";
  if (path.attempts.empty()) return prefix + "waiting " + Seconds(path.next_init - now);
  return prefix + "no answer for " + Seconds(now - path.begun);
}

// --- Paths ---

SessionMachine::State::PathState* SessionMachine::State::FindPath(const Path& path) {
  const auto found = path_index.find(path);
  return found == path_index.end() ? nullptr : paths[found->second].get();
}

SessionMachine::State::PathState* SessionMachine::State::FindOrAddPath(const Path& path) {
  if (PathState* const known = FindPath(path)) return known;
  if (path_index.size() >= options.max_paths) return nullptr;
  if (free_paths.empty()) {
    free_paths.push_back(static_cast<TimerQueue::Id>(paths.size()));
    paths.emplace_back();
  }
  const TimerQueue::Id index = free_paths.back();
  free_paths.pop_back();
  paths[index] = std::make_unique<PathState>();
  paths[index]->index = index;
  paths[index]->path = path;
  path_index[path] = index;
  return paths[index].get();
}

SessionMachine::State::PathState* SessionMachine::State::PathOf(SessionId id, Session** session) {
  const auto found = session_paths.find(id);
  if (found == session_paths.end()) return nullptr;
  PathState* const path = paths[found->second].get();
  const auto at = std::find_if(path->sessions.begin(), path->sessions.end(),
                               [id](const Session& s) { return s.id == id; });
  assert(at != path->sessions.end());
  *session = &*at;
  return path;
}

bool SessionMachine::State::ForgetIfUnused(PathState& path) {
  if (path.dialled || path.pending || !path.sessions.empty()) return false;
  timers.Cancel(path.index);
  path_index.erase(path.path);
  free_paths.push_back(path.index);
  paths[path.index].reset();  // `path` is gone
  return true;
}

void SessionMachine::State::Run(TimePoint now, PathState& path) {
  if (path.pending && path.pending->due <= now) BringUpPending(now, path);
  ExpireSessions(now, path);
  BeginWhatIsDue(now, path);
  if (path.handshaking()) ContinueHandshake(now, path);
  SendKeepAlives(now, path);
  if (ForgetIfUnused(path)) return;
  const TimePoint next = NextDeadline(path);
  if (next == kNever) {
    timers.Cancel(path.index);
  } else {
    timers.Set(path.index, next);
  }
}

void SessionMachine::State::BeginWhatIsDue(TimePoint now, PathState& path) {
  if (!path.dialled && path.sessions.empty()) return EndHandshake(path);
  if (path.dialled && !IsUp(path, *path.dialled)) {
    BeginHandshake(now, path, Cause::kDial);
  } else if (RenewalDue(path) <= now) {
    BeginHandshake(now, path, Cause::kRenew);
  } else if (SilenceDue(path) <= now) {
    BeginHandshake(now, path, Cause::kSuspicion);
  }
}

TimePoint SessionMachine::State::NextDeadline(const PathState& path) const {
  TimePoint next = KeepAliveDue(path);
  if (path.pending) next = std::min(next, path.pending->due);
  if (path.handshaking()) {
    next = std::min({next, path.next_init, path.sig_overdue});
  } else {
    next = std::min({next, RenewalDue(path), SilenceDue(path)});
  }
  for (const Session& session : path.sessions) {
    next = std::min({next, session.receive_until, session.retire_at, session.unblock_at});
  }
  return next;
}

void SessionMachine::State::Send(const Path& path, std::vector<uint8_t> datagram) {
  transmits.push_back({path, std::move(datagram)});
}

// --- Whom we accept ---

std::optional<DropReason> SessionMachine::State::Judge(
    const ProvenPeer& peer, const std::optional<crypto::PeerId>& wanted) {
  const crypto::PeerId& id = peer.public_key->id();
  if (!policy.Admits(id)) return DropReason::kUnknownPeer;
  if (wanted && *wanted != id) return DropReason::kWrongPeer;
  // A peer that has all that one may have takes the place of its own.
  if (session_paths.size() >= options.max_sessions &&
      SessionsOf(id) < options.max_sessions_per_peer) {
    return DropReason::kTableFull;
  }
  return std::nullopt;
}

void SessionMachine::State::Reject(PathState* path, DropReason reason, const ProvenPeer* peer) {
  Reject(reason);
  if (path == nullptr) return;
  const std::string_view meaning = dataplane::kDropReasonTexts[static_cast<size_t>(reason)].meaning;
  path->last_failure = std::string(dataplane::DropReasonName(reason)) + ": " + std::string(meaning);
  if (peer != nullptr) path->last_failure += ": " + peer->public_key->id().ToString();
}

}  // namespace noisegate::controlplane
