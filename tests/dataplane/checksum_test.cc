#include "dataplane/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/naive_packets.h"

namespace noisegate::dataplane {
namespace {

using naive::Bytes;

unsigned Swap(uint16_t raw) { return __builtin_bswap16(raw); }

TEST(Checksum, EqualsTheNaiveSumAtEverySizeAndAlignment) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 200; ++size) {
    for (size_t offset = 0; offset < 8; ++offset) {
      Bytes buffer(offset + size);
      for (uint8_t& b : buffer) b = static_cast<uint8_t>(random());
      const Bytes bytes(buffer.begin() + static_cast<ptrdiff_t>(offset), buffer.end());
      EXPECT_EQ(Swap(FinishSum(AddBytes(0, buffer.data() + offset, size))), naive::Checksum(bytes))
          << size << " bytes at " << offset;
    }
  }
}

TEST(Checksum, CarriesNothingAwayFromBytesOfOnes) {
  const Bytes ones(65535, 0xff);
  EXPECT_EQ(Swap(FinishSum(AddBytes(0, ones.data(), ones.size()))), naive::Checksum(ones));
}

TEST(Checksum, AddsUpOverEvenPieces) {
  Bytes bytes(301);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  for (size_t cut = 0; cut < bytes.size(); cut += 2) {
    const uint64_t sum = AddBytes(AddBytes(0, bytes.data(), cut), bytes.data() + cut, 301 - cut);
    EXPECT_EQ(Swap(FinishSum(sum)), naive::Checksum(bytes));
  }
}

TEST(Checksum, UdpNeverSendsZero) {
  const Bytes bytes = {0xff, 0xff};
  EXPECT_EQ(FinishSum(AddBytes(0, bytes.data(), 2)), 0);
  EXPECT_EQ(FinishUdpSum(AddBytes(0, bytes.data(), 2)), 0xffff);
}

TEST(UpdateChecksum, KeepsTheExampleOfRfc1624) {
  Bytes checksum = {0xdd, 0x2f};
  UpdateChecksum(checksum.data(), __builtin_bswap16(0x5555), __builtin_bswap16(0x3285));
  EXPECT_EQ(checksum, (Bytes{0x00, 0x00}));
}

TEST(UpdateChecksum, EqualsTheSumMadeAnew) {
  std::mt19937 random(2);
  for (int i = 0; i < 100000; ++i) {
    Bytes words(10);
    for (uint8_t& b : words) b = static_cast<uint8_t>(random());
    words[0] |= 1;  // all zeros has two sums, and no header is all zeros
    Bytes checksum(2);
    naive::Set16(&checksum, 0, naive::Checksum(words));
    const unsigned next = i % 3 == 0 ? (i % 2 == 0 ? 0xffff : 0) : random() & 0xffff;
    const uint16_t before = LoadRaw<uint16_t>(words.data() + 4);
    naive::Set16(&words, 4, next);
    UpdateChecksum(checksum.data(), before, LoadRaw<uint16_t>(words.data() + 4));
    EXPECT_EQ(naive::Get16(checksum, 0), naive::Checksum(words));
  }
}

TEST(PseudoHeaderSum, CoversAddressesProtocolAndSize) {
  for (const naive::Ip& ip : {naive::kV4, naive::kV6}) {
    const Bytes pseudo = naive::PseudoHeader(ip, 17, 1234);
    EXPECT_EQ(Swap(FinishSum(PseudoHeaderSum(ip.source.data(), ip.destination.data(),
                                             ip.source.size(), 17, 1234))),
              naive::Checksum(pseudo));
  }
}

}  // namespace
}  // namespace noisegate::dataplane
