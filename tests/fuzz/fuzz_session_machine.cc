// The session machine under a script of hostile bytes. Two machines know each other; the script
// lets time pass, sends what they have to send, or not, mangles it, and feeds either of them
// anything.
//
// What must hold, whatever comes: a session only ends by age, by being replaced, or by a close that
// its own peer sealed; a session is only ever with the peer that was admitted, both sides having
// the same keys; tables stay within their bounds; and NextTimeout never stands still.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <span>
#include <variant>
#include <vector>

#include "controlplane/session_machine.h"
#include "crypto/key.h"
#include "tests/sim/gateway_node.h"
#include "tests/sim/virtual_network.h"

namespace {

using namespace noisegate;
using namespace noisegate::controlplane;

void Require(bool condition) {
  if (!condition) std::abort();
}

constexpr SessionMachine::Options kOptions{.max_sessions = 3, .max_half_open = 4, .max_paths = 3};

class Side {
 public:
  Side(uint64_t key, uint64_t peer, uint32_t address)
      : key_(sim::TestKey(key)),
        peer_(sim::TestKey(peer).id()),
        address_(sim::TestEndpoint(address)),
        random_(key) {
    policy_.everyone = false;
    policy_.peers = {peer_};
    machine_ = std::make_unique<SessionMachine>(key_, policy_, random_, kOptions);
  }

  SessionMachine& machine() { return *machine_; }
  const crypto::PeerId& id() const { return key_.id(); }
  const sim::Endpoint& address() const { return address_; }
  const std::map<SessionId, SessionUp>& sessions() const { return sessions_; }

  void Drain(TimePoint now) {
    Event event;
    while (machine_->PollEvent(&event)) {
      if (auto* const up = std::get_if<SessionUp>(&event.what)) {
        Require(up->peer == peer_ && up->public_key->id() == peer_);
        Require(up->send_until <= up->receive_until);
        Require(!sessions_.contains(up->id));
        sessions_[up->id] = std::move(*up);
      } else if (const auto* const down = std::get_if<SessionDown>(&event.what)) {
        Require(sessions_.contains(down->id));
        if (down->cause == DownCause::kExpired) {
          Require(sessions_.at(down->id).receive_until <= now);
        }
        if (down->cause == DownCause::kClosedByPeer) ++closed_by_peer_;
        sessions_.erase(down->id);
      }
    }
    Require(sessions_.size() <= kOptions.max_sessions);
    Require(machine_->Paths(now).size() <= kOptions.max_paths);
    Transmit transmit;
    while (machine_->PollTransmit(&transmit)) outbox.push_back(std::move(transmit));
    if (outbox.size() > 64) outbox.erase(outbox.begin(), outbox.end() - 64);
  }
  uint64_t closed_by_peer() const { return closed_by_peer_; }

  std::deque<Transmit> outbox;

 private:
  crypto::PrivateKey key_;
  crypto::PeerId peer_;
  sim::Endpoint address_;
  sim::SeededRandom random_;
  sim::AdmitSet policy_;
  std::unique_ptr<SessionMachine> machine_;
  std::map<SessionId, SessionUp> sessions_;
  uint64_t closed_by_peer_ = 0;
};

class Script {
 public:
  explicit Script(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::span<const uint8_t> Bytes() {
    const auto taken = bytes_.first(std::min<size_t>(Byte(), bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const uint8_t> bytes_;
};

class Run {
 public:
  explicit Run(std::span<const uint8_t> bytes) : script_(bytes) {}

  void Go() {
    for (int step = 0; step < 300 && !script_.done(); ++step) {
      Step();
      a_.Drain(now_);
      b_.Drain(now_);
      CheckPairs();
    }
  }

 private:
  void Step() {
    const uint8_t op = script_.Byte();
    Side& from = op & 0x80 ? a_ : b_;
    Side& to = op & 0x80 ? b_ : a_;
    const Path path{0, from.address()};
    switch (op & 0x7f) {
      case 0:
        from.machine().Dial(now_, {0, to.address()}, to.id()).IgnoreError();
        break;
      case 1:
        from.machine().Undial({0, to.address()});
        break;
      case 2:  // some time
        Advance(std::chrono::milliseconds(1 + script_.Byte() * script_.Byte()));
        break;
      case 3:  // what was sent arrives
        if (from.outbox.empty()) break;
        Deliver(to, path, from.outbox.front().datagram);
        from.outbox.pop_front();
        break;
      case 4:  // or is lost
        if (!from.outbox.empty()) from.outbox.pop_front();
        break;
      case 5:  // or comes again
        if (!from.outbox.empty()) Deliver(to, path, from.outbox.front().datagram);
        break;
      case 6: {  // or is changed
        if (from.outbox.empty()) break;
        std::vector<uint8_t> datagram = from.outbox.front().datagram;
        datagram[script_.Byte() % datagram.size()] ^= script_.Byte() | 1;
        const uint64_t closed = to.closed_by_peer();
        Deliver(to, path, datagram);
        to.Drain(now_);
        Require(to.closed_by_peer() == closed);
        break;
      }
      case 7:  // or is cut short
        if (from.outbox.empty()) break;
        Deliver(to, path,
                std::span(from.outbox.front().datagram)
                    .first(script_.Byte() % from.outbox.front().datagram.size()));
        break;
      case 8:  // or is thrown back
        if (!from.outbox.empty()) Deliver(from, {0, to.address()}, from.outbox.front().datagram);
        break;
      case 9:
        to.machine().HandleNoSession(now_, path, script_.Bytes());
        break;
      case 10:
        if (!from.sessions().empty()) {
          from.machine().SessionConfirmed(now_, from.sessions().begin()->first);
        }
        break;
      case 11:
        if (!from.sessions().empty()) Report(from);
        break;
      case 12:
        if (!from.sessions().empty()) from.machine().Renew(now_, from.sessions().begin()->first);
        break;
      case 13:
        from.machine().ClosePeer(now_, to.id(), DownCause::kClosedByUs);
        break;
      default:  // anything at all, from here or from elsewhere
        Forge(to, op & 1 ? path : Path{0, sim::TestEndpoint(op)});
    }
  }

  // What nobody sealed ends nothing and brings nothing up.
  void Forge(Side& to, const Path& path) {
    to.Drain(now_);
    const size_t sessions = to.sessions().size();
    Deliver(to, path, script_.Bytes());
    to.Drain(now_);
    Require(to.sessions().size() == sessions);
  }

  void Deliver(Side& to, const Path& path, std::span<const uint8_t> datagram) {
    to.machine().HandleDatagram(now_, path, datagram);
  }

  void Report(Side& side) {
    SessionTraffic traffic;
    const uint8_t bits = script_.Byte();
    const TimePoint then = now_ - std::chrono::milliseconds(script_.Byte());
    if (bits & 1) traffic.last_rx = then;
    if (bits & 2) traffic.last_data_rx = then;
    if (bits & 4) traffic.last_tx = now_;
    if (bits & 8) traffic.last_data_tx = now_;
    traffic.next_counter = uint32_t{script_.Byte()} << 23;
    side.machine().ReportTraffic(now_, side.sessions().begin()->first, traffic);
  }

  void Advance(Duration duration) {
    const TimePoint until = now_ + duration;
    for (Side* const side : {&a_, &b_}) {
      TimePoint at = now_;
      for (int i = 0; i < 10'000; ++i) {
        const auto next = side->machine().NextTimeout();
        if (!next || *next > until) break;
        at = std::max(at, *next);
        side->machine().HandleTimeout(at);
        side->Drain(at);
        const auto after = side->machine().NextTimeout();
        Require(!after || *after > at);
      }
    }
    now_ = until;
  }

  // Sessions of both sides that share a key share the other one, crosswise.
  void CheckPairs() {
    for (const auto& [id, ours] : a_.sessions()) {
      for (const auto& [other_id, theirs] : b_.sessions()) {
        if (!(ours.send_key == theirs.receive_key)) continue;
        Require(ours.receive_key == theirs.send_key && ours.role != theirs.role);
      }
    }
  }

  Script script_;
  TimePoint now_{std::chrono::hours(1)};
  Side a_{1, 2, 1};
  Side b_{2, 1, 2};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Run({data, size}).Go();
  return 0;
}
