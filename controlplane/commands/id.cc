#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "controlplane/commands/commands.h"
#include "controlplane/libp2p/peer_id.h"

namespace noisegate::commands {
namespace {

constexpr std::streamsize kMaxPublicKeyFile = 16 << 10;  // bytes; RSA-4096 takes 800

int PrintId(const crypto::PublicKey& key, IdKind kind) {
  const bool in_noise_swarm = key.type() != crypto::KeyType::kSecp256k1;
  if (kind == IdKind::kNoiseSwarm && !in_noise_swarm) {
    return Fail("a secp256k1 key is no identity in Noise Swarm; only libp2p has them");
  }
  if (kind != IdKind::kLibp2p && in_noise_swarm) std::printf("%s\n", key.id().ToString().c_str());
  if (kind != IdKind::kNoiseSwarm) {
    std::printf("%s\n", libp2p::PeerId::OfPublicKey(key).ToString().c_str());
  }
  return kExitOk;
}

}  // namespace

int Id(const IdOptions& options) {
  // The first line says which kind it is, and gives nothing of a private key away to this process's
  // memory: that file is left to PrivateKey::Load, which knows how to handle it.
  std::ifstream file(options.file, std::ios::binary);
  std::string pem;
  std::getline(file, pem);
  if (pem.rfind("-----BEGIN PUBLIC KEY-----", 0) != 0) {
    const auto key = crypto::PrivateKey::Load(options.file, crypto::KeyUse::kLibp2p);
    return key.ok() ? PrintId(key->public_key(), options.kind) : Fail(key.status());
  }

  pem += '\n';
  std::string rest(kMaxPublicKeyFile, '\0');
  file.read(rest.data(), kMaxPublicKeyFile);
  pem.append(rest, 0, static_cast<size_t>(file.gcount()));
  const auto key = crypto::PublicKey::FromPem(pem, crypto::KeyUse::kLibp2p);
  if (key.ok()) return PrintId(*key, options.kind);
  return Fail(options.file + ": " +
              std::string(key.status().message().data(), key.status().message().size()));
}

}  // namespace noisegate::commands
