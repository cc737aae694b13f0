// The inside of PrivateKey, for key_private.cc and key_file.cc only.
#ifndef NOISEGATE_CRYPTO_KEY_PRIVATE_H_
#define NOISEGATE_CRYPTO_KEY_PRIVATE_H_

#include <sodium.h>

#include "crypto/key.h"
#include "crypto/openssl.h"
#include "crypto/secret.h"

namespace noisegate::crypto {

struct PrivateKey::Rep {
  PublicKey public_key;
  Secret<crypto_sign_ed25519_SECRETKEYBYTES> ed25519;  // kEd25519 only: seed ‖ public key
  EvpKey evp;                                          // the others; wiped by OpenSSL

  static absl::StatusOr<PrivateKey> FromEvp(EvpKey evp, KeyUse use);
  EvpKey ToEvp() const;  // null if out of memory
};

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_KEY_PRIVATE_H_
