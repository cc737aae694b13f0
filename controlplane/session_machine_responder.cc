// Answering: init in, resp out, sig in, sig out. handshake.h draws the messages.
//
// Anyone can send an init, so it gets what costs and tells little: a resp, the same one for the same
// init. Our identity, a signature and room for a session are only for whose sig has been verified.
#include <algorithm>

#include "controlplane/session_machine_state.h"

namespace noisegate::controlplane {

using dataplane::DropReason;

void SessionMachine::State::HandleInit(TimePoint now, const Path& path,
                                       std::span<const uint8_t> datagram) {
  const auto e = ParseInit(datagram);
  if (!e) return Reject(DropReason::kBadHandshake);
  half_open.Expire(now);
  if (const HalfOpenTable::Entry* const known = half_open.Find(path, *e)) {
    return Send(path, known->answered.resp);
  }
  auto answered = AnswerInit(datagram, random);
  if (!answered) return Reject(DropReason::kBadKey);
  Send(path, answered->resp);
  half_open.Insert({.path = path, .created = now, .answered = *std::move(answered)});

  // An original peer only dials when it has no session left, so one that it once began is gone, if this
  // comes from it; and what we still send on that would end the handshake that it wants now. Ours, in its
  // other slot, gets out of that.
  PathState* const known = FindPath(path);
  const Session* const sending = known != nullptr ? Sending(*known) : nullptr;
  if (sending != nullptr && sending->role == dataplane::Role::kResponder &&
      sending->peer.capabilities.is_original()) {
    Suspect(now, *known, sending->last_rx);
  }
}

void SessionMachine::State::HandleSigOfInitiator(TimePoint now, const Path& where,
                                                 std::span<const uint8_t> datagram) {
  half_open.Expire(now);
  const std::vector<const HalfOpenTable::Entry*> candidates = half_open.Of(where);
  if (candidates.empty()) return Reject(DropReason::kUnexpectedHandshake);
  PathState* const path = FindPath(where);
  const auto known = path != nullptr ? path->last_peer.public_key : nullptr;
  for (const HalfOpenTable::Entry* const candidate : candidates) {
    auto proof = candidate->answered.secured.ReadSig(
        datagram, identity.id(), known,
        [this](const crypto::PeerId& peer) { return policy.Admits(peer); });
    if (!proof) continue;
    HalfOpenTable::Entry entry = half_open.Take(candidate);
    if (const auto* const reason = std::get_if<DropReason>(&*proof)) {
      return Reject(path, *reason, nullptr);
    }
    return Accept(now, where, std::move(entry.answered.secured), entry.created,
                  std::get<ProvenPeer>(*std::move(proof)));
  }
  Reject(DropReason::kBadHandshake);
}

void SessionMachine::State::Accept(TimePoint now, const Path& where, SecuredHandshake secured,
                                   TimePoint created, ProvenPeer peer) {
  PathState* path = FindPath(where);
  const auto wanted = path != nullptr ? path->dialled : std::nullopt;
  if (const auto refused = Judge(peer, wanted)) return Reject(path, *refused, &peer);
  if (path != nullptr && std::any_of(path->sessions.begin(), path->sessions.end(), [&](const Session& s) {
        return s.role == secured.role() && !s.heard && s.created > created;
      })) {
    // The initiator has given this one up for the other, and the network has swapped them.
    return Reject(DropReason::kUnexpectedHandshake);
  }
  auto sig = secured.WriteSig(identity, options.offered);
  if (path == nullptr && sig.ok()) path = FindOrAddPath(where);
  if (path == nullptr || !sig.ok()) return Reject(DropReason::kTableFull);

  ++counters.handshakes_responder;
  path->rtt = now - created;
  // Now it is certain, and nothing more may be sent there.
  for (size_t i = path->sessions.size(); peer.capabilities.is_original() && i-- > 0;) {
    if (path->sessions[i].role == secured.role()) TakeDown(*path, i, DownCause::kReplaced);
  }
  // Before the sig goes out, so that the data plane can open what the initiator sends on having it.
  BringUp(now, *path, std::move(secured), created, std::move(peer));
  Send(where, *std::move(sig));
  Run(now, *path);
}

}  // namespace noisegate::controlplane
