// Multiaddrs and peer ids from hostile text and bytes: what parses has one text and one binary
// form.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "controlplane/libp2p/multiaddr.h"

namespace {

using namespace noisegate::libp2p;

void Require(bool condition) {
  if (!condition) std::abort();
}

void Check(const Multiaddr& address) {
  Require(Multiaddr::FromBytes(address.ToBytes()).value() == address);
  Require(Multiaddr::Parse(address.ToString()).value() == address);
  if (const auto circuit = address.circuit())
    Require(circuit->relay.last_peer() == circuit->relay_id);
  if (const auto target = address.tcp())
    Require(target->address.has_value() != !target->name.empty());
  if (const auto peer = address.last_peer()) {
    Require(PeerId::Parse(peer->ToString()).value() == *peer);
    Require(PeerId::Parse(peer->ToCidString()).value() == *peer);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto address = Multiaddr::FromBytes(bytes); address.ok()) {
    Require(std::ranges::equal(address->ToBytes(), bytes));
    Check(*address);
  }
  if (const auto address = Multiaddr::Parse(text); address.ok()) Check(*address);
  if (const auto id = PeerId::FromBytes(bytes); id.ok())
    Require(std::ranges::equal(id->bytes(), bytes));
  if (const auto id = PeerId::Parse(text); id.ok())
    Require(PeerId::Parse(id->ToString()).value() == *id);
  return 0;
}
