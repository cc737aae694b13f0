// PEM (RFC 7468) around one DER object, for the sources of crypto/ only.
#ifndef NOISEGATE_CRYPTO_PEM_H_
#define NOISEGATE_CRYPTO_PEM_H_

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace noisegate::crypto {

inline constexpr size_t kMaxPemSize = 64 * 1024;  // bytes; a 4,096-bit RSA key has 3.3 KB

// DER from a PEM block. Wiped when destroyed, as it may be a private key.
class PemBody {
 public:
  PemBody(uint8_t* data, size_t size) : data_(data, Free{size}) {}
  std::span<const uint8_t> der() const { return {data_.get(), data_.get_deleter().size}; }

 private:
  struct Free {
    size_t size;
    void operator()(uint8_t* data) const { OPENSSL_secure_clear_free(data, size); }
  };
  std::unique_ptr<uint8_t, Free> data_;
};

// The first block of `pem`, which must be labelled `label` and not encrypted. Text before it is
// skipped.
absl::StatusOr<PemBody> DecodePem(std::string_view pem, std::string_view label);

}  // namespace noisegate::crypto

#endif  // NOISEGATE_CRYPTO_PEM_H_
