// Why a packet or a handshake message went no further: one table for code, counters, `noisegate
// show`, metrics and the manual (docs/operations.md, held equal by a test).
#ifndef NOISEGATE_DATAPLANE_DROP_REASON_H_
#define NOISEGATE_DATAPLANE_DROP_REASON_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace noisegate::dataplane {

// NAME(identifier, "name in statistics", "what it means")
// clang-format off
#define NOISEGATE_DROP_REASONS(NAME)                                                               \
  /* Parsing, either side */                                                                       \
  NAME(kMalformed, "malformed", "a length or version field contradicts the packet")                \
  NAME(kNotForUs, "not_for_us", "its MAC, VLAN, address or port is none of ours")                   \
  NAME(kFragment, "fragment", "an IP fragment outside: the path MTU is set too high")              \
  NAME(kBadChecksum, "bad_checksum", "an IPv4 header checksum is wrong")                           \
  NAME(kTtlExpired, "ttl_expired", "TTL or hop limit ran out here")                                \
  NAME(kUnsupported, "unsupported", "an EtherType or protocol that we do not carry")               \
  NAME(kMartian, "martian", "an address that no packet may have here: loopback, 0/8, 240/4")        \
  /* Underlay to overlay */                                                                        \
  NAME(kTruncated, "truncated", "shorter than a header and a tag")                                 \
  NAME(kNoSession, "no_session", "no session with that endpoint in that direction")                \
  NAME(kReplayed, "replayed", "counter already seen or older than the window")                     \
  NAME(kBadTag, "bad_tag", "the tag is wrong: forged, damaged or under a key long gone")           \
  NAME(kExpiredSession, "expired_session", "the session is past its life")                         \
  NAME(kBareClose, "bare_close", "a close without a tag, which anyone can send")                   \
  NAME(kKeepAlive, "keep_alive", "an empty message: authentic, nothing to deliver")                \
  NAME(kInnerMalformed, "inner_malformed", "the message is not a whole IP packet")                 \
  NAME(kInnerSource, "inner_source", "inner source outside the sender's allowed prefixes")         \
  NAME(kRelayDenied, "relay_denied", "the sender may not reach that peer through us")              \
  NAME(kCongested, "congested", "marked congested outside, but its flow knows no marks (RFC 6040)") \
  /* Overlay to underlay */                                                                        \
  NAME(kNoRoute, "no_route", "no prefix, address or neighbour covers the destination")             \
  NAME(kTooBig, "too_big", "larger than the path MTU; the sender is told if it asked")             \
  NAME(kNoSessionYet, "no_session_yet", "waited for a session too long, or the queue was full")    \
  NAME(kCounterSpent, "counter_spent", "the session has sent its 2^31-5 messages")                 \
  NAME(kNoNeighbour, "no_neighbour", "the next hop does not answer ARP or neighbour discovery")    \
  /* Inside the gateway */                                                                         \
  NAME(kNoBuffer, "no_buffer", "out of mbufs")                                                     \
  NAME(kQueueFull, "queue_full", "a ring between threads was full")                                \
  NAME(kTxFull, "tx_full", "the device took no more packets")                                      \
  NAME(kPuntLimited, "punt_limited", "more for the control thread than its budget")                \
  NAME(kShutdown, "shutdown", "the gateway was stopping")                                          \
  /* Handshakes (control thread) */                                                                \
  NAME(kInitLimited, "init_limited", "more inits from that prefix or endpoint than its budget")    \
  NAME(kUnexpectedHandshake, "unexpected_handshake", "a handshake message that nobody awaits")     \
  NAME(kBadHandshake, "bad_handshake", "a handshake message that does not parse or open")          \
  NAME(kUnknownPeer, "unknown_peer", "a key of no configured peer")                                \
  NAME(kWrongPeer, "wrong_peer", "a good signature, but another peer than the one dialled")        \
  NAME(kBadSignature, "bad_signature", "the signature does not match the key")                     \
  NAME(kBadKey, "bad_key", "a key we refuse: weak, malformed, of small order, or our own")         \
  NAME(kBadClose, "bad_close", "a close whose tag is wrong")                                       \
  NAME(kTableFull, "table_full", "no room for another peer, session or half-open handshake")
// clang-format on

enum class DropReason : uint8_t {
#define NOISEGATE_DROP_ENUM(identifier, name, meaning) identifier,
  NOISEGATE_DROP_REASONS(NOISEGATE_DROP_ENUM)
#undef NOISEGATE_DROP_ENUM
      kCount
};

inline constexpr size_t kNumDropReasons = static_cast<size_t>(DropReason::kCount);

struct DropReasonText {
  std::string_view name;     // as in statistics
  std::string_view meaning;  // one line for a person
};

inline constexpr DropReasonText kDropReasonTexts[kNumDropReasons] = {
#define NOISEGATE_DROP_TEXT(identifier, name, meaning) {name, meaning},
    NOISEGATE_DROP_REASONS(NOISEGATE_DROP_TEXT)
#undef NOISEGATE_DROP_TEXT
};

constexpr std::string_view DropReasonName(DropReason reason) {
  return kDropReasonTexts[static_cast<size_t>(reason)].name;
}

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_DROP_REASON_H_
