// Packets and checksums made the slow and obvious way, as the oracle of the tests: byte by byte, in
// network order, nothing shared with the code under test.
#ifndef NOISEGATE_TESTS_DATAPLANE_NAIVE_PACKETS_H_
#define NOISEGATE_TESTS_DATAPLANE_NAIVE_PACKETS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace noisegate::dataplane::naive {

using Bytes = std::vector<uint8_t>;

inline void Put(Bytes* out, const Bytes& more) {
  out->insert(out->end(), more.begin(), more.end());
}
inline void Put8(Bytes* out, unsigned v) { out->push_back(static_cast<uint8_t>(v)); }
inline void Put16(Bytes* out, unsigned v) {
  Put8(out, v >> 8);
  Put8(out, v);
}
inline void Put32(Bytes* out, unsigned v) {
  Put16(out, v >> 16);
  Put16(out, v);
}
inline unsigned Get16(const Bytes& b, size_t at) { return b.at(at) << 8 | b.at(at + 1); }
inline void Set16(Bytes* b, size_t at, unsigned v) {
  b->at(at) = static_cast<uint8_t>(v >> 8);
  b->at(at + 1) = static_cast<uint8_t>(v);
}

// RFC 1071, as its text says it: the complement of the one's complement sum of big-endian words.
inline unsigned Checksum(const Bytes& bytes) {
  unsigned sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
}

struct Ip {
  Bytes source = {}, destination = {};  // 4 bytes each for IPv4, 16 for IPv6
  unsigned protocol = 17;
  unsigned ttl = 64;
  unsigned tos = 0;             // or traffic class
  unsigned identification = 0;  // IPv4
  unsigned flags = 0;           // IPv4: the 16 bits with the fragment offset
  unsigned flow_label = 0;      // IPv6
  Bytes options = {};           // IPv4 options, or IPv6 extension headers
};

inline Bytes MakeIp(const Ip& ip, const Bytes& payload) {
  Bytes p;
  if (ip.source.size() == 4) {
    Put8(&p, 0x40 | (5 + ip.options.size() / 4));
    Put8(&p, ip.tos);
    Put16(&p, 20 + ip.options.size() + payload.size());
    Put16(&p, ip.identification);
    Put16(&p, ip.flags);
    Put8(&p, ip.ttl);
    Put8(&p, ip.protocol);
    Put16(&p, 0);
    Put(&p, ip.source);
    Put(&p, ip.destination);
    Put(&p, ip.options);
    Set16(&p, 10, Checksum(p));
  } else {
    Put32(&p, 6u << 28 | ip.tos << 20 | ip.flow_label);
    Put16(&p, ip.options.size() + payload.size());
    Put8(&p, ip.protocol);
    Put8(&p, ip.ttl);
    Put(&p, ip.source);
    Put(&p, ip.destination);
    Put(&p, ip.options);
  }
  Put(&p, payload);
  return p;
}

inline Bytes PseudoHeader(const Ip& ip, unsigned protocol, size_t size) {
  Bytes p = ip.source;
  Put(&p, ip.destination);
  Put32(&p, static_cast<unsigned>(size));
  Put32(&p, protocol);
  return p;
}

// An upper-layer packet with its checksum, at `at`, filled in.
inline Bytes WithChecksum(const Ip& ip, unsigned protocol, Bytes body, size_t at,
                          bool pseudo_header = true) {
  Set16(&body, at, 0);
  Bytes covered = pseudo_header ? PseudoHeader(ip, protocol, body.size()) : Bytes{};
  Put(&covered, body);
  Set16(&body, at, Checksum(covered));
  return body;
}

inline Bytes MakeUdp(const Ip& ip, unsigned source_port, unsigned destination_port,
                     const Bytes& payload) {
  Bytes p;
  Put16(&p, source_port);
  Put16(&p, destination_port);
  Put16(&p, 8 + payload.size());
  Put16(&p, 0);
  Put(&p, payload);
  return WithChecksum(ip, 17, p, 6);
}

inline Bytes MakeTcp(const Ip& ip, unsigned flags, const Bytes& options,
                     const Bytes& payload = {}) {
  Bytes p;
  Put16(&p, 40000);
  Put16(&p, 443);
  Put32(&p, 0x01020304);
  Put32(&p, 0);
  Put16(&p, (5 + options.size() / 4) << 12 | flags);
  Put16(&p, 65535);
  Put32(&p, 0);
  Put(&p, options);
  Put(&p, payload);
  return WithChecksum(ip, 6, p, 16);
}

inline const Bytes kMacA = {0x02, 0, 0, 0, 0, 0x0a};
inline const Bytes kMacB = {0x02, 0, 0, 0, 0, 0x0b};

// From kMacA to kMacB. `vlan` 0: no tag.
inline Bytes MakeFrame(unsigned ether_type, const Bytes& payload, unsigned vlan = 0) {
  Bytes p = kMacB;
  Put(&p, kMacA);
  if (vlan != 0) {
    Put16(&p, 0x8100);
    Put16(&p, vlan);
  }
  Put16(&p, ether_type);
  Put(&p, payload);
  return p;
}

inline const Ip kV4 = {.source = {192, 0, 2, 1}, .destination = {198, 51, 100, 2}};
inline const Ip kV6 = {.source = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                       .destination = {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

}  // namespace noisegate::dataplane::naive

#endif  // NOISEGATE_TESTS_DATAPLANE_NAIVE_PACKETS_H_
