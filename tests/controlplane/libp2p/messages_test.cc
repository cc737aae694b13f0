// Peer ids, envelopes, identify and circuit messages: what is refused, and what survives. Bytes are
// held against vectors in wire_vectors_test.cc.
#include <gtest/gtest.h>

#include "controlplane/libp2p/base_text.h"
#include "controlplane/libp2p/byte_queue.h"
#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/identify_message.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/signed_envelope.h"
#include "tests/controlplane/libp2p/test_keys.h"

namespace noisegate::libp2p {
namespace {

PeerId TestId(uint8_t number) { return PeerId::OfPublicKey(TestKey(number).public_key()); }

Multiaddr Address(const std::string& text) { return Multiaddr::Parse(text).value(); }

TEST(Varint, OnlyTheShortestFormIsTaken) {
  const struct {
    const char* hex;
    Varint::State state;
    uint64_t value;
  } kCases[] = {
      {"", Varint::State::kIncomplete, 0},
      {"00", Varint::State::kOk, 0},
      {"7f", Varint::State::kOk, 127},
      {"8001", Varint::State::kOk, 128},
      {"80", Varint::State::kIncomplete, 0},
      {"8000", Varint::State::kMalformed, 0},
      {"ffffffffffffffff7f", Varint::State::kOk, 0x7fffffffffffffff},
      {"ffffffffffffffff", Varint::State::kIncomplete, 0},
      {"ffffffffffffffffff", Varint::State::kMalformed, 0},
      {"80808080808080808001", Varint::State::kMalformed, 0},
  };
  for (const auto& test : kCases) {
    const Varint got = ReadVarint(FromHex(test.hex));
    EXPECT_EQ(got.state, test.state) << test.hex;
    if (test.state != Varint::State::kOk) continue;
    EXPECT_EQ(got.value, test.value) << test.hex;
    Bytes again;
    AppendVarint(got.value, again);
    EXPECT_EQ(ToHex(again), test.hex);
    EXPECT_EQ(got.size, again.size());
  }
}

TEST(BaseText, EveryBaseSurvives) {
  crypto::SeededRandom random(5);
  for (Base base : {Base::k58, Base::k36, Base::k32, Base::k64}) {
    for (size_t size = 0; size < 60; ++size) {
      Bytes bytes = random.Get(size);
      for (size_t zeros = 0; zeros < std::min<size_t>(size, 3); ++zeros) bytes[zeros] = 0;
      const std::string text = EncodeBase(base, bytes);
      EXPECT_EQ(DecodeBase(base, text), bytes) << text;
    }
  }
  EXPECT_EQ(EncodeBase(Base::k58, AsBytes("Hello World!")), "2NEpo7TZRRrLZSi2U");
  EXPECT_EQ(EncodeBase(Base::k32, AsBytes("foobar")), "mzxw6ytboi");  // RFC 4648
  EXPECT_EQ(EncodeBase(Base::k64, AsBytes("fooba")), "Zm9vYmE");
}

TEST(BaseText, OtherSpellingsAreRefused) {
  EXPECT_FALSE(DecodeBase(Base::k58, "0OIl").has_value());
  EXPECT_FALSE(DecodeBase(Base::k32, "MZXW6").has_value());
  EXPECT_FALSE(DecodeBase(Base::k32, "mzxw6ytboj").has_value()) << "bits left over";
  EXPECT_FALSE(DecodeBase(Base::k32, "a").has_value()) << "a digit too many";
  EXPECT_FALSE(DecodeBase(Base::k64, "Zm9vYmF").has_value());
  EXPECT_FALSE(DecodeBase(Base::k64, "Zg==").has_value());
  EXPECT_FALSE(DecodeBase(Base::k58, std::string(kMaxBaseTextSize + 1, '1')).has_value());
}

TEST(PeerId, OnlyMultihashesOfKeysAreIds) {
  const PeerId id = TestId(1);
  const Bytes good(id.bytes().begin(), id.bytes().end());
  EXPECT_EQ(PeerId::FromBytes(good).value(), id);
  Bytes longer = good, shorter = good, other_hash = good, not_canonical = good;
  longer.push_back(0);
  shorter.pop_back();
  other_hash[0] = 0x11;
  not_canonical.insert(not_canonical.end(), {0x18, 0x01});  // an unknown field
  not_canonical[1] += 2;
  for (const Bytes& bytes : {Bytes(), Bytes{0}, Bytes{0, 0}, Bytes{0x12, 0}, longer, shorter,
                             other_hash, not_canonical, Bytes(46, 0x12)}) {
    EXPECT_FALSE(PeerId::FromBytes(bytes).ok()) << ToHex(bytes);
  }
  EXPECT_FALSE(PeerId::Parse(std::string(200, '1')).ok());
  EXPECT_FALSE(PeerId::Parse("z" + TestId(1).ToString()).ok()) << "a CID has a version";
}

// A message may name hundreds of ids, and looking for each one's point takes longer than reading it.
TEST(PeerId, PointsAreLookedForOnlyWhereTheKeyIsWanted) {
  Bytes on_no_curve = {0x00, 0x25, 0x08, 0x02, 0x12, 0x21, 0x02};
  on_no_curve.insert(on_no_curve.end(), 32, 0xff);
  const auto id = PeerId::FromBytes(on_no_curve);
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_EQ(id->InlineKey().status().code(), absl::StatusCode::kInvalidArgument);
  Bytes no_point = on_no_curve;
  no_point[6] = 0x04;
  EXPECT_FALSE(PeerId::FromBytes(no_point).ok());
}

TEST(ByteQueue, GivesBackWhatItGot) {
  crypto::SeededRandom random(3);
  ByteQueue a, b;
  Bytes want_a, want_b;
  std::vector<Buffer> lenders;
  for (int step = 0; step < 4000; ++step) {
    switch (random.Below(5)) {
      case 4: {
        const Bytes bytes = random.Get(1 + random.Below(30'000));
        const Buffer lender(40'000);
        uint8_t* const at = lender.data() + random.Below(lender.capacity() - bytes.size());
        std::ranges::copy(bytes, at);
        a.Append({at, bytes.size()}, &lender);
        EXPECT_EQ(lender.shared(), bytes.size() >= ByteQueue::kMinLoan);
        lenders.push_back(lender);
        want_a.insert(want_a.end(), bytes.begin(), bytes.end());
        break;
      }
      case 0: {
        const Bytes bytes = random.Get(random.Below(random.Below(8) == 0 ? 70'000 : 900));
        a.Append(bytes);
        want_a.insert(want_a.end(), bytes.begin(), bytes.end());
        break;
      }
      case 1: {
        const size_t limit = random.Below(40'000);
        const size_t moved = a.MoveTo(b, limit);
        ASSERT_EQ(moved, std::min(limit, want_a.size()));
        const auto end = want_a.begin() + static_cast<ptrdiff_t>(moved);
        want_b.insert(want_b.end(), want_a.begin(), end);
        want_a.erase(want_a.begin(), end);
        break;
      }
      case 2: {
        Bytes out(std::min<size_t>(b.size(), random.Below(50'000)));
        b.Read(out);
        ASSERT_TRUE(std::equal(out.begin(), out.end(), want_b.begin()));
        want_b.erase(want_b.begin(), want_b.begin() + static_cast<ptrdiff_t>(out.size()));
        break;
      }
      default: {
        const std::span<const uint8_t> front = b.front();
        ASSERT_TRUE(std::equal(front.begin(), front.end(), want_b.begin()));
        ASSERT_EQ(front.empty(), want_b.empty());
        b.Consume(front.size());
        want_b.erase(want_b.begin(), want_b.begin() + static_cast<ptrdiff_t>(front.size()));
      }
    }
    ASSERT_EQ(a.size(), want_a.size());
    ASSERT_EQ(b.size(), want_b.size());
  }
  a.Clear();
  b.Clear();
  for (const Buffer& lender : lenders) EXPECT_FALSE(lender.shared()) << "given back";
}

TEST(LentBuffers, LendsSoManyAndTakesThoseThatCameBack) {
  LentBuffers lent(2);
  std::vector<Buffer> held;
  for (int i = 0; i < 2; ++i) {
    Buffer used = lent.Take(1000);
    held.push_back(used);
    EXPECT_TRUE(lent.MayLend());
    lent.PutAside(std::move(used));
  }
  EXPECT_FALSE(lent.MayLend());
  EXPECT_TRUE(held[0].shared());
  lent.PutAside(Buffer(1000));  // held by nobody
  lent.KeepOnly(500);
  EXPECT_FALSE(lent.MayLend()) << "who holds one does not care what is wanted now";

  const uint8_t* const back = held[1].data();
  held.pop_back();
  EXPECT_TRUE(lent.MayLend());
  EXPECT_EQ(lent.Take(1000).data(), back);
  EXPECT_TRUE(lent.MayLend()) << "that one was not put aside again";
  held.clear();
  lent.KeepOnly(500);
  EXPECT_EQ(lent.Take(500).capacity(), 500u);
}

TEST(LengthPrefixed, ReadsOneMessageAndLeavesTheRest) {
  const Bytes message(300, 7);
  Bytes input = WithLengthPrefix(message);
  const size_t size = input.size();
  input.push_back(9);
  for (size_t piece : {size_t{1}, size_t{2}, size_t{100}, input.size()}) {
    LengthPrefixedReader reader;
    size_t used = 0;
    while (reader.state() == LengthPrefixedReader::State::kRunning) {
      used += reader.Receive(std::span(input).subspan(used, std::min(piece, input.size() - used)));
    }
    EXPECT_EQ(used, size);
    EXPECT_EQ(reader.TakeMessage(), message);
    reader.Receive(Bytes{0});
    EXPECT_EQ(reader.TakeMessage(), Bytes()) << "the next one is empty";
  }
}

TEST(LengthPrefixed, EveryFailureHasItsState) {
  using State = LengthPrefixedReader::State;
  const struct {
    Bytes input;
    State want;
  } kCases[] = {
      {{}, State::kTruncated},
      {{5, 1, 2}, State::kTruncated},
      {{0x81, 0x20}, State::kTooLong},  // 4,097
      {{0x80, 0x20}, State::kTruncated},
      {{0x80, 0x00}, State::kMalformedLength},
      {Bytes(9, 0xff), State::kMalformedLength},
  };
  for (const auto& test : kCases) {
    LengthPrefixedReader reader;
    reader.Receive(test.input);
    reader.ReceiveEnd();
    EXPECT_EQ(reader.state(), test.want) << ToHex(test.input);
  }
}

TEST(Envelope, RefusesWhatWasNotSignedForThis) {
  const crypto::PrivateKey key = TestKey(1);
  const Bytes payload = {1, 2, 3};
  const Bytes envelope = SealEnvelope(key, kPeerRecordPurpose, payload).value();
  const absl::StatusOr<OpenedEnvelope> opened = OpenEnvelope(envelope, kPeerRecordPurpose);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->signer, TestId(1));
  EXPECT_EQ(opened->payload, payload);
  EXPECT_FALSE(OpenEnvelope(envelope, kReservationVoucherPurpose).ok());
  // The right type, but signed under another domain.
  EXPECT_FALSE(OpenEnvelope(envelope, {"another-domain", kPeerRecordType}).ok());
  for (size_t i = 0; i < envelope.size(); ++i) {
    Bytes changed = envelope;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenEnvelope(changed, kPeerRecordPurpose).ok()) << "byte " << i;
    EXPECT_FALSE(OpenEnvelope(std::span(envelope).first(i), kPeerRecordPurpose).ok()) << i;
  }
}

TEST(Envelope, EveryKeyTypeSealsRecordsAndVouchers) {
  for (const crypto::KeyType type : {crypto::KeyType::kEd25519, crypto::KeyType::kP256,
                                     crypto::KeyType::kRsa, crypto::KeyType::kSecp256k1}) {
    const crypto::PrivateKey key = crypto::PrivateKey::Generate(type).value();
    const PeerId id = PeerId::OfPublicKey(key.public_key());
    const PeerRecord record{
        .peer = id,
        .sequence = 1ull << 40,
        .addresses = {Address("/ip4/192.0.2.1/tcp/1"), Address("/ip6/::1/tcp/2")}};
    EXPECT_EQ(OpenPeerRecord(SealPeerRecord(key, record).value()).value(), record);
    const ReservationVoucher voucher{.relay = id, .peer = TestId(1), .expiration = 7};
    EXPECT_EQ(OpenVoucher(SealVoucher(key, voucher).value()).value(), voucher);
  }
}

TEST(Envelope, RecordsSpeakForTheirSignerOnly) {
  const crypto::PrivateKey key = TestKey(1);
  const PeerRecord stranger{.peer = TestId(2), .sequence = 1};
  EXPECT_FALSE(OpenPeerRecord(SealPeerRecord(key, stranger).value()).ok());
  const ReservationVoucher voucher{.relay = TestId(2), .peer = TestId(3), .expiration = 1};
  EXPECT_FALSE(OpenVoucher(SealVoucher(key, voucher).value()).ok());
  // A record is no voucher.
  const PeerRecord own{.peer = TestId(1), .sequence = 1};
  EXPECT_FALSE(OpenVoucher(SealPeerRecord(key, own).value()).ok());
}

TEST(CircuitMessage, WhatIsMalformedIsRefused) {
  const std::string no_id =
      "08011202"
      "0a00";  // CONNECT, peer { id: "" }
  const std::string negative_status = "080228ffffffffffffffffff01";
  for (const std::string& hex : {std::string(), std::string("ff"), std::string("0803"),
                                 std::string("08ffffffff0f"), std::string("0801"), no_id,
                                 std::string("0802"), negative_status, std::string("2864")}) {
    EXPECT_FALSE(ParseHop(FromHex(hex)).ok()) << hex;
  }
  for (const std::string hex : {"", "0802", "0800", "0801", "08001202"}) {
    EXPECT_FALSE(ParseStop(FromHex(hex)).ok()) << hex;
  }
  Bytes padded = FromHex("0800");
  while (padded.size() <= kMaxCircuitMessage) padded.insert(padded.end(), {0x78, 0x01});
  EXPECT_FALSE(ParseHop(padded).ok()) << "too long";
  padded.resize(1000);
  EXPECT_TRUE(ParseHop(padded).ok()) << "unknown fields are skipped";
}

TEST(CircuitMessage, AddressesThatWeCannotReadAreLeftOut) {
  HopMessage message{
      .type = HopType::kConnect,
      .peer = CircuitPeer{.id = TestId(1), .addresses = {Address("/ip4/192.0.2.1/tcp/1")}}};
  Bytes body = SerializeHop(message);
  // Another address of an unknown protocol (7f …), by hand at the end of the peer, which ends the
  // message.
  body.insert(body.end(), {0x12, 0x03, 0x7f, 0x01, 0x02});
  body[3] += 5;
  ASSERT_EQ(body[2], 0x12);
  EXPECT_EQ(ParseHop(body).value(), message);

  message.peer->addresses.assign(100, Address("/ip4/192.0.2.1/tcp/1"));
  EXPECT_EQ(ParseHop(SerializeHop(message))->peer->addresses.size(), kMaxCircuitAddresses);
}

TEST(CircuitMessage, UnknownStatusIsKept) {
  const HopMessage message{.type = HopType::kStatus, .status = static_cast<CircuitStatus>(777)};
  EXPECT_EQ(ParseHop(SerializeHop(message)).value(), message);
  EXPECT_EQ(ToString(*message.status), "UNKNOWN");
}

TEST(Identify, SurvivesAndAddsUp) {
  const crypto::PrivateKey key = TestKey(1);
  const IdentifyMessage message{.protocol_version = "ipfs/0.1.0",
                                .agent_version = "noisegate/1",
                                .public_key = EncodePublicKey(key.public_key()),
                                .listen_addresses = {Address("/ip4/192.0.2.1/tcp/1")},
                                .observed_address = Address("/ip4/192.0.2.2/tcp/40000"),
                                .protocols = {"/ipfs/ping/1.0.0", "/ipfs/id/1.0.0"},
                                .signed_peer_record = {1, 2, 3}};
  const Bytes body = SerializeIdentify(message);
  EXPECT_EQ(ParseIdentify(body).value(), message);
  EXPECT_EQ(ParseIdentify({}).value(), IdentifyMessage());

  // A long answer comes in several messages.
  Bytes both = body;
  const Bytes more = SerializeIdentify(
      {.protocol_version = "ipfs/0.1.0", .agent_version = "later", .protocols = {"/echo/1.0.0"}});
  both.insert(both.end(), more.begin(), more.end());
  const IdentifyMessage sum = ParseIdentify(both).value();
  EXPECT_EQ(sum.agent_version, "later");
  EXPECT_EQ(sum.protocols.size(), 3u);

  EXPECT_FALSE(ParseIdentify(Bytes{0x0a, 5, 1}).ok());
  EXPECT_FALSE(ParseIdentify(Bytes(kMaxIdentifyMessage + 1)).ok());
}

}  // namespace
}  // namespace noisegate::libp2p
