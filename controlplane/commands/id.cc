#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "controlplane/commands/commands.h"

namespace noisegate::commands {
namespace {

constexpr std::streamsize kMaxPublicKeyFile = 16 << 10;  // bytes; RSA-4096 takes 800

int PrintId(const crypto::PeerId& id) {
  std::printf("%s\n", id.ToString().c_str());
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
    const auto key = crypto::PrivateKey::Load(options.file);
    return key.ok() ? PrintId(key->id()) : Fail(key.status());
  }

  pem += '\n';
  std::string rest(kMaxPublicKeyFile, '\0');
  file.read(rest.data(), kMaxPublicKeyFile);
  pem.append(rest, 0, static_cast<size_t>(file.gcount()));
  const auto key = crypto::PublicKey::FromPem(pem);
  if (key.ok()) return PrintId(key->id());
  return Fail(options.file + ": " +
              std::string(key.status().message().data(), key.status().message().size()));
}

}  // namespace noisegate::commands
