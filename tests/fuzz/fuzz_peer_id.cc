// Peer ids from hostile text: there is exactly one text for each id.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/peer_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using noisegate::crypto::PeerId;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<PeerId> id = PeerId::Parse(text);
  if (id.ok() && id->ToString() != text) std::abort();
  return 0;
}
