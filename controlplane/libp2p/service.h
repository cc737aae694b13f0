// The libp2p node of a gateway: a host and a relay on a thread of their own.
//
//   auto service = Service::Start(options, std::move(key));
//   (*service)->Snapshot();
//   (*service)->SetRelay(new_options);
//   (*service)->Stop();
//
// Its functions may be called from any one thread and do not wait for the loop, but for Start() and
// Stop().
#ifndef NOISEGATE_CONTROLPLANE_LIBP2P_SERVICE_H_
#define NOISEGATE_CONTROLPLANE_LIBP2P_SERVICE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "controlplane/libp2p/snapshot.h"
#include "crypto/key.h"

namespace noisegate::config {
struct Libp2p;
struct Libp2pRelay;
}  // namespace noisegate::config

namespace noisegate::libp2p {

struct HostOptions;
struct RelayOptions;

// The config's section as options. InvalidArgument names the key whose text is no multiaddr or no
// peer id.
absl::StatusOr<HostOptions> HostOptionsOf(const config::Libp2p& config);
absl::StatusOr<std::optional<RelayOptions>> RelayOptionsOf(
    const std::optional<config::Libp2pRelay>& config);

// What both would refuse.
absl::Status CheckConfig(const config::Libp2p& config);

class Service {
 public:
  // Listens when it returns. `on_thread` runs first on the new thread: what it may and where it runs
  // is the caller's to say.
  static absl::StatusOr<std::unique_ptr<Service>> Start(const config::Libp2p& config,
                                                        crypto::PrivateKey key,
                                                        std::function<void()> on_thread);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // At most a second old.
  ServiceSnapshot Snapshot() const;
  void SetRelay(std::optional<RelayOptions> options);
  // Says goodbye to peers, for at most `patience`. Idempotent.
  void Stop(std::chrono::milliseconds patience = std::chrono::milliseconds(100));

 private:
  class Loop;
  explicit Service(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace noisegate::libp2p

#endif  // NOISEGATE_CONTROLPLANE_LIBP2P_SERVICE_H_
