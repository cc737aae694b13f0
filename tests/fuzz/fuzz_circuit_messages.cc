// Hop and stop messages, identify, envelopes, keys and ids from hostile bytes: what parses builds
// back to something that parses the same.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "controlplane/libp2p/circuit_messages.h"
#include "controlplane/libp2p/identify_message.h"
#include "controlplane/libp2p/length_prefixed.h"
#include "controlplane/libp2p/signed_envelope.h"

namespace {

using namespace noisegate::libp2p;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckReader(std::span<const uint8_t> bytes) {
  LengthPrefixedReader at_once, in_pieces;
  const size_t used = at_once.Receive(bytes);
  size_t used_in_pieces = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    used_in_pieces += in_pieces.Receive(bytes.subspan(i, 1));
  Require(at_once.state() == in_pieces.state() && used == used_in_pieces);
  if (at_once.state() != LengthPrefixedReader::State::kDone) return;
  const std::vector<uint8_t> message = at_once.TakeMessage();
  Require(message == in_pieces.TakeMessage() && message.size() <= kMaxCircuitMessage);
  Require(WithLengthPrefix(message) ==
          std::vector<uint8_t>(bytes.begin(), bytes.begin() + static_cast<long>(used)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  CheckReader(bytes);
  if (const auto hop = ParseHop(bytes); hop.ok()) {
    Require(ParseHop(SerializeHop(*hop)).value() == *hop);
  }
  if (const auto stop = ParseStop(bytes); stop.ok()) {
    Require(ParseStop(SerializeStop(*stop)).value() == *stop);
  }
  if (const auto identify = ParseIdentify(bytes); identify.ok()) {
    Require(ParseIdentify(SerializeIdentify(*identify)).value() == *identify);
  }
  if (const auto voucher = OpenVoucher(bytes); voucher.ok()) Require(!voucher->relay.empty());
  if (const auto record = OpenPeerRecord(bytes); record.ok()) {
    Require(record->addresses.size() <= kMaxRecordAddresses);
  }
  if (const auto key = DecodePublicKey(bytes); key.ok()) {
    Require(DecodePublicKey(EncodePublicKey(*key))->pkix_der() == key->pkix_der());
  }
  return 0;
}
