// One session of the original implementation, as a model: its states, and what each does with any
// datagram. Held to the recorded behaviour, row by row, by original_session_test.cc.
//
// This is what we must live with, not how to do it: it acts on what nobody has authenticated.
#ifndef NOISEGATE_TESTS_SIM_ORIGINAL_SESSION_H_
#define NOISEGATE_TESTS_SIM_ORIGINAL_SESSION_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "crypto/key.h"
#include "crypto/noise.h"
#include "crypto/random.h"
#include "dataplane/header.h"

namespace noisegate::sim {

class OriginalSession {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr auto kMaxLife = std::chrono::seconds(60);
  static constexpr auto kMaxIdle = std::chrono::seconds(60);

  enum class State { kAwaitInit, kAwaitResp, kAwaitSig, kReady, kEnd };

  struct Upward {
    std::vector<std::vector<uint8_t>> sends;
    std::optional<std::vector<uint8_t>> message;  // what goes to the application
    std::string error;                            // empty where none
  };

  // `key` and `random` outlive it.
  OriginalSession(TimePoint now, dataplane::Role role, const crypto::PrivateKey& key,
                  crypto::Random& random);

  // The initiator's init.
  std::vector<uint8_t> StartHandshake();
  // A datagram in our receiving direction.
  Upward HandleUpward(TimePoint now, std::span<const uint8_t> datagram);
  // Seals a message. Only when ready.
  std::vector<uint8_t> Downward(std::span<const uint8_t> message);

  State state() const { return state_; }
  bool errored() const { return state_ == State::kEnd; }
  bool ready() const { return state_ == State::kReady; }
  const std::string& end_error() const { return end_error_; }
  TimePoint last_receive() const { return last_receive_; }
  bool expired(TimePoint now) const {
    return now - created_ > kMaxLife || now - last_receive_ > kMaxIdle;
  }
  const crypto::PeerId& remote_id() const { return remote_id_; }  // once ready

 private:
  Upward End(const std::string& error, bool nack);
  Upward HandleInit(std::span<const uint8_t> body);
  Upward HandleResp(std::span<const uint8_t> body);
  Upward HandleSig(uint32_t counter, std::span<const uint8_t> body);
  Upward HandleReady(uint32_t counter, std::span<const uint8_t> body);
  void TakeKeys();
  std::vector<uint8_t> Sig();
  std::vector<uint8_t> Seal(uint32_t counter, std::span<const uint8_t> plaintext) const;
  std::optional<std::vector<uint8_t>> Open(uint32_t counter, std::span<const uint8_t> body) const;
  std::vector<uint8_t> Nack() const;
  bool AcceptCounter(uint32_t counter);

  const dataplane::Role role_;
  const crypto::PrivateKey& key_;
  const TimePoint created_;
  TimePoint last_receive_;
  State state_;
  bool started_ = false;
  std::string end_error_;
  crypto::HandshakeState noise_;
  crypto::Secret<32> send_key_, receive_key_;
  crypto::PeerId remote_id_;
  uint32_t next_counter_ = dataplane::kCounterFirstMessage;
  std::set<uint32_t> received_;
};

}  // namespace noisegate::sim

#endif  // NOISEGATE_TESTS_SIM_ORIGINAL_SESSION_H_
