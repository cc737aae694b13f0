// SwarmSession: seals and opens the messages of one session, for a SecureSwarm.
//
// What the data plane's workers do with bursts of packets, done one message at a time: transport
// messages of docs/protocol.md, counters 4 … 2^31-2, with the replay window on the way in.
// Handshakes and closes are the session machine's.
#ifndef NOISEGATE_CONTROLPLANE_SWARM_SESSION_H_
#define NOISEGATE_CONTROLPLANE_SWARM_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/session_machine.h"
#include "controlplane/swarm.h"
#include "crypto/key.h"
#include "crypto/secret.h"
#include "dataplane/drop_reason.h"
#include "dataplane/header.h"
#include "dataplane/replay_window.h"

namespace noisegate::controlplane {

// One thread. The keys are wiped when it is destroyed.
class SwarmSession {
 public:
  explicit SwarmSession(SessionUp up);
  SwarmSession(const SwarmSession&) = delete;
  SwarmSession& operator=(const SwarmSession&) = delete;

  SessionId id() const { return id_; }
  const Path& path() const { return path_; }
  const crypto::PeerId& peer() const { return peer_; }
  PeerAddress address() const { return {peer_, path_.remote}; }
  const crypto::PublicKey& public_key() const { return *public_key_; }
  const SessionTraffic& traffic() const { return traffic_; }

  // The other side has the keys too: the initiator knows that at once, the responder once a message
  // has opened.
  bool confirmed() const { return confirmed_; }
  void set_confirmed() { confirmed_ = true; }

  bool CanSend(TimePoint now) const;
  // The datagram of one message. Only where CanSend().
  std::vector<uint8_t> Seal(TimePoint now, std::span<const uint8_t> message);

  // True where a message with this header and stripe may be of this session.
  bool MayHaveSent(uint16_t stripe, dataplane::Header header) const;
  // Opens a datagram of at least kOverhead bytes. nullopt: what was sealed is in *message, and this
  // was the first time. Otherwise it may still be of another session.
  std::optional<dataplane::DropReason> Open(TimePoint now, std::span<const uint8_t> datagram,
                                            std::vector<uint8_t>* message);

 private:
  const SessionId id_;
  const Path path_;
  const crypto::PeerId peer_;
  const std::shared_ptr<const crypto::PublicKey> public_key_;
  const dataplane::Role role_;
  const crypto::Secret<32> send_key_;
  const crypto::Secret<32> receive_key_;
  const TimePoint send_until_;
  const TimePoint receive_until_;
  bool confirmed_;
  dataplane::ReplayWindow replay_;
  SessionTraffic traffic_;
};

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SWARM_SESSION_H_
