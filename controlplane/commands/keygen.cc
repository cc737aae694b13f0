#include <cstdio>

#include "controlplane/commands/commands.h"

namespace noisegate::commands {

int Keygen(const KeygenOptions& options) {
  auto key = crypto::PrivateKey::Generate(options.type);
  if (!key.ok()) return Fail(key.status());
  const absl::Status saved = key->Save(options.out);
  if (!saved.ok()) return Fail(saved);
  std::printf("%s\n", key->id().ToString().c_str());
  return kExitOk;
}

}  // namespace noisegate::commands
