#include "tests/sim/gateway_node.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>
#include <variant>

namespace noisegate::sim {

using controlplane::Event;
using dataplane::Header;
using dataplane::kHeaderSize;
using dataplane::kOverhead;

namespace {

std::array<uint8_t, 12> NonceOf(uint32_t counter) {
  std::array<uint8_t, 12> nonce{};
  for (int i = 0; i < 4; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
  return nonce;
}

std::array<uint8_t, 4> AadOf(uint32_t counter) {
  std::array<uint8_t, 4> aad;
  dataplane::StoreBe32(aad.data(), counter);
  return aad;
}

}  // namespace

uint64_t NextMessageNumber() {
  static uint64_t next = 1;
  return next++;
}

crypto::PrivateKey TestKey(uint64_t number) {
  std::array<uint8_t, 32> seed{};
  std::memcpy(seed.data(), &number, sizeof number);
  seed[31] = 0x5e;
  auto key = crypto::PrivateKey::FromEd25519Seed(seed);
  assert(key.ok());
  return *std::move(key);
}

Endpoint TestEndpoint(uint32_t number) {
  return {dataplane::IpAddress::V4(0x0a000000u + number), 4242};
}

GatewayNode::GatewayNode(VirtualNetwork* network, uint64_t identity, uint32_t address, uint64_t seed,
                         Options options)
    : network_(network),
      key_(TestKey(identity)),
      endpoint_(TestEndpoint(address)),
      options_(options),
      random_(seed) {
  Restart();
  network_->Attach(endpoint_, this);
}

GatewayNode::~GatewayNode() { network_->Detach(endpoint_); }

void GatewayNode::Restart() {
  sessions_.clear();
  held_.clear();
  waiting_.clear();
  next_report_.reset();
  machine_ = std::make_unique<SessionMachine>(key_, policy_, random_, options_.machine);
}

void GatewayNode::Dial(const Endpoint& to, const crypto::PeerId& peer) {
  const absl::Status status = machine_->Dial(network_->now(), {0, to}, peer);
  assert(status.ok());
  static_cast<void>(status);
  DrainMachine(network_->now());
}

void GatewayNode::TellEvery(const Endpoint& to, Duration period) {
  tell_to_ = period == Duration::zero() ? std::nullopt : std::optional(to);
  tell_every_ = period;
  next_tell_ = network_->now();
}

void GatewayNode::Tell(const Endpoint& to, const std::vector<uint8_t>& message) {
  const TimePoint now = network_->now();
  if (Session* const session = Sending(now, to)) return SendOn(now, *session, message);
  if (waiting_.size() == options_.queue_messages) {
    waiting_.pop_front();
    ++undelivered_;
  }
  waiting_.push_back({now, to, message});
}

std::optional<TimePoint> GatewayNode::NextTimeout() const {
  std::optional<TimePoint> next = machine_->NextTimeout();
  const auto sooner = [&next](TimePoint t) { next = next ? std::min(*next, t) : t; };
  if (tell_to_) sooner(next_tell_);
  if (next_report_) sooner(*next_report_);
  if (!waiting_.empty()) sooner(waiting_.front().since + options_.queue_time);
  return next;
}

void GatewayNode::HandleTimeout(TimePoint now) {
  if (tell_to_ && next_tell_ <= now) {
    next_tell_ = now + tell_every_;
    std::vector<uint8_t> message(64);
    const uint64_t number = NextMessageNumber();
    std::memcpy(message.data(), &number, sizeof number);
    told_.insert(number);
    Tell(*tell_to_, message);
  }
  while (!waiting_.empty() && waiting_.front().since + options_.queue_time <= now) {
    waiting_.pop_front();
    ++undelivered_;
  }
  if (next_report_ && *next_report_ <= now) Report(now);
  machine_->HandleTimeout(now);
  DrainMachine(now);
}

void GatewayNode::Report(TimePoint now) {
  next_report_.reset();
  std::vector<std::pair<SessionId, controlplane::SessionTraffic>> reports;
  for (auto& [id, session] : sessions_) {
    if (std::exchange(session.touched, false)) reports.emplace_back(id, session.traffic);
  }
  for (const auto& [id, traffic] : reports) machine_->ReportTraffic(now, id, traffic);
}

size_t GatewayNode::sessions_with(const Endpoint& remote) const {
  return static_cast<size_t>(std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& s) {
    return s.second.up.path.remote == remote;
  }));
}

GatewayNode::Session* GatewayNode::Sending(TimePoint now, const Endpoint& to) {
  if (held_.contains(to)) return nullptr;
  Session* best = nullptr;
  for (auto& [id, session] : sessions_) {
    if (session.up.path.remote != to || !session.confirmed || now >= session.up.send_until) continue;
    if (best == nullptr || session.activated > best->activated) best = &session;
  }
  return best;
}

void GatewayNode::SendOn(TimePoint now, Session& session, const std::vector<uint8_t>& message) {
  const uint32_t counter = session.next_counter++;
  std::vector<uint8_t> datagram(kOverhead + message.size());
  dataplane::StoreBe32(datagram.data(), dataplane::EncodeHeader(
                                            {dataplane::SendDirection(session.up.role), counter}));
  const auto aad = AadOf(counter);
  crypto_aead_chacha20poly1305_ietf_encrypt(&datagram[kHeaderSize], nullptr, message.data(),
                                            message.size(), aad.data(), aad.size(), nullptr,
                                            NonceOf(counter).data(), session.up.send_key.data());
  session.traffic.last_tx = now;
  session.traffic.next_counter = session.next_counter;
  if (!message.empty()) session.traffic.last_data_tx = now;
  session.touched = true;
  if (!next_report_) next_report_ = now + options_.report_every;
  const bool arrives = network_->Send(endpoint_, session.up.path.remote, datagram);
  if (message.size() < sizeof(uint64_t)) return;
  uint64_t number;
  std::memcpy(&number, message.data(), sizeof number);
  if (arrives) survived_.insert(number);
}

void GatewayNode::SendWaiting(TimePoint now, const Endpoint& to) {
  for (size_t i = 0; i < waiting_.size();) {
    Session* const session = waiting_[i].to == to ? Sending(now, to) : nullptr;
    if (session == nullptr) {
      ++i;
      continue;
    }
    SendOn(now, *session, waiting_[i].message);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void GatewayNode::Receive(TimePoint now, const Endpoint& from, std::span<const uint8_t> datagram) {
  const Path path{0, from};
  if (datagram.size() >= kHeaderSize &&
      dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data())).is_message()) {
    ReceiveMessage(now, path, datagram);
  } else {
    machine_->HandleDatagram(now, path, datagram);
  }
  DrainMachine(now);
}

void GatewayNode::ReceiveMessage(TimePoint now, const Path& path,
                                 std::span<const uint8_t> datagram) {
  if (datagram.size() < kOverhead) return;
  const Header header = dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data()));
  bool tried = false;
  for (auto& [id, session] : sessions_) {
    if (session.up.path != path ||
        dataplane::ReceiveDirection(session.up.role) != header.direction) {
      continue;
    }
    tried = true;
    if (Open(now, session, datagram)) return;
  }
  ++unopened_;
  if (!tried) machine_->HandleNoSession(now, path, datagram);
}

bool GatewayNode::Open(TimePoint now, Session& session, std::span<const uint8_t> datagram) {
  if (now >= session.up.receive_until) return false;
  const Header header = dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data()));
  std::vector<uint8_t> message(datagram.size() - kOverhead);
  const auto aad = AadOf(header.counter);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(
          message.data(), nullptr, nullptr, &datagram[kHeaderSize], datagram.size() - kHeaderSize,
          aad.data(), aad.size(), NonceOf(header.counter).data(),
          session.up.receive_key.data()) != 0) {
    return false;
  }
  if (!session.received.insert(header.counter).second) return true;  // a copy
  session.traffic.last_rx = now;
  if (!message.empty()) session.traffic.last_data_rx = now;
  session.touched = true;
  if (!next_report_) next_report_ = now + options_.report_every;
  if (!std::exchange(session.confirmed, true)) {
    session.activated = ++activations_;
    held_.erase(session.up.path.remote);
    machine_->SessionConfirmed(now, session.up.id);
    SendWaiting(now, session.up.path.remote);
  }
  if (message.size() < sizeof(uint64_t)) return true;
  uint64_t number;
  std::memcpy(&number, message.data(), sizeof number);
  received_.insert(number);
  last_received_ = now;
  return true;
}

void GatewayNode::DrainMachine(TimePoint now) {
  Event event;
  controlplane::Transmit transmit;
  for (bool more = true; more;) {
    more = false;
    while (machine_->PollEvent(&event)) {
      more = true;
      Handle(now, event);
    }
    while (machine_->PollTransmit(&transmit)) {
      more = true;
      network_->Send(endpoint_, transmit.path.remote, transmit.datagram);
    }
  }
}

void GatewayNode::Handle(TimePoint now, Event& event) {
  if (auto* const up = std::get_if<controlplane::SessionUp>(&event.what)) {
    ++ups_;
    Session& session = sessions_[up->id];
    const Endpoint remote = up->path.remote;
    session.confirmed = up->confirmed;
    if (up->confirmed) {
      session.activated = ++activations_;
      held_.erase(remote);
    }
    session.up = std::move(*up);
    SendWaiting(now, remote);
  } else if (const auto* const empty = std::get_if<controlplane::SendEmptyMessage>(&event.what)) {
    const auto session = sessions_.find(empty->id);
    if (session != sessions_.end() && now < session->second.up.send_until) {
      SendOn(now, session->second, {});
    }
  } else if (const auto* const down = std::get_if<controlplane::SessionDown>(&event.what)) {
    downs_.push_back(down->cause);
    sessions_.erase(down->id);
  } else if (const auto* const hold = std::get_if<controlplane::HoldSending>(&event.what)) {
    if (hold->hold) {
      held_.insert(hold->path.remote);
    } else {
      held_.erase(hold->path.remote);
      SendWaiting(now, hold->path.remote);
    }
  }
}

}  // namespace noisegate::sim
