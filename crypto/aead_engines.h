// The engines behind MakeAeadEngine(), for aead.cc only. A further engine is one more file and one
// more line here and in aead.cc.
#ifndef NOISEGATE_CRYPTO_AEAD_ENGINES_H_
#define NOISEGATE_CRYPTO_AEAD_ENGINES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "crypto/aead.h"

namespace noisegate::crypto {

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeSodiumEngine();

// InvalidArgument where this CPU lacks AVX2.
absl::StatusOr<std::unique_ptr<AeadEngine>> MakeLanesEngine();

// InvalidArgument where this CPU lacks what ipsec-mb needs (SSE4.2 and AES-NI at the least).
absl::StatusOr<std::unique_ptr<AeadEngine>> MakeIpsecMbEngine();

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeOpensslEngine();

// Gives each burst to the one that is fastest for its shape.
std::unique_ptr<AeadEngine> MakeByShapeEngine(std::unique_ptr<AeadEngine> lanes,
                                              std::unique_ptr<AeadEngine> ipsec_mb,
                                              std::unique_ptr<AeadEngine> openssl);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_AEAD_ENGINES_H_
