#include "crypto/aead.h"

#include "absl/status/status.h"
#include "crypto/aead_engines.h"

namespace noisegate::crypto {

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeAeadEngine(AeadEngineKind kind) {
  switch (kind) {
    case AeadEngineKind::kAuto: {
      // The fastest first. The last one runs everywhere.
      absl::StatusOr<std::unique_ptr<AeadEngine>> ipsec_mb = MakeIpsecMbEngine();
      if (!ipsec_mb.ok()) return MakeSodiumEngine();
      absl::StatusOr<std::unique_ptr<AeadEngine>> lanes = MakeLanesEngine();
      if (!lanes.ok()) return ipsec_mb;
      absl::StatusOr<std::unique_ptr<AeadEngine>> openssl = MakeOpensslEngine();
      if (!openssl.ok()) return openssl;
      return MakeByShapeEngine(*std::move(lanes), *std::move(ipsec_mb), *std::move(openssl));
    }
    case AeadEngineKind::kLanes:
      return MakeLanesEngine();
    case AeadEngineKind::kIpsecMb:
      return MakeIpsecMbEngine();
    case AeadEngineKind::kSodium:
      return MakeSodiumEngine();
    case AeadEngineKind::kOpenssl:
      return MakeOpensslEngine();
  }
  return absl::InvalidArgumentError("no such AEAD engine");
}

}  // namespace noisegate::crypto
