#include "controlplane/secure_swarm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/handshake.h"
#include "controlplane/memory_swarm.h"
#include "controlplane/sealed_datagram.h"
#include "controlplane/udp_swarm.h"
#include "tests/controlplane/bytes.h"

namespace noisegate::controlplane {
namespace {

using dataplane::DropReason;
using dataplane::Endpoint;
using dataplane::IpAddress;
using std::chrono::milliseconds;
using std::chrono::seconds;

crypto::PrivateKey Identity(uint8_t number) {
  std::array<uint8_t, 32> seed{};
  seed[0] = number;
  auto key = crypto::PrivateKey::FromEd25519Seed(seed);
  EXPECT_TRUE(key.ok()) << key.status();
  return *std::move(key);
}

class SeededRandom final : public crypto::Random {
 public:
  explicit SeededRandom(uint64_t seed) : generator_(seed) {}
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(generator_());
  }

 private:
  std::mt19937_64 generator_;
};

// Swarms on one switch, and a clock that only moves when told to.
class Network {
 public:
  explicit Network(MemorySwitch::Options options = {}) : memory(options), random_(options.seed) {}

  struct Node {
    crypto::PrivateKey identity;
    std::unique_ptr<PeerPolicy> policy;
    std::unique_ptr<DatagramSwarm> datagrams;
    std::unique_ptr<SecureSwarm> swarm;
    std::vector<std::string> received;
    std::vector<PeerAddress> sources;
    std::vector<std::pair<std::string, DropReason>> undelivered;

    PeerAddress address() const { return swarm->LocalAddresses().at(0); }
    absl::Status Tell(const Node& to, const std::string& text) {
      return swarm->Tell(to.address(), Bytes(text));
    }
    uint64_t dropped(DropReason reason) const {
      return swarm->counters().dropped[static_cast<size_t>(reason)];
    }
  };

  // Node `number` lives at 10.0.0.NUMBER:4242 and has the identity of that number.
  std::unique_ptr<Node> Add(uint8_t number, SecureSwarm::Options options = {},
                            std::unique_ptr<PeerPolicy> policy = std::make_unique<AdmitAnyone>()) {
    auto node = std::make_unique<Node>(Node{.identity = Identity(number),
                                            .policy = std::move(policy),
                                            .datagrams = memory.Attach(At(number)),
                                            .swarm = nullptr,
                                            .received = {},
                                            .sources = {},
                                            .undelivered = {}});
    options.now = [this] { return now; };
    options.random = &random_;
    node->swarm =
        std::make_unique<SecureSwarm>(*node->datagrams, node->identity, *node->policy, options);
    node->swarm->OnReceive([node = node.get()](const SecureSwarm::Message& message) {
      node->received.push_back(Text(message.bytes));
      node->sources.push_back(message.source);
    });
    node->swarm->OnUndelivered([node = node.get()](const SecureSwarm::Undelivered& message) {
      node->undelivered.emplace_back(Text(message.bytes), message.reason);
    });
    return node;
  }

  static Endpoint At(uint8_t number) { return {IpAddress::V4(0x0a000000u + number), 4242}; }

  // Lets `duration` pass: every datagram is handled at once, every timeout when it is due.
  void Pass(std::vector<Node*> nodes, Duration duration) {
    const TimePoint end = now + duration;
    while (true) {
      for (bool busy = true; busy;) {
        busy = false;
        for (Node* node : nodes) busy |= node->swarm->Poll() > 0;
      }
      if (now >= end) return;
      TimePoint next = end;
      for (Node* node : nodes) {
        if (const auto timeout = node->swarm->NextTimeout()) next = std::min(next, *timeout);
      }
      now = std::max(next, now + std::chrono::microseconds(1));
    }
  }

  TimePoint now = TimePoint(seconds(1'000));
  MemorySwitch memory;

 private:
  SeededRandom random_;
};

TEST(SecureSwarm, FirstTellDialsAndTheSourceIsProven) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  ASSERT_TRUE(a->Tell(*b, "hello").ok());
  EXPECT_FALSE(a->swarm->IsUp(b->address()));
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(b->received, std::vector<std::string>{"hello"});
  EXPECT_EQ(b->sources, std::vector<PeerAddress>{a->address()});
  EXPECT_EQ(b->sources.at(0).peer, a->identity.id());
  EXPECT_TRUE(a->swarm->IsUp(b->address()));
  EXPECT_TRUE(b->swarm->IsUp(a->address()));
}

TEST(SecureSwarm, RepliesGoBackOnTheSameSession) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  b->swarm->OnReceive([&](const SecureSwarm::Message& message) {
    EXPECT_TRUE(b->swarm->Tell(message.source, message.bytes).ok());
  });
  for (const std::string text : {"one", "two", "three"}) ASSERT_TRUE(a->Tell(*b, text).ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(a->received, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(b->swarm->handshake_counters().handshakes_started, 0u) << "b never had to dial";
}

TEST(SecureSwarm, TellsKeysSizesAndAddresses) {
  Network network({.mtu = 1200});
  auto a = network.Add(1), b = network.Add(2);
  EXPECT_TRUE(absl::IsNotFound(a->swarm->LookupPublicKey(b->address()).status()));
  ASSERT_TRUE(a->swarm->Dial(b->address()).ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  const auto key_of_b = a->swarm->LookupPublicKey(b->address());
  const auto key_of_a = b->swarm->LookupPublicKey(a->address());
  ASSERT_TRUE(key_of_b.ok() && key_of_a.ok());
  EXPECT_EQ(key_of_b->pkix_der(), b->identity.public_key().pkix_der());
  EXPECT_EQ(key_of_a->pkix_der(), a->identity.public_key().pkix_der());
  EXPECT_TRUE(b->received.empty()) << "Dial sends no message";
  EXPECT_EQ(a->swarm->Mtu(b->address()), 1180u);
  EXPECT_EQ(a->address(), (PeerAddress{a->identity.id(), Network::At(1)}));
}

TEST(SecureSwarm, CarriesEverySizeUpToTheMtuAndRefusesTheRest) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  const size_t mtu = a->swarm->Mtu(b->address());
  EXPECT_EQ(mtu, 1452u);
  std::vector<std::string> sent;
  for (const size_t size : {size_t{1}, size_t{2}, size_t{63}, size_t{64}, size_t{1000}, mtu}) {
    sent.push_back(std::string(size, static_cast<char>('a' + size % 26)));
    ASSERT_TRUE(a->Tell(*b, sent.back()).ok());
  }
  EXPECT_TRUE(absl::IsInvalidArgument(a->Tell(*b, std::string(mtu + 1, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(a->Tell(*b, "")));
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(b->received, sent);
}

TEST(SecureSwarm, RefusesItselfStrangersAndTellingAfterClose) {
  Network network;
  const crypto::PeerId listed = Identity(2).id();
  auto a = network.Add(1, {}, std::make_unique<AdmitListed>(std::span(&listed, 1)));
  auto b = network.Add(2), c = network.Add(3);
  EXPECT_TRUE(absl::IsInvalidArgument(a->Tell(*a, "x")));
  EXPECT_TRUE(absl::IsPermissionDenied(a->Tell(*c, "x")));
  EXPECT_TRUE(a->Tell(*b, "x").ok());
  a->swarm->Close();
  EXPECT_TRUE(absl::IsFailedPrecondition(a->Tell(*b, "x")));
}

TEST(SecureSwarm, AdmitsOnlyWhomThePolicyAdmits) {
  Network network;
  const crypto::PeerId listed = Identity(1).id();
  auto a = network.Add(1), stranger = network.Add(3);
  auto b = network.Add(2, {}, std::make_unique<AdmitListed>(std::span(&listed, 1)));
  ASSERT_TRUE(a->Tell(*b, "from a friend").ok());
  ASSERT_TRUE(stranger->Tell(*b, "from a stranger").ok());
  network.Pass({a.get(), b.get(), stranger.get()}, seconds(3));
  EXPECT_EQ(b->received, std::vector<std::string>{"from a friend"});
  EXPECT_FALSE(stranger->swarm->IsUp(b->address()));
  EXPECT_GT(b->swarm->handshake_counters().rejected[static_cast<size_t>(DropReason::kUnknownPeer)],
            0u);
}

TEST(SecureSwarm, TellsNothingToAnotherPeerThanTheOneNamed) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  const PeerAddress wrong{Identity(9).id(), Network::At(2)};
  ASSERT_TRUE(a->swarm->Tell(wrong, Bytes("secret")).ok());
  network.Pass({a.get(), b.get()}, seconds(3));
  EXPECT_FALSE(a->swarm->IsUp(wrong));
  EXPECT_TRUE(b->received.empty());
  EXPECT_EQ(a->undelivered.size(), 1u);
  EXPECT_NE(a->swarm->LastFailure(Network::At(2)), "");

  // The right name at the same endpoint takes its place.
  ASSERT_TRUE(a->Tell(*b, "hello").ok());
  network.Pass({a.get(), b.get()}, seconds(3));
  EXPECT_EQ(b->received, std::vector<std::string>{"hello"});
}

TEST(SecureSwarm, ReportsWhatWaitedInVainAndWhatDoesNotFit) {
  Network network;
  auto a = network.Add(1);
  const PeerAddress nobody{Identity(2).id(), Network::At(2)};
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(a->swarm->Tell(nobody, Bytes(std::to_string(i))).ok()) << i;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(a->swarm->Tell(nobody, Bytes("64"))));
  network.Pass({a.get()}, milliseconds(999));
  EXPECT_TRUE(a->undelivered.empty());
  network.Pass({a.get()}, milliseconds(2));
  ASSERT_EQ(a->undelivered.size(), 64u);
  EXPECT_EQ(a->undelivered[0], std::make_pair(std::string("0"), DropReason::kNoSessionYet));
  EXPECT_EQ(a->swarm->counters().undelivered, 64u);
  EXPECT_EQ(a->dropped(DropReason::kNoSessionYet), 65u);
}

TEST(SecureSwarm, ReportsWhatWaitsWhenItCloses) {
  Network network;
  auto a = network.Add(1);
  ASSERT_TRUE(a->swarm->Tell({Identity(2).id(), Network::At(2)}, Bytes("late")).ok());
  a->swarm->Close();
  ASSERT_EQ(a->undelivered.size(), 1u);
  EXPECT_EQ(a->undelivered[0], std::make_pair(std::string("late"), DropReason::kShutdown));
  EXPECT_EQ(a->swarm->Poll(), 0u);
  EXPECT_FALSE(a->swarm->NextTimeout().has_value());
}

// Sessions that live 6 s instead of 60.
SecureSwarm::Options ShortLives() {
  SecureSwarm::Options options;
  options.machine.session_life = seconds(6);
  options.machine.send_life = milliseconds(5'500);
  options.machine.renew_after = milliseconds(4'500);
  options.machine.renew_jitter = milliseconds(200);
  options.machine.responder_renews_after = seconds(5);
  options.machine.grace = milliseconds(500);
  return options;
}

TEST(SecureSwarm, RollsOverWithoutLosingAMessageEitherWay) {
  Network network;
  auto a = network.Add(1, ShortLives()), b = network.Add(2, ShortLives());
  ASSERT_TRUE(a->swarm->Dial(b->address()).ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  std::vector<std::string> sent;
  for (int i = 0; i < 3'000; ++i) {  // 30 s
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(a->Tell(*b, sent.back()).ok());
    ASSERT_TRUE(b->Tell(*a, sent.back()).ok());
    network.Pass({a.get(), b.get()}, milliseconds(10));
  }
  EXPECT_EQ(a->received, sent);
  EXPECT_EQ(b->received, sent);
  EXPECT_GE(a->swarm->handshake_counters().rollovers, 5u);
  EXPECT_EQ(a->dropped(DropReason::kBadTag) + b->dropped(DropReason::kBadTag), 0u);
  EXPECT_TRUE(a->undelivered.empty() && b->undelivered.empty());
}

TEST(SecureSwarm, LetsGoOfAnIdlePeerAndDialsItAgain) {
  Network network;
  SecureSwarm::Options options = ShortLives();
  options.idle = seconds(10);
  auto a = network.Add(1, options), b = network.Add(2, options);
  ASSERT_TRUE(a->Tell(*b, "one").ok());
  network.Pass({a.get(), b.get()}, seconds(30));
  EXPECT_FALSE(a->swarm->IsUp(b->address()));
  EXPECT_FALSE(b->swarm->IsUp(a->address()));
  const uint64_t handshakes = a->swarm->handshake_counters().handshakes_started;
  network.Pass({a.get(), b.get()}, seconds(30));
  EXPECT_EQ(a->swarm->handshake_counters().handshakes_started, handshakes);

  ASSERT_TRUE(a->Tell(*b, "two").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(b->received, (std::vector<std::string>{"one", "two"}));
}

TEST(SecureSwarm, ClosingEndsTheSessionOnTheOtherSideAtOnce) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  ASSERT_TRUE(a->Tell(*b, "hello").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  b->swarm->Close();
  network.Pass({a.get()}, milliseconds(1));
  EXPECT_FALSE(a->swarm->IsUp(b->address()));
  const uint64_t handshakes = a->swarm->handshake_counters().handshakes_started;
  network.Pass({a.get()}, seconds(30));
  EXPECT_EQ(a->swarm->handshake_counters().handshakes_started, handshakes)
      << "who said goodbye is not dialled without cause";
}

TEST(SecureSwarm, FindsAPeerAgainThatCrashedAndStarted) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  ASSERT_TRUE(a->Tell(*b, "hello").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));

  // A crash says no goodbye.
  network.memory.SetFilter(
      [](const Endpoint&, const Endpoint&, std::span<const uint8_t>) { return false; });
  b.reset();
  network.memory.SetFilter(nullptr);
  b = network.Add(2);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(a->Tell(*b, std::to_string(i)).ok());
    network.Pass({a.get(), b.get()}, milliseconds(100));
  }
  ASSERT_FALSE(b->received.empty());
  EXPECT_LT(std::stoi(b->received.front()), 30) << "back within 3 s";
  EXPECT_EQ(b->received.back(), "49");
}

TEST(SecureSwarm, DeliversNothingTwiceAndNothingForged) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  std::vector<std::vector<uint8_t>> captured;
  network.memory.SetFilter(
      [&](const Endpoint& source, const Endpoint&, std::span<const uint8_t> datagram) {
        if (source == Network::At(1)) captured.emplace_back(datagram.begin(), datagram.end());
        return true;
      });
  for (const std::string text : {"one", "two", "three"}) ASSERT_TRUE(a->Tell(*b, text).ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  network.memory.SetFilter(nullptr);
  const auto before = b->received;
  ASSERT_EQ(before.size(), 3u);

  size_t messages = 0;
  for (const auto& datagram : captured) {
    if (!dataplane::DecodeHeader(dataplane::LoadBe32(datagram.data())).is_message()) continue;
    ++messages;
    network.memory.Send(Network::At(1), Network::At(2), datagram);
    auto damaged = datagram;
    damaged.back() ^= 1;
    damaged[3] += 100;  // a counter that the window has not seen
    network.memory.Send(Network::At(1), Network::At(2), damaged);
    // From where it did not come from, and cut short.
    network.memory.Send(Network::At(7), Network::At(2), datagram);
    network.memory.Send(Network::At(1), Network::At(2), std::span(datagram).first(19));
  }
  network.memory.Send(Network::At(1), Network::At(2), std::span(captured[0]).first(3));
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_GE(messages, 3u);
  EXPECT_EQ(b->received, before);
  EXPECT_EQ(b->dropped(DropReason::kReplayed), messages);
  EXPECT_EQ(b->dropped(DropReason::kBadTag), messages);
  EXPECT_EQ(b->dropped(DropReason::kNoSession), messages);
  EXPECT_EQ(b->dropped(DropReason::kTruncated), messages + 1);

  ASSERT_TRUE(a->Tell(*b, "four").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(b->received.back(), "four") << "the session is as it was";
  EXPECT_EQ(a->swarm->handshake_counters().handshakes_initiator, 1u);
}

TEST(SecureSwarm, SurvivesNoiseFromEverywhere) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  ASSERT_TRUE(a->Tell(*b, "before").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<uint8_t> noise(random() % 200);
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
    // Half of it with a header that means something.
    const uint32_t counters[] = {0, 1, 2, 3, 4, 5, 1000, 0x7ffffffe, 0x7fffffff};
    if (noise.size() >= 4 && i % 2 == 0) {
      dataplane::StoreBe32(noise.data(), (random() & 1) << 31 | counters[random() % 9]);
    }
    network.memory.Send(Network::At(i % 3 == 0 ? 1 : static_cast<uint8_t>(3 + random() % 200)),
                        Network::At(2), noise);
    if (i % 100 == 0) network.Pass({a.get(), b.get()}, milliseconds(1));
  }
  ASSERT_TRUE(a->Tell(*b, "after").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(b->received, (std::vector<std::string>{"before", "after"}));
  EXPECT_EQ(b->swarm->handshake_counters().handshakes_responder, 1u);
}

TEST(SecureSwarm, DeliversWhatALossyNetworkLeaves) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Network network({.loss = 0.2, .seed = seed});
    auto a = network.Add(1, ShortLives()), b = network.Add(2, ShortLives());
    std::set<std::string> sent;
    for (int i = 0; i < 1'000; ++i) {  // 20 s
      sent.insert(std::to_string(i));
      static_cast<void>(a->Tell(*b, std::to_string(i)));  // may find the queue full
      network.Pass({a.get(), b.get()}, milliseconds(20));
    }
    const std::set<std::string> received(b->received.begin(), b->received.end());
    EXPECT_EQ(received.size(), b->received.size()) << "nothing twice";
    EXPECT_TRUE(std::includes(sent.begin(), sent.end(), received.begin(), received.end()));
    EXPECT_GT(received.size(), 500u);
  }
}

// The responder's side by hand, as an original peer plays it, so that a test can deal the
// datagrams.
struct OriginalPeer {
  explicit OriginalPeer(Network& net, uint8_t number)
      : network(net),
        identity(Identity(number)),
        at(Network::At(number)),
        datagrams(net.memory.Attach(at)) {}

  // What has arrived since the last call.
  std::vector<std::vector<uint8_t>> Received() {
    std::vector<std::vector<uint8_t>> all;
    datagrams->Receive(SIZE_MAX, [&](const Endpoint&, uint16_t, std::span<const uint8_t> bytes) {
      all.emplace_back(bytes.begin(), bytes.end());
    });
    return all;
  }
  void Send(uint8_t to, std::span<const uint8_t> datagram) {
    network.memory.Send(at, Network::At(to), datagram);
  }
  std::vector<uint8_t> Seal(uint32_t counter, const std::string& text) const {
    return SealDatagram(secured->send_key(), {dataplane::Direction::kResponderToInitiator, counter},
                        Bytes(text));
  }

  Network& network;
  crypto::PrivateKey identity;
  Endpoint at;
  std::unique_ptr<DatagramSwarm> datagrams;
  std::optional<SecuredHandshake> secured;
};

TEST(SecureSwarm, OpensWhatOvertookTheEndOfTheHandshake) {
  Network network;
  auto a = network.Add(1);
  OriginalPeer b(network, 2);
  SeededRandom random(3);
  ASSERT_TRUE(a->swarm->Dial({b.identity.id(), b.at}).ok());
  const auto init = b.Received();
  ASSERT_EQ(init.size(), 1u);
  auto answer = AnswerInit(init[0], random);
  ASSERT_TRUE(answer.has_value());
  b.secured = std::move(answer->secured);
  b.Send(1, answer->resp);
  const auto sig = b.secured->WriteSig(b.identity, Capabilities{});
  ASSERT_TRUE(sig.ok());

  // Behind the sig a pauses for a moment before its session is up; what comes until then waits,
  // too.
  for (uint32_t i = 0; i < 10; ++i) b.Send(1, b.Seal(4 + i, "early " + std::to_string(i)));
  b.Send(1, *sig);
  network.Pass({a.get()}, milliseconds(1));
  EXPECT_TRUE(a->received.empty());
  network.Pass({a.get()}, milliseconds(10));
  ASSERT_EQ(a->received.size(), 8u) << "the bound";
  EXPECT_EQ(a->received.front(), "early 2");
  EXPECT_EQ(a->received.back(), "early 9");
  EXPECT_EQ(a->dropped(DropReason::kNoSession), 2u);

  b.Send(1, b.Seal(14, "in time"));
  b.Send(1, b.Seal(13, "again"));
  network.Pass({a.get()}, milliseconds(1));
  EXPECT_EQ(a->received.back(), "in time");
  EXPECT_EQ(a->dropped(DropReason::kReplayed), 1u);
}

TEST(SecureSwarm, BothMayDialAtOnce) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  ASSERT_TRUE(a->Tell(*b, "from a").ok());
  ASSERT_TRUE(b->Tell(*a, "from b").ok());
  network.Pass({a.get(), b.get()}, seconds(5));
  EXPECT_EQ(a->received, std::vector<std::string>{"from b"});
  EXPECT_EQ(b->received, std::vector<std::string>{"from a"});
}

TEST(SecureSwarm, TheReceiverMayClose) {
  Network network;
  auto a = network.Add(1), b = network.Add(2);
  int received = 0;
  b->swarm->OnReceive([&](const SecureSwarm::Message&) {
    ++received;
    b->swarm->Close();
  });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(a->Tell(*b, "x").ok());
  network.Pass({a.get(), b.get()}, milliseconds(100));
  EXPECT_EQ(received, 1);
  EXPECT_FALSE(a->swarm->IsUp(b->address()));
}

// --- Over kernel UDP, on real time ---

class SecureSwarmOverUdp : public testing::TestWithParam<const char*> {};

TEST_P(SecureSwarmOverUdp, EchoesEverySize) {
  const crypto::PrivateKey identity_a = Identity(1), identity_b = Identity(2);
  const auto address = IpAddress::Parse(GetParam());
  ASSERT_TRUE(address.ok());
  auto udp_a = UdpSwarm::Bind({*address, 0}), udp_b = UdpSwarm::Bind({*address, 0});
  ASSERT_TRUE(udp_a.ok() && udp_b.ok());
  AdmitAnyone anyone;
  SecureSwarm a(**udp_a, identity_a, anyone, {});
  SecureSwarm b(**udp_b, identity_b, anyone, {});

  const PeerAddress at_b = b.LocalAddresses().at(0);
  b.OnReceive([&](const SecureSwarm::Message& message) {
    EXPECT_EQ(message.source, a.LocalAddresses().at(0));
    EXPECT_TRUE(b.Tell(message.source, message.bytes).ok());
  });
  std::vector<std::vector<uint8_t>> sent, received;
  a.OnReceive([&](const SecureSwarm::Message& message) {
    received.emplace_back(message.bytes.begin(), message.bytes.end());
  });
  for (const size_t size : {size_t{1}, size_t{100}, size_t{1452}, a.Mtu(at_b)}) {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 + size);
    ASSERT_TRUE(a.Tell(at_b, bytes).ok());
    sent.push_back(bytes);
  }
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  while (received.size() < sent.size() && std::chrono::steady_clock::now() < deadline) {
    a.Wait(std::chrono::steady_clock::now() + milliseconds(1));
    b.Wait(std::chrono::steady_clock::now() + milliseconds(1));
  }
  EXPECT_EQ(received, sent);
}

INSTANTIATE_TEST_SUITE_P(Families, SecureSwarmOverUdp, testing::Values("127.0.0.1", "::1"));

}  // namespace
}  // namespace noisegate::controlplane
