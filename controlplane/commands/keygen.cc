#include <cstdio>
#include <string>

#include "controlplane/commands/commands.h"
#include "controlplane/libp2p/peer_id.h"

namespace noisegate::commands {

int Keygen(const KeygenOptions& options) {
  auto key = crypto::PrivateKey::Generate(options.type);
  if (!key.ok()) return Fail(key.status());
  const absl::Status saved = key->Save(options.out);
  if (!saved.ok()) return Fail(saved);
  const bool only_libp2p = key->type() == crypto::KeyType::kSecp256k1;
  const std::string id = only_libp2p ? libp2p::PeerId::OfPublicKey(key->public_key()).ToString()
                                     : key->id().ToString();
  std::printf("%s\n", id.c_str());
  return kExitOk;
}

}  // namespace noisegate::commands
