// Gateways on data planes that only remember, joined by a wire that the test carries, on virtual
// time.
#include "controlplane/gateway.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "controlplane/gateway_plan.h"
#include "controlplane/stripes.h"
#include "dataplane/control_packet.h"
#include "dataplane/packet.h"
#include "tests/controlplane/fake_dataplane.h"

namespace noisegate::controlplane {
namespace {

using namespace std::chrono_literals;
using dataplane::DropReason;
using dataplane::IpAddress;
using dataplane::Prefix;
using dataplane::PuntKind;

IpAddress A(std::string_view text) { return *IpAddress::Parse(text); }
Prefix P(std::string_view text) { return *Prefix::Parse(text); }

// A gateway with its underlay on port 0 and its overlay on port 1.
struct Node {
  config::Config config;
  crypto::PrivateKey key = *crypto::PrivateKey::Generate(crypto::KeyType::kEd25519);
  FakeDataplane* dataplane = nullptr;  // the gateway's
  std::unique_ptr<Gateway> gateway;

  Node(std::string name, const std::string& underlay, const std::string& overlay) {
    config.gateway.name = std::move(name);
    config.ports.resize(2);
    config.ports[0].name = "wan";
    config.ports[0].addresses = {P(underlay)};
    config.ports[1].name = "lan";
    config.ports[1].side = config::Side::kOverlay;
    config.ports[1].addresses = {P(overlay)};
  }

  config::Peer AsPeer(std::vector<Prefix> prefixes, const std::string& endpoint = "") const {
    config::Peer peer;
    peer.name = config.gateway.name;
    peer.id = key.id();
    peer.allowed_prefixes = std::move(prefixes);
    if (!endpoint.empty()) peer.endpoints = {*dataplane::EndpointRange::Parse(endpoint)};
    return peer;
  }

  void Start(TimePoint now) {
    auto fake = std::make_unique<FakeDataplane>(
        DataplaneOptionsFor(config, std::vector<unsigned>(config.gateway.workers)));
    dataplane = fake.get();
    auto made = Gateway::Create(config, std::move(key), std::move(fake), crypto::SystemRandom());
    ASSERT_TRUE(made.ok()) << made.status();
    gateway = *std::move(made);
    ASSERT_TRUE(gateway->Start(now).ok());
  }
  uint64_t drops(DropReason reason) const { return dataplane->drops(reason); }
};

class GatewayTest : public testing::Test {
 protected:
  GatewayTest() {
    for (Node* node : {&a_, &b_}) {
      node->config.sessions.renew_after = 3s;
      node->config.sessions.life = 6s;
      node->config.sessions.grace = 1s;
    }
    a_.config.peers = {b_.AsPeer({P("10.2.0.0/24")}, "192.0.2.2:4242")};
    b_.config.peers = {a_.AsPeer({P("10.1.0.0/24")})};
  }

  void StartBoth() {
    a_.Start(now_);
    b_.Start(now_);
  }
  // Carries what one gateway sent on its underlay to the other, as its worker would punt it.
  void Carry(Node& from, Node& to) {
    for (auto& [port, frame] : from.dataplane->TakeFrames()) {
      if (port != 0) continue;
      dataplane::OuterPacket outer;
      const auto size = static_cast<uint32_t>(frame.size());
      switch (dataplane::ParseOuter(frame.data(), size, true, &outer)) {
        case dataplane::OuterKind::kControl: {
          if (arp_is_lost_) break;
          dataplane::Punt punt;
          to.dataplane->Punt(punt, frame);
          break;
        }
        case dataplane::OuterKind::kUdp: {
          EXPECT_TRUE(dataplane::UdpChecksumOk(frame.data(), outer));
          dataplane::Punt punt;
          punt.kind = PuntKind::kHandshake;
          punt.worker = static_cast<uint16_t>(outer.destination_port - 4242);
          punt.source = dataplane::SourceEndpoint(frame.data(), outer);
          punt.local_address = dataplane::DestinationAddress(frame.data(), outer);
          const auto* payload = frame.data() + outer.payload_offset;
          to.dataplane->Punt(punt, Bytes(payload, payload + outer.payload_size));
          break;
        }
        case dataplane::OuterKind::kDrop:
          ADD_FAILURE() << "a gateway sent nonsense";
          break;
      }
    }
  }
  // Empty messages that a gateway asked for open at the other side, and confirm its session.
  void Confirm(Node& from, Node& to) {
    for (auto& [index, session] : from.dataplane->sessions) {
      if (session.messages.empty()) continue;
      for (auto& [other_index, other] : to.dataplane->sessions) {
        if (!(other.params.receive_key == session.params.send_key)) continue;
        other.counters.last_rx = now_;
        if (other.counters.confirmed) continue;
        other.counters.confirmed = true;
        to.dataplane->events.push_back(
            {dataplane::SessionEvent::Kind::kConfirmed, {other_index, 1}});
      }
    }
  }
  void Turn(Duration step = 1ms) {
    now_ += step;
    a_.gateway->RunOnce(now_);
    Carry(a_, b_);
    b_.gateway->RunOnce(now_);
    Carry(b_, a_);
    Confirm(a_, b_);
    Confirm(b_, a_);
  }
  void RunFor(Duration duration, Duration step = 1ms) {
    for (const TimePoint end = now_ + duration; now_ < end;) Turn(step);
  }
  static bool Sends(const Node& node) {
    return std::any_of(node.dataplane->sessions.begin(), node.dataplane->sessions.end(),
                       [](const auto& entry) { return entry.second.counters.confirmed; });
  }

  // A host at `address` answers; its MAC.
  dataplane::MacAddress AnswerArp(Node& node, dataplane::PortIndex port, std::string_view address) {
    dataplane::ArpMessage reply;
    reply.operation = dataplane::ArpMessage::Operation::kReply;
    reply.sender_mac = {{2, 0, 0, 0, 0, 9}};
    reply.sender = A(address);
    reply.target_mac = node.dataplane->infos[port].mac;
    reply.target = node.config.ports[port].addresses[0].address;
    dataplane::Punt punt;
    punt.port = port;
    node.dataplane->Punt(punt, dataplane::BuildArp(reply, reply.target_mac));
    node.gateway->RunOnce(now_ += 1ms);
    return reply.sender_mac;
  }

  bool arp_is_lost_ = false;
  TimePoint now_{1000s};
  Node a_{"a", "192.0.2.1/24", "10.1.0.1/24"};
  Node b_{"b", "192.0.2.2/24", "10.2.0.1/24"};
};

TEST_F(GatewayTest, PublishesOneSessionWithMirroredKeysOnBothSides) {
  StartBoth();
  RunFor(50ms);
  ASSERT_EQ(a_.dataplane->sessions.size(), 1u);
  ASSERT_EQ(b_.dataplane->sessions.size(), 1u);
  const auto& at_a = a_.dataplane->sessions.begin()->second.params;
  const auto& at_b = b_.dataplane->sessions.begin()->second.params;
  EXPECT_TRUE(at_a.send_key == at_b.receive_key);
  EXPECT_TRUE(at_a.receive_key == at_b.send_key);
  EXPECT_FALSE(at_a.send_key == at_a.receive_key);
  EXPECT_EQ(at_a.role, dataplane::Role::kInitiator);
  EXPECT_EQ(at_a.remote.ToString(), "192.0.2.2:4242");
  EXPECT_EQ(at_a.local_address, A("192.0.2.1"));
  EXPECT_EQ(at_b.remote.ToString(), "192.0.2.1:4242");
  EXPECT_EQ(at_b.local_address, A("192.0.2.2"));
  EXPECT_TRUE(Sends(b_)) << "the initiator's empty message confirms the responder's session";
  // Each has found the other's MAC by ARP.
  EXPECT_EQ(a_.dataplane->neighbours.at(at_a.next_hop).mac, b_.dataplane->infos[0].mac);
  EXPECT_EQ(b_.dataplane->neighbours.at(at_b.next_hop).mac, a_.dataplane->infos[0].mac);
}

TEST_F(GatewayTest, AnswersFromTheAddressThatItWasAskedAt) {
  b_.config.ports[0].addresses.push_back(P("192.0.2.22/24"));
  a_.config.peers[0].endpoints = {*dataplane::EndpointRange::Parse("192.0.2.22:4242")};
  StartBoth();
  RunFor(50ms);
  ASSERT_EQ(a_.dataplane->sessions.size(), 1u);
  ASSERT_EQ(b_.dataplane->sessions.size(), 1u);
  EXPECT_EQ(b_.dataplane->sessions.begin()->second.params.local_address, A("192.0.2.22"));
  // And so it does when it is the one who begins, to renew.
  RunFor(4s, 5ms);
  for (const auto& [index, session] : b_.dataplane->sessions) {
    EXPECT_EQ(session.params.local_address, A("192.0.2.22"));
  }
}

TEST_F(GatewayTest, ItsDataPathIsASwarmThatOthersCanUse) {
  a_.config.peers.clear();
  a_.config.gateway.workers = 2;
  a_.Start(now_);
  a_.dataplane->TakeFrames();
  DatagramSwarm& swarm = a_.gateway->swarm();
  const auto endpoints = swarm.LocalEndpoints();
  ASSERT_EQ(endpoints.size(), 2u);
  EXPECT_EQ(endpoints[0].ToString(), "192.0.2.1:4242");
  EXPECT_EQ(endpoints[1].ToString(), "192.0.2.1:4243");

  const dataplane::Endpoint to = *dataplane::Endpoint::Parse("192.0.2.9:7");
  EXPECT_EQ(swarm.Mtu(to), 1472u);
  const Bytes datagram = {0, 0, 0, 0, 'h', 'i'};
  EXPECT_TRUE(absl::IsInvalidArgument(swarm.Tell(2, to, datagram))) << "no such stripe";
  EXPECT_TRUE(absl::IsInvalidArgument(swarm.Tell(0, to, Bytes(1473)))) << "too long";
  EXPECT_TRUE(absl::IsInvalidArgument(swarm.Tell(0, to, Bytes(3)))) << "no header";
  EXPECT_TRUE(
      absl::IsNotFound(swarm.Tell(0, *dataplane::Endpoint::Parse("[2001:db8::9]:7"), datagram)))
      << "no address of that family";
  EXPECT_TRUE(
      absl::IsNotFound(swarm.Tell(0, *dataplane::Endpoint::Parse("203.0.113.1:7"), datagram)))
      << "off the link, and no gateway";

  ASSERT_TRUE(swarm.Tell(1, to, datagram).ok());
  dataplane::ArpMessage reply;
  reply.operation = dataplane::ArpMessage::Operation::kReply;
  reply.sender_mac = {{2, 0, 0, 0, 0, 9}};
  reply.sender = to.address;
  reply.target_mac = a_.dataplane->infos[0].mac;
  reply.target = A("192.0.2.1");
  a_.dataplane->Punt({}, dataplane::BuildArp(reply, reply.target_mac));
  a_.dataplane->TakeFrames();
  a_.gateway->RunOnce(now_ += 1ms);
  const auto frames = a_.dataplane->TakeFrames();
  ASSERT_EQ(frames.size(), 1u);
  const Bytes& frame = frames[0].second;
  dataplane::OuterPacket outer;
  ASSERT_EQ(dataplane::ParseOuter(frame.data(), static_cast<uint32_t>(frame.size()), true, &outer),
            dataplane::OuterKind::kUdp);
  EXPECT_TRUE(dataplane::UdpChecksumOk(frame.data(), outer));
  EXPECT_EQ(outer.source_port, 4243);
  EXPECT_EQ(outer.destination_port, 7);
  EXPECT_EQ(Bytes(frame.begin() + outer.payload_offset,
                  frame.begin() + outer.payload_offset + outer.payload_size),
            datagram);
}

TEST_F(GatewayTest, RollsOverBeforeTheOldSessionEndsAndRetiresIt) {
  StartBoth();
  RunFor(50ms);
  std::set<dataplane::SessionIndex> seen;
  for (const TimePoint end = now_ + 20s; now_ < end;) {
    Turn(5ms);
    for (Node* node : {&a_, &b_}) {
      ASSERT_TRUE(Sends(*node)) << "a gap without a session to send on";
      ASSERT_LE(node->dataplane->sessions.size(), 3u) << "old sessions are not retired";
    }
    for (const auto& [index, session] : a_.dataplane->sessions) seen.insert(index);
  }
  EXPECT_GE(seen.size(), 6u);
  EXPECT_GE(a_.gateway->TakeSnapshot(now_).overview.rollovers, 5u);
}

TEST_F(GatewayTest, PacketsWaitForTheSessionAndLeaveWhenItIsUp) {
  a_.Start(now_);
  const PeerRegistry before = *PeerRegistry(8).With(a_.config.peers);
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedSession;
  punt.peer = before.FindByName("b")->index;
  punt.from = dataplane::kNoPeer;
  a_.dataplane->Punt(punt, {1});
  a_.dataplane->Punt(punt, {2});
  a_.gateway->RunOnce(now_ += 1ms);
  EXPECT_TRUE(a_.dataplane->reinjected.empty());
  b_.Start(now_);
  RunFor(50ms);
  ASSERT_TRUE(Sends(a_));
  // One that was on its way while the session came up.
  a_.dataplane->Punt(punt, {3});
  RunFor(20ms);
  ASSERT_EQ(a_.dataplane->reinjected.size(), 3u);
  for (uint8_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a_.dataplane->reinjected[i].first, dataplane::kNoPeer);
    EXPECT_EQ(a_.dataplane->reinjected[i].second, Bytes{static_cast<uint8_t>(i + 1)});
  }
  EXPECT_EQ(a_.drops(DropReason::kNoSessionYet), 0u);
}

TEST_F(GatewayTest, PacketsForASilentPeerAreDroppedAfterTheirTimeWithTheReason) {
  a_.config.limits.queue_packets = 2;
  a_.Start(now_);
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedSession;
  punt.peer = 0;
  for (int i = 0; i < 5; ++i) a_.dataplane->Punt(punt, {1});
  a_.gateway->RunOnce(now_ += 1ms);
  EXPECT_EQ(a_.drops(DropReason::kNoSessionYet), 3u) << "the queue takes two";
  a_.gateway->RunOnce(now_ += 999ms);
  EXPECT_EQ(a_.drops(DropReason::kNoSessionYet), 3u);
  a_.gateway->RunOnce(now_ += 2ms);
  EXPECT_EQ(a_.drops(DropReason::kNoSessionYet), 5u);
}

TEST_F(GatewayTest, SaysGoodbyeSoThatThePeerForgetsAtOnce) {
  StartBoth();
  RunFor(50ms);
  a_.gateway->SayGoodbye(now_);
  Carry(a_, b_);
  b_.gateway->RunOnce(now_ += 1ms);
  EXPECT_TRUE(a_.dataplane->sessions.empty());
  EXPECT_TRUE(b_.dataplane->sessions.empty());
}

TEST_F(GatewayTest, DialsEveryStripeThatBothSidesHave) {
  a_.config.gateway.workers = 4;
  b_.config.gateway.workers = 2;
  StartBoth();
  RunFor(3s, 2ms);
  std::set<std::pair<int, int>> stripes;
  for (const auto& [index, session] : a_.dataplane->sessions) {
    stripes.insert({session.params.worker, session.params.remote.port - 4242});
  }
  std::set<std::pair<int, int>> want;
  const uint64_t hash = StripeHash(a_.config.peers[0].id, b_.config.peers[0].id);
  for (const StripePair& pair : StripePairs(hash, 4, 2)) want.insert({pair.local, pair.remote});
  EXPECT_TRUE(std::includes(stripes.begin(), stripes.end(), want.begin(), want.end()));
}

TEST_F(GatewayTest, TriesAPeersEndpointsInTurn) {
  a_.config.peers[0].endpoints.insert(a_.config.peers[0].endpoints.begin(),
                                      *dataplane::EndpointRange::Parse("192.0.2.77:4242"));
  StartBoth();
  RunFor(2s, 5ms);
  EXPECT_FALSE(Sends(a_));
  RunFor(2s, 5ms);
  EXPECT_TRUE(Sends(a_));
}

TEST_F(GatewayTest, LeavesAnEndpointThatDiedWhileItsSessionStillStands) {
  a_.config.peers[0].endpoints.push_back(*dataplane::EndpointRange::Parse("192.0.2.77:4242"));
  StartBoth();
  RunFor(50ms);
  ASSERT_TRUE(Sends(a_));
  // Nothing of what a sends arrives any more; its session is renewed in vain after 3 s.
  const auto dials = [&](std::string_view address) {
    for (auto& [port, frame] : a_.dataplane->TakeFrames()) {
      const auto arp = dataplane::ParseArp(frame);
      if (arp && arp->target == A(address)) return true;
    }
    return false;
  };
  bool moved = false;
  for (int i = 0; i < 2000 && !moved; ++i) {
    a_.gateway->RunOnce(now_ += 5ms);
    moved = dials("192.0.2.77");
  }
  EXPECT_TRUE(moved);
}

TEST_F(GatewayTest, APeerThatDialsInIsNoStrangerWhileItHasASession) {
  StartBoth();
  EXPECT_TRUE(b_.dataplane->known.empty());
  RunFor(1500ms);
  EXPECT_EQ(b_.dataplane->known, std::vector{A("192.0.2.1")});
  config::Config next = b_.gateway->config();
  next.peers.push_back(
      Node("c", "192.0.2.3/24", "10.3.0.1/24").AsPeer({P("10.3.0.0/24")}, "192.0.2.3:4242"));
  ASSERT_TRUE(b_.gateway->Reload(now_, next).ok());
  EXPECT_EQ(b_.dataplane->known, (std::vector{A("192.0.2.1"), A("192.0.2.3")}));
  a_.gateway->SayGoodbye(now_);
  Carry(a_, b_);
  b_.gateway->RunOnce(now_ += 1s);
  b_.gateway->RunOnce(now_ += 1s);
  EXPECT_EQ(b_.dataplane->known, std::vector{A("192.0.2.3")});
}

TEST_F(GatewayTest, ReloadTouchesOnlyWhatChanged) {
  StartBoth();
  RunFor(50ms);
  const auto session = a_.dataplane->sessions.begin()->first;
  config::Config next = a_.gateway->config();
  next.peers[0].allowed_prefixes.push_back(P("10.22.0.0/16"));
  next.peers.push_back(Node("c", "192.0.2.3/24", "10.3.0.1/24").AsPeer({P("10.3.0.0/24")}));
  ASSERT_TRUE(a_.gateway->Reload(now_, next).ok());
  EXPECT_EQ(a_.dataplane->forwarding->Lookup(A("10.22.1.1")).kind, dataplane::Route::Kind::kPeer);
  EXPECT_EQ(a_.dataplane->forwarding->Lookup(A("10.3.0.9")).kind, dataplane::Route::Kind::kPeer);
  RunFor(50ms);
  EXPECT_EQ(a_.dataplane->sessions.begin()->first, session);
  EXPECT_EQ(a_.dataplane->sessions.size(), 1u);
}

TEST_F(GatewayTest, ReloadClosesTheSessionsOfARemovedPeer) {
  StartBoth();
  RunFor(50ms);
  config::Config next = a_.gateway->config();
  next.peers.clear();
  ASSERT_TRUE(a_.gateway->Reload(now_, next).ok());
  EXPECT_TRUE(a_.dataplane->sessions.empty());
  EXPECT_EQ(a_.dataplane->forwarding->Lookup(A("10.2.0.9")).kind, dataplane::Route::Kind::kNone);
  Carry(a_, b_);
  b_.gateway->RunOnce(now_ += 1ms);
  EXPECT_TRUE(b_.dataplane->sessions.empty()) << "by an authenticated close";
  RunFor(3s, 5ms);
  EXPECT_TRUE(a_.dataplane->sessions.empty()) << "and it is dialled no more";
}

TEST_F(GatewayTest, ReloadThatCannotBeAppliedChangesNothing) {
  StartBoth();
  RunFor(50ms);
  const int forwardings = a_.dataplane->forwardings;
  const auto sessions = a_.dataplane->sessions.size();
  const config::Config running = a_.gateway->config();

  config::Config restart = running;
  restart.peers.clear();
  restart.gateway.listen_port = 5000;
  const absl::Status needs_restart = a_.gateway->Reload(now_, restart);
  EXPECT_TRUE(absl::IsFailedPrecondition(needs_restart));
  EXPECT_NE(std::string(needs_restart.message()).find("listen_port"), std::string::npos);

  config::Config clash = running;
  clash.peers.push_back(Node("c", "192.0.2.3/24", "10.3.0.1/24").AsPeer({P("10.2.0.0/24")}));
  EXPECT_FALSE(a_.gateway->Reload(now_, clash).ok());

  config::Config many = running;
  many.peers.assign(2000, running.peers[0]);
  EXPECT_FALSE(a_.gateway->Reload(now_, many).ok());

  EXPECT_EQ(a_.dataplane->forwardings, forwardings);
  EXPECT_EQ(a_.dataplane->sessions.size(), sessions);
  EXPECT_EQ(a_.dataplane->known, std::vector<IpAddress>{A("192.0.2.2")});
  EXPECT_EQ(a_.gateway->config().peers.size(), 1u);
}

// An ICMP echo request in an IPv4 packet.
Bytes Ping(std::string_view from, std::string_view to) {
  Bytes packet(64);
  packet[0] = 0x45;
  dataplane::StoreBe16(&packet[2], static_cast<uint16_t>(packet.size()));
  packet[8] = 64;
  packet[9] = dataplane::kProtocolIcmp;
  dataplane::StoreBe32(&packet[12], A(from).v4());
  dataplane::StoreBe32(&packet[16], A(to).v4());
  dataplane::StoreRaw(&packet[10], dataplane::FinishSum(dataplane::AddBytes(0, &packet[0], 20)));
  packet[20] = 8;
  dataplane::StoreRaw(
      &packet[22], dataplane::FinishSum(dataplane::AddBytes(0, &packet[20], packet.size() - 20)));
  return packet;
}

TEST_F(GatewayTest, AnswersArpAndPingForItsOwnAddressesOnly) {
  a_.Start(now_);
  a_.dataplane->TakeFrames();
  const dataplane::MacAddress host{{2, 0, 0, 0, 0, 9}};
  dataplane::Punt punt;
  punt.port = 1;
  a_.dataplane->Punt(punt, dataplane::BuildArpRequest(host, A("10.1.0.9"), A("10.1.0.1")));
  a_.dataplane->Punt(punt, dataplane::BuildArpRequest(host, A("10.1.0.9"), A("10.1.0.2")));
  a_.dataplane->Punt(punt, dataplane::BuildFrame(a_.dataplane->infos[1].mac, host, 0x0800,
                                                 Ping("10.1.0.9", "10.1.0.1")));
  a_.dataplane->Punt(punt, dataplane::BuildFrame(a_.dataplane->infos[1].mac, host, 0x0800,
                                                 Ping("10.1.0.9", "192.0.2.1")));
  a_.gateway->RunOnce(now_ += 1ms);
  std::vector<Bytes> answers;
  for (auto& [port, frame] : a_.dataplane->TakeFrames()) {
    if (port == 1 && std::equal(host.bytes.begin(), host.bytes.end(), frame.begin())) {
      answers.push_back(frame);
    }
  }
  ASSERT_EQ(answers.size(), 2u);
  const auto arp = dataplane::ParseArp(answers[0]);
  ASSERT_TRUE(arp.has_value());
  EXPECT_EQ(arp->operation, dataplane::ArpMessage::Operation::kReply);
  EXPECT_EQ(arp->sender, A("10.1.0.1"));
  EXPECT_EQ(arp->sender_mac, a_.dataplane->infos[1].mac);
  EXPECT_EQ(answers[1][dataplane::kEthernetSize + 20], 0) << "echo reply";
}

TEST_F(GatewayTest, AnswersAPingThatCameThroughTheTunnel) {
  a_.Start(now_);
  dataplane::Punt punt;
  punt.kind = PuntKind::kLocal;
  punt.peer = 0;
  a_.dataplane->Punt(punt, Ping("10.2.0.9", "10.1.0.1"));
  a_.gateway->RunOnce(now_ += 1ms);
  ASSERT_EQ(a_.dataplane->reinjected.size(), 1u);
  const Bytes& reply = a_.dataplane->reinjected[0].second;
  EXPECT_EQ(dataplane::SourceV4(reply.data()), A("10.1.0.1").v4());
  EXPECT_EQ(dataplane::DestinationV4(reply.data()), A("10.2.0.9").v4());
}

TEST_F(GatewayTest, TellsASenderThatItsPacketIsTooBig) {
  a_.Start(now_);
  dataplane::Punt punt;
  punt.kind = PuntKind::kTooBig;
  punt.mtu = 1452;
  punt.peer = dataplane::kNoPeer;
  a_.dataplane->Punt(punt, Ping("10.1.0.9", "10.2.0.9"));
  a_.gateway->RunOnce(now_ += 1ms);
  ASSERT_EQ(a_.dataplane->reinjected.size(), 1u);
  const Bytes& error = a_.dataplane->reinjected[0].second;
  EXPECT_EQ(dataplane::SourceV4(error.data()), A("10.1.0.1").v4()) << "our overlay address";
  EXPECT_EQ(dataplane::DestinationV4(error.data()), A("10.1.0.9").v4());
  EXPECT_EQ(error[20], 3) << "destination unreachable";
  EXPECT_EQ(error[21], 4) << "fragmentation needed";
  EXPECT_EQ(dataplane::LoadBe16(&error[26]), 1452);
}

TEST_F(GatewayTest, NobodyCanSilenceTheIcmpErrorsForOthers) {
  a_.Start(now_);
  dataplane::Punt punt;
  punt.peer = punt.from = dataplane::kNoPeer;
  punt.kind = PuntKind::kNoRoute;
  const auto answers = [&] {
    now_ += 1ms;
    // On a busy machine one turn may not get through.
    while (!a_.dataplane->punts.empty()) a_.gateway->RunOnce(now_);
    return std::exchange(a_.dataplane->reinjected, {}).size();
  };
  for (int i = 0; i < 500; ++i) a_.dataplane->Punt(punt, Ping("10.1.0.9", "10.7.0.9"));
  EXPECT_EQ(answers(), IcmpErrors::kPerSecondOfSender);
  a_.dataplane->Punt(punt, Ping("10.1.0.10", "10.7.0.9"));
  EXPECT_EQ(answers(), 1u) << "another sender";
  size_t of_one_kind = 0;
  for (int i = 0; i < 20; ++i) {
    for (int host = 0; host < 250; ++host) {
      a_.dataplane->Punt(punt, Ping(IpAddress::V4(0x0a010100 + host).ToString(), "10.7.0.9"));
    }
    of_one_kind += answers();
  }
  EXPECT_GE(of_one_kind, 400u);
  EXPECT_LE(of_one_kind, 520u);
  punt.kind = PuntKind::kTooBig;
  punt.mtu = 1400;
  a_.dataplane->Punt(punt, Ping("10.1.0.11", "10.2.0.9"));
  EXPECT_EQ(answers(), 1u) << "another kind";
}

TEST_F(GatewayTest, AnswersNoHandshakeOnceItHasSaidGoodbye) {
  StartBoth();
  RunFor(50ms);
  a_.gateway->SayGoodbye(now_);
  a_.dataplane->TakeFrames();
  dataplane::Punt punt;
  punt.kind = PuntKind::kHandshake;
  punt.source = *dataplane::Endpoint::Parse("192.0.2.2:4242");
  punt.local_address = A("192.0.2.1");
  Bytes init(36, 9);
  std::fill_n(init.begin(), 4, uint8_t{0});
  a_.dataplane->Punt(punt, init);
  for (int i = 0; i < 5; ++i) a_.gateway->RunOnce(now_ += 1s);
  EXPECT_EQ(a_.drops(DropReason::kShutdown), 1u);
  EXPECT_TRUE(a_.dataplane->sessions.empty());
  for (const auto& [port, frame] : a_.dataplane->TakeFrames()) {
    dataplane::OuterPacket outer;
    EXPECT_NE(dataplane::ParseOuter(frame.data(), static_cast<uint32_t>(frame.size()), true, &outer),
              dataplane::OuterKind::kUdp);
  }
}

TEST_F(GatewayTest, PacketsForAHostWaitForItsMacAndAreGivenUpWithAnIcmpError) {
  a_.config.peers.clear();
  a_.Start(now_);
  a_.dataplane->TakeFrames();
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedNeighbour;
  punt.port = 1;
  punt.from = dataplane::kNoPeer;
  punt.next_hop = A("10.1.0.9");
  a_.dataplane->Punt(punt, Ping("10.2.0.9", "10.1.0.9"));
  punt.next_hop = A("10.1.0.10");
  a_.dataplane->Punt(punt, Ping("10.2.0.9", "10.1.0.10"));
  a_.gateway->RunOnce(now_ += 1ms);

  const dataplane::MacAddress mac = AnswerArp(a_, 1, "10.1.0.9");
  ASSERT_EQ(a_.dataplane->reinjected.size(), 1u) << "for a worker to count the hop and to fragment";
  EXPECT_EQ(a_.dataplane->reinjected[0].first, dataplane::kNoPeer);
  EXPECT_EQ(a_.dataplane->reinjected[0].second, Ping("10.2.0.9", "10.1.0.9"));
  const auto known =
      std::find_if(a_.dataplane->neighbours.begin(), a_.dataplane->neighbours.end(),
                   [](const auto& entry) { return entry.second.address == A("10.1.0.9"); });
  ASSERT_NE(known, a_.dataplane->neighbours.end()) << "the data plane can go on without us";
  EXPECT_EQ(known->second.mac, mac);

  for (int i = 0; i < 50; ++i) a_.gateway->RunOnce(now_ += 100ms);
  EXPECT_EQ(a_.drops(DropReason::kNoNeighbour), 1u);
  ASSERT_EQ(a_.dataplane->reinjected.size(), 2u);
  EXPECT_EQ(a_.dataplane->reinjected[1].second[21], 1) << "host unreachable";
}

TEST_F(GatewayTest, PacketsForAPeerWaitForTheMacOfItsNextHopAndGoBackToBeSealed) {
  a_.config.peers.clear();
  a_.Start(now_);
  const Bytes packet = Ping("10.3.0.9", "10.2.0.9");
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedNeighbour;
  punt.port = 0;
  punt.next_hop = A("192.0.2.254");
  punt.from = 3;
  a_.dataplane->Punt(punt, packet);
  punt.next_hop = A("192.0.2.253");  // never answers
  a_.dataplane->Punt(punt, packet);
  a_.gateway->RunOnce(now_ += 1ms);
  EXPECT_TRUE(a_.dataplane->reinjected.empty());
  AnswerArp(a_, 0, "192.0.2.254");
  ASSERT_EQ(a_.dataplane->reinjected.size(), 1u);
  EXPECT_EQ(a_.dataplane->reinjected[0].first, 3u) << "it is still peer 3's, and may need a permission";
  EXPECT_EQ(a_.dataplane->reinjected[0].second, packet);
  // One that crossed with the answer.
  punt.next_hop = A("192.0.2.254");
  a_.dataplane->Punt(punt, packet);
  a_.gateway->RunOnce(now_ += 1ms);
  EXPECT_EQ(a_.dataplane->reinjected.size(), 2u);

  for (int i = 0; i < 50; ++i) a_.gateway->RunOnce(now_ += 100ms);
  EXPECT_EQ(a_.drops(DropReason::kNoNeighbour), 1u);
  EXPECT_EQ(a_.dataplane->reinjected.size(), 2u) << "no ICMP about the underlay";
  for (const auto& [port, frame] : a_.dataplane->TakeFrames()) {
    EXPECT_EQ(std::search(frame.begin(), frame.end(), packet.begin() + 12, packet.end()),
              frame.end())
        << "in the clear";
  }
}

TEST_F(GatewayTest, APacketThatComesBackKeepsTheTimeThatItHad) {
  StartBoth();
  RunFor(50ms);
  ASSERT_TRUE(Sends(a_));
  dataplane::Punt punt;
  punt.peer = 0;
  punt.from = dataplane::kNoPeer;
  // Whatever is known here, the worker finds no session, or no MAC, and sends it back each time.
  for (const PuntKind kind : {PuntKind::kNeedSession, PuntKind::kNeedNeighbour}) {
    punt.kind = kind;
    punt.port = 0;
    punt.next_hop = A("192.0.2.2");
    punt.waits_until = {};
    const uint64_t before = a_.drops(DropReason::kNoSessionYet) + a_.drops(DropReason::kNoNeighbour);
    a_.dataplane->Punt(punt, Ping("10.1.0.9", "10.2.0.9"));
    int rounds = 0;
    for (const TimePoint end = now_ + 6s; now_ < end; Turn(5ms)) {
      for (const TimePoint until : std::exchange(a_.dataplane->reinjected_until, {})) {
        ++rounds;
        punt.waits_until = until;
        a_.dataplane->Punt(punt, Ping("10.1.0.9", "10.2.0.9"));
      }
    }
    EXPECT_GT(rounds, 1);
    EXPECT_EQ(a_.drops(DropReason::kNoSessionYet) + a_.drops(DropReason::kNoNeighbour), before + 1);
  }
}

TEST_F(GatewayTest, SendsNothingMoreOnASessionThatIsSpent) {
  StartBoth();
  RunFor(50ms);
  auto& [index, session] = *a_.dataplane->sessions.begin();
  session.counters.next_counter = dataplane::kCounterLastMessage + 1;
  a_.gateway->RunOnce(now_ += 300ms);
  EXPECT_TRUE(session.held) << "so that workers which have another session send on that";
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedSession;
  a_.dataplane->Punt(punt, {1});
  a_.gateway->RunOnce(now_ += 1ms);
  a_.gateway->RunOnce(now_ += 20ms);
  EXPECT_TRUE(a_.dataplane->reinjected.empty()) << "it waits for the next session";
  RunFor(200ms);
  EXPECT_EQ(a_.dataplane->reinjected.size(), 1u);
}

TEST_F(GatewayTest, KeepsTheMacOfARouterThatIsSilentWhilePeersAreHeard) {
  StartBoth();
  RunFor(50ms);
  arp_is_lost_ = true;
  for (const TimePoint end = now_ + 70s; now_ < end;) {
    Turn(10ms);
    for (Node* node : {&a_, &b_}) {
      for (auto& [index, session] : node->dataplane->sessions) session.counters.last_rx = now_;
      ASSERT_FALSE(node->dataplane->sessions.empty());
      const auto& params = node->dataplane->sessions.begin()->second.params;
      ASSERT_TRUE(node->dataplane->neighbours.at(params.next_hop).mac.has_value())
          << (end - now_) / 1s << " s before the end";
    }
  }
}

TEST_F(GatewayTest, AScanOfTheOverlayDoesNotKeepItFromItsPeers) {
  a_.Start(now_);
  dataplane::Punt punt;
  punt.kind = PuntKind::kNeedNeighbour;
  punt.port = 1;
  uint32_t address = A("10.1.0.0").v4();
  const auto scan = [&](Duration duration) {
    for (const TimePoint end = now_ + duration; now_ < end;) {
      for (int i = 0; i < 100; ++i) {
        punt.next_hop = IpAddress::V4(++address);
        a_.dataplane->Punt(punt, Ping("10.2.0.9", "10.1.0.9"));
      }
      // On a busy machine one turn may not get through.
      while (!a_.dataplane->punts.empty()) a_.gateway->RunOnce(now_);
      if (b_.dataplane == nullptr) {
        a_.gateway->RunOnce(now_ += 10ms);
      } else {
        Turn(10ms);
      }
    }
  };
  scan(5s);
  a_.dataplane->TakeFrames();
  b_.Start(now_);
  scan(2s);
  EXPECT_TRUE(Sends(a_));
}

TEST_F(GatewayTest, ShowsUnreachablePeersAsSilentAndLivingOnesAsUp) {
  a_.config.peers.push_back(Node("c", "192.0.2.3/24", "10.3.0.1/24").AsPeer({P("10.3.0.0/24")}));
  StartBoth();
  RunFor(50ms);
  const Snapshot snapshot = a_.gateway->TakeSnapshot(now_);
  ASSERT_EQ(snapshot.peers.size(), 2u);
  EXPECT_EQ(snapshot.peers[0].name, "b");
  EXPECT_EQ(snapshot.peers[0].state, "up");
  EXPECT_EQ(snapshot.peers[0].endpoint, "192.0.2.2:4242");
  EXPECT_EQ(snapshot.peers[1].state, "awaited");
  EXPECT_FALSE(snapshot.peers[1].last_handshake_seconds.has_value());
  EXPECT_EQ(snapshot.overview.peers_up, 1u);
  EXPECT_EQ(snapshot.sessions.size(), 1u);
  EXPECT_EQ(snapshot.sessions[0].peer, "b");
  EXPECT_EQ(snapshot.drops.size(), dataplane::kNumDropReasons);
}

}  // namespace
}  // namespace noisegate::controlplane
