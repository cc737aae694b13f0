// A gateway whose worker does not run: perf/ is its devices and its clock.
//
//   hosts 10.0.0.x ── wire ── [overlay  gateway  underlay] ── wire ── peers, one session with each
//
// Frames are made as a device would deliver them, walked by the real worker (Worker::RunOnce), and
// taken from the wires again.
#ifndef NOISEGATE_PERF_PATH_RIG_H_
#define NOISEGATE_PERF_PATH_RIG_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "dataplane/dpdk_dataplane.h"
#include "dataplane/ring_wire.h"
#include "perf/random.h"

namespace noisegate::perf {

enum class PathOp : uint8_t { kEncapsulate, kDecapsulate, kRelay };
std::string_view ToText(PathOp op);

class PathRig {
 public:
  // As many frames as a port has receive descriptors.
  static constexpr uint32_t kFrames = 1024;

  // A peer for each session, at least two, because a relay needs another to send to. `lcore` is an
  // idle worker of the EAL.
  static absl::StatusOr<std::unique_ptr<PathRig>> Create(uint32_t sessions, unsigned lcore);

  // What the worker seals and opens with; the caller's, as long as it is in use.
  void SetEngine(crypto::AeadEngine* engine);

  // Fills `frames` (at most kFrames) for `op` with inner packets of `bytes`, sealed by the engine
  // where peers sent them; each for another session, taken at random. False where no buffer is left.
  bool Receive(PathOp op, uint32_t bytes, std::span<rte_mbuf*> frames);
  // The port that they came in by.
  const dataplane::Port& PortOf(PathOp op) const;
  // Takes what was sent off the wires and frees it; Internal, with the reasons, where that is not
  // `expected` frames.
  absl::Status TakeSent(PathOp op, uint32_t expected);

  dataplane::Worker& worker() { return dataplane_.worker_for_perf(); }

 private:
  using Key = std::array<uint8_t, crypto::kAeadKeySize>;

  explicit PathRig(uint32_t sessions, const dataplane::DataplaneOptions& options);
  absl::Status Build();
  absl::Status Publish(uint32_t peer);
  uint32_t AnySession() { return random_.Below(sessions_); }
  uint32_t AnyPeerBut(uint32_t peer);

  void WriteInner(PathOp op, uint32_t bytes, uint32_t from_peer, uint8_t* packet);
  void WriteOverlayFrame(uint32_t bytes, rte_mbuf* frame);
  void WriteMessage(PathOp op, uint32_t bytes, uint32_t peer, rte_mbuf* frame, Key* key,
                    crypto::AeadMessage* message);
  void WriteOuter(uint32_t peer, uint32_t counter, rte_mbuf* frame, uint32_t bytes) const;

  const uint32_t sessions_;
  dataplane::RingEnd hosts_, underlay_;  // before the gateway: it takes the other ends
  dataplane::DpdkDataplane dataplane_;
  dataplane::NeighbourIndex next_hop_ = 0;
  std::vector<uint32_t> next_counter_;  // [peer]: of what the peer sends
  Xorshift random_;
};

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_PATH_RIG_H_
