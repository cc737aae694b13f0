// A datagram sealed under one of a session's keys: what sig messages, transport messages and
// authenticated closes have in common (docs/protocol.md).
//
//   header (4) ‖ AEAD(plaintext) (n + 16)
//
// The nonce is the counter; the associated data is BE32(counter) without the direction bit.
#ifndef NOISEGATE_CONTROLPLANE_SEALED_DATAGRAM_H_
#define NOISEGATE_CONTROLPLANE_SEALED_DATAGRAM_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "crypto/secret.h"
#include "dataplane/header.h"

namespace noisegate::controlplane {

// The header of a datagram of at least kHeaderSize bytes.
inline dataplane::Header HeaderOf(std::span<const uint8_t> datagram) {
  return dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data()));
}

// A datagram of just a header, such as the original's bare NACK.
std::vector<uint8_t> BareDatagram(dataplane::Header header);

std::vector<uint8_t> SealDatagram(const crypto::Secret<32>& key, dataplane::Header header,
                                  std::span<const uint8_t> plaintext);

// The plaintext; nullopt where the datagram is too short or not authentic under `key`. Whether its
// counter and direction are expected is for the caller to say.
std::optional<std::vector<uint8_t>> OpenDatagram(const crypto::Secret<32>& key,
                                                 std::span<const uint8_t> datagram);

}  // namespace noisegate::controlplane

#endif  // NOISEGATE_CONTROLPLANE_SEALED_DATAGRAM_H_
