#include "crypto/pem.h"

#include <openssl/pem.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crypto/openssl.h"

namespace noisegate::crypto {

absl::StatusOr<PemBody> DecodePem(std::string_view pem, std::string_view label) {
  const OpenSslErrorScope errors;
  if (pem.size() > kMaxPemSize) return absl::InvalidArgumentError("too long for a PEM key");
  const BioHandle bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return absl::ResourceExhaustedError("out of memory");

  char* name = nullptr;
  char* header = nullptr;
  uint8_t* data = nullptr;
  long size = 0;  // NOLINT: OpenSSL's type
  if (PEM_read_bio_ex(bio.get(), &name, &header, &data, &size, PEM_FLAG_SECURE) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("no PEM block \"-----BEGIN ", std::string(label), "-----\" found"));
  }
  PemBody body(data, static_cast<size_t>(size));
  const std::string found = name;
  const bool encrypted = header[0] != '\0' || found.find("ENCRYPTED") != std::string::npos;
  OPENSSL_secure_free(name);
  OPENSSL_secure_free(header);
  if (encrypted) {
    return absl::InvalidArgumentError(
        "the key is encrypted; remove the passphrase with: openssl pkcs8 -in OLD -topk8 -nocrypt");
  }
  if (found != label) {
    return absl::InvalidArgumentError(
        absl::StrCat("the PEM block is a \"", found, "\", expected \"", std::string(label),
                     "\"; private keys convert with: openssl pkcs8 -in OLD -topk8 -nocrypt"));
  }
  return body;
}

}  // namespace noisegate::crypto
