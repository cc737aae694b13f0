// Identity keys for libp2p's tests: from the protobuf form that other implementations write, and
// one of each type.
#ifndef NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_TEST_KEYS_H_
#define NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_TEST_KEYS_H_

#include <cstdlib>
#include <span>

#include "controlplane/libp2p/noise_handshake.h"
#include "controlplane/libp2p/varint.h"
#include "crypto/key.h"
#include "crypto/openssl.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::libp2p {

using crypto::AsBytes;
using crypto::Bytes;
using crypto::FromHex;
using crypto::ToHex;

inline crypto::PrivateKey FromTraditionalDer(const Bytes& der) {
  const uint8_t* p = der.data();
  const crypto::EvpKey evp(d2i_AutoPrivateKey(nullptr, &p, static_cast<long>(der.size())));
  const crypto::Pkcs8Info info(EVP_PKEY2PKCS8(evp.get()));
  uint8_t* raw = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &raw);
  const Bytes pkcs8(raw, raw + size);
  OPENSSL_free(raw);
  return crypto::PrivateKey::FromPkcs8Der(pkcs8, crypto::KeyUse::kLibp2p).value();
}

// PrivateKey { 1 type, 2 data } of the peer-ids specification.
inline crypto::PrivateKey PrivateKeyFromProtobuf(const Bytes& protobuf) {
  const std::span<const uint8_t> bytes(protobuf);
  if (bytes.size() < 4 || bytes[0] != 0x08 || bytes[2] != 0x12) std::abort();
  const Varint size = ReadVarint(bytes.subspan(3));
  const std::span<const uint8_t> data = bytes.subspan(3 + size.size);
  if (data.size() != size.value) std::abort();
  switch (bytes[1]) {
    case 1:  // seed ‖ public key
      return crypto::PrivateKey::FromEd25519Seed(data.first<32>()).value();
    case 2: {  // the bare number: RFC 5915 around it
      Bytes der = FromHex("302e0201010420");
      der.insert(der.end(), data.begin(), data.end());
      const Bytes curve = FromHex("a00706052b8104000a");
      der.insert(der.end(), curve.begin(), curve.end());
      return FromTraditionalDer(der);
    }
    default:  // PKCS#1 or RFC 5915
      return FromTraditionalDer(Bytes(data.begin(), data.end()));
  }
}

// The same key for the same number.
inline crypto::PrivateKey TestKey(uint8_t number) {
  const Bytes seed(32, number);
  return crypto::PrivateKey::FromEd25519Seed(crypto::Fixed<32>(seed)).value();
}

inline crypto::X25519KeyPair TestStaticKey(uint8_t number) {
  const Bytes bytes(32, number);
  return crypto::X25519KeyPair::FromPrivate(crypto::Secret<32>(crypto::Fixed<32>(bytes)));
}

inline NoiseIdentity TestIdentity(uint8_t number,
                                  std::vector<std::string> muxers = {std::string(kYamuxProtocol)}) {
  return NoiseIdentity::Create(TestKey(number), TestStaticKey(number), std::move(muxers)).value();
}

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_TESTS_CONTROLPLANE_LIBP2P_TEST_KEYS_H_
