// Keys from hostile bytes: what is accepted builds back the same bytes, and has the id of those bytes.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "crypto/key.h"

namespace {

using noisegate::crypto::PeerId;
using noisegate::crypto::PrivateKey;
using noisegate::crypto::PublicKey;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckPublic(const PublicKey& key) {
  Require(key.id() == PeerId::OfPkixDer(key.pkix_der()));
  const absl::StatusOr<PublicKey> from_der = PublicKey::FromPkixDer(key.pkix_der());
  Require(from_der.ok() && from_der->id() == key.id() && from_der->type() == key.type());
  const absl::StatusOr<PublicKey> from_pem = PublicKey::FromPem(key.ToPem());
  Require(from_pem.ok() && from_pem->pkix_der() == key.pkix_der());
  // Nobody can have signed this digest.
  constexpr std::array<uint8_t, 64> kDigest = {0x42};
  Require(!key.VerifyDigest(kDigest, key.pkix_der()));
  Require(!key.VerifyDigest(kDigest, {}));
}

void CheckPrivate(const PrivateKey& key) {
  CheckPublic(key.public_key());
  constexpr std::array<uint8_t, 64> kDigest = {0x43};
  const absl::StatusOr<std::vector<uint8_t>> signature = key.SignDigest(kDigest);
  Require(signature.ok() && key.public_key().VerifyDigest(kDigest, *signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = PublicKey::FromPkixDer(bytes); key.ok()) {
    Require(std::vector<uint8_t>(bytes.begin(), bytes.end()) == key->pkix_der());
    CheckPublic(*key);
  }
  if (const auto key = PublicKey::FromPem(text); key.ok()) CheckPublic(*key);
  if (const auto key = PrivateKey::FromPkcs8Der(bytes); key.ok()) CheckPrivate(*key);
  if (const auto key = PrivateKey::FromPem(text); key.ok()) CheckPrivate(*key);
  return 0;
}
