// The original implementation in the simulator: its sessions by address, two at most, and how a Tell
// waits for one. The model of what becomes of a session is original_session.h.
#ifndef NOISEGATE_TESTS_SIM_ORIGINAL_PEER_H_
#define NOISEGATE_TESTS_SIM_ORIGINAL_PEER_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "crypto/key.h"
#include "tests/sim/original_session.h"
#include "tests/sim/virtual_network.h"

namespace noisegate::sim {

class OriginalPeer final : public Node {
 public:
  // What it says of one slot.
  enum class Slot { kEmpty, kHandshake, kReady, kBlocked };

  OriginalPeer(VirtualNetwork* network, uint64_t identity, uint32_t address, uint64_t seed);
  ~OriginalPeer() override;

  void Restart() { sessions_.clear(); tells_.clear(); }
  // Whom it will dial: Tell refuses another peer at that address.
  void set_peer(const crypto::PeerId& peer) { peer_ = peer; }
  // Tells a message every `period`, each in a goroutine of its own; zero stops it.
  void TellEvery(const Endpoint& to, Duration period);

  void Receive(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) override;
  std::optional<TimePoint> NextTimeout() const override;
  void HandleTimeout(TimePoint now) override;

  const Endpoint& endpoint() const { return endpoint_; }
  const crypto::PeerId& id() const { return key_.id(); }
  // kBlocked: a session that was never started sits in the slot, and dialling waits for it in vain.
  Slot SlotOf(const Endpoint& remote, bool outbound) const;

  const std::set<uint64_t>& told() const { return told_; }
  const std::set<uint64_t>& survived() const { return survived_; }
  const std::multiset<uint64_t>& received() const { return received_; }
  uint64_t failed_tells() const { return failed_tells_; }
  TimePoint last_received() const { return last_received_; }

 private:
  using Key = std::pair<Endpoint, bool>;  // remote, outbound
  struct Entry {
    OriginalSession session;
    bool started;
  };
  // A goroutine inside Tell.
  struct Telling {
    Endpoint to;
    uint64_t number;
    int attempt = 0;
    std::shared_ptr<Entry> waits_for;  // null while it sleeps between attempts
    TimePoint until;
  };
  struct Received {
    TimePoint at;
    Endpoint from;
    std::vector<uint8_t> datagram;
  };

  std::shared_ptr<Entry> GetOrCreate(TimePoint now, const Key& key, bool* created);
  std::shared_ptr<Entry> AnyReady(TimePoint now, const Endpoint& remote);
  void Delete(const Key& key, const std::shared_ptr<Entry>& entry);
  void Process(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram);
  void BeginTell(TimePoint now, const Endpoint& to);
  void Dial(TimePoint now, Telling& telling);
  void Backoff(TimePoint now, Telling& telling);
  // True where the goroutine is done.
  bool Advance(TimePoint now, Telling& telling);
  void AdvanceAll(TimePoint now);
  void SendOn(Entry& entry, const Endpoint& to, uint64_t number);

  VirtualNetwork* const network_;
  const crypto::PrivateKey key_;
  const Endpoint endpoint_;
  SeededRandom random_;
  std::optional<crypto::PeerId> peer_;
  std::map<Key, std::shared_ptr<Entry>> sessions_;
  std::list<Telling> tells_;
  std::vector<Received> socket_;  // read by several threads: not in order

  std::optional<Endpoint> tell_to_;
  Duration tell_every_{};
  TimePoint next_tell_;
  std::set<uint64_t> told_, survived_;
  std::multiset<uint64_t> received_;
  uint64_t failed_tells_ = 0;
  TimePoint last_received_;
};

}  // namespace noisegate::sim

#endif  // NOISEGATE_TESTS_SIM_ORIGINAL_PEER_H_
