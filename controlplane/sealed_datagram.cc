#include "controlplane/sealed_datagram.h"

#include <array>

#include "crypto/aead.h"

namespace noisegate::controlplane {
namespace {

using dataplane::Header;
using dataplane::kHeaderSize;
using dataplane::kOverhead;

std::array<uint8_t, 4> AssociatedData(uint32_t counter) {
  std::array<uint8_t, 4> aad;
  dataplane::StoreBe32(aad.data(), counter);
  return aad;
}

}  // namespace

std::vector<uint8_t> BareDatagram(Header header) {
  std::vector<uint8_t> datagram(kHeaderSize);
  dataplane::StoreBe32(datagram.data(), dataplane::EncodeHeader(header));
  return datagram;
}

std::vector<uint8_t> SealDatagram(const crypto::Secret<32>& key, Header header,
                                  std::span<const uint8_t> plaintext) {
  std::vector<uint8_t> datagram = BareDatagram(header);
  datagram.resize(kOverhead + plaintext.size());
  crypto::SealOne(key.span(), header.counter, AssociatedData(header.counter), plaintext,
                  std::span(datagram).subspan(kHeaderSize));
  return datagram;
}

std::optional<std::vector<uint8_t>> OpenDatagram(const crypto::Secret<32>& key,
                                                 std::span<const uint8_t> datagram) {
  if (datagram.size() < kOverhead) return std::nullopt;
  const uint32_t counter = HeaderOf(datagram).counter;
  std::vector<uint8_t> plaintext(datagram.size() - kOverhead);
  if (!crypto::OpenOne(key.span(), counter, AssociatedData(counter), datagram.subspan(kHeaderSize),
                       plaintext)) {
    return std::nullopt;
  }
  return plaintext;
}

}  // namespace noisegate::controlplane
