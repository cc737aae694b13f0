// Peer ids, multistream lines, yamux headers and circuit messages of js-libp2p, byte for byte.
#include <gtest/gtest.h>

#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/multistream.h"
#include "controlplane/libp2p/peer_id.h"
#include "controlplane/libp2p/signed_envelope.h"
#include "controlplane/libp2p/yamux_frame.h"
#include "tests/controlplane/libp2p/test_keys.h"
#include "tests/crypto/vectors.h"

namespace noisegate::libp2p {
namespace {

using crypto::Fixed;
using crypto::Hex;
using nlohmann::json;

json Load(const std::string& name) {
  return crypto::LoadJson(std::string(NOISEGATE_SOURCE_DIR) + "/tests/vectors/libp2p/" + name);
}

TEST(PeerIdVectors, EveryTextOfEveryKeyTypeIsTheSameId) {
  const json file = Load("peer-ids.json");
  for (const json& v : file["keys"]) {
    SCOPED_TRACE(v["name"].get<std::string>());
    const crypto::PublicKey key = DecodePublicKey(Hex(v["public_key_pb"])).value();
    EXPECT_EQ(ToHex(EncodePublicKey(key)), v["public_key_pb"]);
    const PeerId id = PeerId::OfPublicKey(key);
    EXPECT_EQ(ToHex(id.bytes()), v["multihash"]);
    EXPECT_EQ(id.ToString(), v["base58btc"]);
    EXPECT_EQ(id.ToCidString(), v["cidv1_base32"]);
    for (const char* form : {"base58btc", "cidv1_base32", "cidv1_base36", "cidv1_base58btc"}) {
      const absl::StatusOr<PeerId> parsed = PeerId::Parse(v[form].get<std::string>());
      ASSERT_TRUE(parsed.ok()) << form << ": " << parsed.status();
      EXPECT_EQ(*parsed, id) << form;
    }
    EXPECT_EQ(PeerId::FromBytes(Hex(v["multihash"])).value(), id);
    const absl::StatusOr<crypto::PublicKey> inline_key = id.InlineKey();
    EXPECT_EQ(inline_key.ok() ? inline_key->pkix_der() : Bytes(),
              v["multihash_code"] == 0 ? key.pkix_der() : Bytes());
  }
}

TEST(PeerIdVectors, SignaturesOfEveryKeyTypeVerify) {
  const json file = Load("peer-ids.json");
  for (const json& v : file["keys"]) {
    SCOPED_TRACE(v["name"].get<std::string>());
    const crypto::PrivateKey private_key = PrivateKeyFromProtobuf(Hex(v["private_key_pb"]));
    const crypto::PublicKey key = DecodePublicKey(Hex(v["public_key_pb"])).value();
    EXPECT_EQ(private_key.public_key().pkix_der(), key.pkix_der());
    const Bytes message = Hex(v["sample_message"]);
    Bytes signature = Hex(v["sample_signature"]);
    EXPECT_TRUE(key.VerifyMessage(message, signature));
    EXPECT_TRUE(key.VerifyMessage(message, private_key.SignMessage(message).value()));
    const bool deterministic =
        key.type() == crypto::KeyType::kEd25519 || key.type() == crypto::KeyType::kRsa;
    EXPECT_EQ(private_key.SignMessage(message).value() == signature, deterministic);
    signature.back() ^= 1;
    EXPECT_FALSE(key.VerifyMessage(message, signature));
  }
}

TEST(PeerIdVectors, TextsOfTheSpecification) {
  const json vectors = Load("peer-ids.json");
  for (const json& v : vectors["spec_text_examples"]) {
    const PeerId id = PeerId::Parse(v["text"].get<std::string>()).value();
    EXPECT_EQ(ToHex(id.bytes()), v["multihash"]);
    EXPECT_EQ(id.ToString(), v["base58btc"]);
    EXPECT_EQ(id.ToCidString(), v["cidv1_base32"]);
  }
  for (const json& v : vectors["rejected_text"]) {
    EXPECT_FALSE(PeerId::Parse(v["text"].get<std::string>()).ok()) << v["text"];
  }
}

TEST(MultistreamVectors, LinesAreWrittenAndRead) {
  const json vectors = Load("multistream.json");
  for (const json& v : vectors["lines"]) {
    const std::string text = v["text"];
    Bytes line;
    AppendMultistreamLine(text, line);
    EXPECT_EQ(ToHex(line), v["hex"]);
    MultistreamLines reader;
    std::optional<std::string_view> read;
    EXPECT_EQ(reader.Next(Hex(v["hex"]), read), line.size());
    EXPECT_EQ(read, text);
  }
}

TEST(MultistreamVectors, ListIsAsJsSendsIt) {
  const json v = Load("multistream.json")["ls_response"];
  MultistreamListener listener(v["protocols"].get<std::vector<std::string>>());
  Bytes input;
  AppendMultistreamLine(kMultistreamHeader, input);
  AppendMultistreamLine("ls", input);
  EXPECT_EQ(listener.Receive(input), input.size());
  Bytes want;
  AppendMultistreamLine(kMultistreamHeader, want);
  const Bytes list = Hex(v["hex_as_sent_by_js"]);
  want.insert(want.end(), list.begin(), list.end());
  EXPECT_EQ(ToHex(listener.TakeOutput()), ToHex(want));
}

TEST(YamuxVectors, HeadersAreWrittenAndRead) {
  const json file = Load("yamux.json");
  for (const json& v : file["frames"]) {
    const YamuxHeader header{.version = 0,
                             .type = static_cast<YamuxType>(v["type"].get<int>()),
                             .flags = v["flags"],
                             .stream = v["stream_id"],
                             .length = v["length"]};
    Bytes bytes(kYamuxHeaderSize);
    EncodeYamuxHeader(header, std::span<uint8_t, kYamuxHeaderSize>(bytes));
    EXPECT_EQ(ToHex(bytes), v["hex"]) << v["name"];
    EXPECT_EQ(DecodeYamuxHeader(Fixed<kYamuxHeaderSize>(Hex(v["hex"]))), header) << v["name"];
  }
}

Bytes Reserialized(const std::string& name, const Bytes& body) {
  if (name.starts_with("hop")) return SerializeHop(ParseHop(body).value());
  return SerializeStop(ParseStop(body).value());
}

TEST(CircuitVectors, MessagesSurviveParsingByteForByte) {
  const json vectors = Load("circuit-v2.json");
  for (const json& v : vectors["messages"]) {
    SCOPED_TRACE(v["name"].get<std::string>());
    LengthPrefixedReader reader;
    const Bytes wire = Hex(v["wire"]);
    EXPECT_EQ(reader.Receive(wire), wire.size());
    ASSERT_EQ(reader.state(), LengthPrefixedReader::State::kDone);
    const Bytes body = reader.TakeMessage();
    EXPECT_EQ(ToHex(body), v["pb"]);
    EXPECT_EQ(ToHex(Reserialized(v["name"], body)), v["pb"]);
    EXPECT_EQ(WithLengthPrefix(body), wire);
  }
}

TEST(CircuitVectors, MessagesAreBuiltFromTheirMeaning) {
  const json vectors = Load("circuit-v2.json");
  std::map<std::string, std::string> want;
  for (const json& v : vectors["messages"]) want[v["name"]] = v["pb"];
  const PeerId relay = PeerId::Parse(vectors["relay_peer_id"].get<std::string>()).value();
  const PeerId source = PeerId::Parse(vectors["source_peer_id"].get<std::string>()).value();
  const PeerId target = PeerId::Parse(vectors["reserving_peer_id"].get<std::string>()).value();
  const CircuitLimit limit{.duration = 120, .data = 131072};
  const auto hop = [](const HopMessage& message) { return ToHex(SerializeHop(message)); };
  const auto stop = [](const StopMessage& message) { return ToHex(SerializeStop(message)); };

  EXPECT_EQ(hop({.type = HopType::kReserve}), want["hop RESERVE"]);
  EXPECT_EQ(hop({.type = HopType::kConnect, .peer = CircuitPeer{.id = target}}),
            want["hop CONNECT"]);
  EXPECT_EQ(hop({.type = HopType::kConnect,
                 .peer = CircuitPeer{.id = target, .addresses = {Multiaddr().WithPeer(target)}}}),
            want["hop CONNECT as js sends it (addrs=[/p2p/<dst>])"]);
  EXPECT_EQ(hop({.type = HopType::kStatus, .limit = limit, .status = CircuitStatus::kOk}),
            want["hop STATUS OK (connect, limit)"]);
  EXPECT_EQ(stop({.type = StopType::kConnect, .peer = CircuitPeer{.id = source}, .limit = limit}),
            want["stop CONNECT"]);

  CircuitReservation reservation{
      .expire = vectors["voucher"]["expiration"],
      .addresses = {Multiaddr::Parse("/ip4/127.0.0.1/tcp/4001/p2p/" + relay.ToString()).value()},
      .voucher = Hex(vectors["voucher"]["envelope"])};
  const std::string with_limit = "hop STATUS OK (reservation, limit 120 s / 131072 B)";
  const Bytes reserved = FromHex(want[with_limit]);
  // The vector's address stands in the message itself; ours is held against it by what it parses
  // to.
  const HopMessage parsed = ParseHop(reserved).value();
  ASSERT_TRUE(parsed.reservation.has_value());
  EXPECT_EQ(parsed.reservation->expire, reservation.expire);
  EXPECT_EQ(parsed.reservation->voucher, reservation.voucher);
  ASSERT_EQ(parsed.reservation->addresses.size(), 1u);
  EXPECT_EQ(parsed.reservation->addresses[0].last_peer(), relay);
  EXPECT_EQ(parsed.limit, limit);
  reservation.addresses = parsed.reservation->addresses;
  EXPECT_EQ(hop({.type = HopType::kStatus,
                 .reservation = reservation,
                 .limit = limit,
                 .status = CircuitStatus::kOk}),
            want[with_limit]);
  EXPECT_EQ(
      hop({.type = HopType::kStatus, .reservation = reservation, .status = CircuitStatus::kOk}),
      want["hop STATUS OK (reservation, no limit)"]);

  for (const CircuitStatus status :
       {CircuitStatus::kReservationRefused, CircuitStatus::kResourceLimitExceeded,
        CircuitStatus::kPermissionDenied, CircuitStatus::kConnectionFailed,
        CircuitStatus::kNoReservation, CircuitStatus::kMalformedMessage,
        CircuitStatus::kUnexpectedMessage}) {
    const std::string name = "hop STATUS " + std::string(ToString(status));
    ASSERT_TRUE(want.contains(name)) << name;
    EXPECT_EQ(hop({.type = HopType::kStatus, .status = status}), want[name]);
  }
  EXPECT_EQ(stop({.type = StopType::kStatus, .status = CircuitStatus::kOk}),
            want["stop STATUS OK"]);
  EXPECT_EQ(stop({.type = StopType::kStatus, .status = CircuitStatus::kConnectionFailed}),
            want["stop STATUS CONNECTION_FAILED"]);
}

TEST(CircuitVectors, VoucherIsSealedAndOpened) {
  const json vectors = Load("circuit-v2.json");
  const json& v = vectors["voucher"];
  const crypto::PrivateKey relay = PrivateKeyFromProtobuf(Hex(v["signing_key_pb"]));
  const ReservationVoucher voucher{
      .relay = PeerId::OfPublicKey(relay.public_key()),
      .peer = PeerId::Parse(vectors["reserving_peer_id"].get<std::string>()).value(),
      .expiration = v["expiration"]};
  EXPECT_EQ(voucher.relay.ToString(), vectors["relay_peer_id"]);
  EXPECT_EQ(ToHex(EnvelopeSignedBytes(kReservationVoucherPurpose, Hex(v["payload_pb"]))),
            v["signed_bytes"]);
  EXPECT_EQ(ToHex(SealVoucher(relay, voucher).value()), v["envelope"]);
  EXPECT_EQ(OpenVoucher(Hex(v["envelope"])).value(), voucher);
  EXPECT_EQ(ToHex(OpenEnvelope(Hex(v["envelope"]), kReservationVoucherPurpose)->payload),
            v["payload_pb"]);
}

}  // namespace
}  // namespace noisegate::libp2p
