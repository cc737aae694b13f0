// Random bursts through every kernel of `lanes`, against libsodium and against ipsec-mb.
//
// Every message ends, or begins, where a page may not be touched. NOISEGATE_AEAD_BURSTS sets how
// many bursts there are (default: a few hundred); NOISEGATE_AEAD_SEED another sequence.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "crypto/aead.h"
#include "tests/crypto/engines.h"

namespace noisegate::crypto {
namespace {

constexpr size_t kMaxMessages = 130;  // two chunks and two more
constexpr size_t kMaxText = 9'100;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

// Small and fast (splitmix64), because most of the time should go to the engines.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  void Fill(uint8_t* out, size_t size) {
    for (; size >= 8; size -= 8, out += 8) Write(out, 8);
    Write(out, size);
  }

 private:
  void Write(uint8_t* out, size_t size) {
    const uint64_t word = Next();
    if (size > 0) std::memcpy(out, &word, size);
  }
  uint64_t state_;
};

// Room for `count` items of at most `size` bytes, each between pages that fault.
class GuardedSlots {
 public:
  GuardedSlots(size_t count, size_t size)
      : usable_((size + kPage - 1) / kPage * kPage), all_(count * (usable_ + kPage) + kPage) {
    base_ =
        static_cast<uint8_t*>(mmap(nullptr, all_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) std::abort();
    for (size_t i = 0; i < count; ++i) {
      if (mprotect(Begin(i), usable_, PROT_READ | PROT_WRITE) != 0) std::abort();
    }
  }
  ~GuardedSlots() { munmap(base_, all_); }
  GuardedSlots(const GuardedSlots&) = delete;
  GuardedSlots& operator=(const GuardedSlots&) = delete;

  uint8_t* Begin(size_t i) const { return base_ + kPage + i * (usable_ + kPage); }
  // Where `size` bytes go: at the very end, at the very start, or at any alignment between.
  uint8_t* Place(size_t i, size_t size, Dice& dice) const {
    const size_t slack = usable_ - size;
    switch (dice.Below(4)) {
      case 0:
        return Begin(i);
      case 1:
        return Begin(i) + dice.Below(slack + 1);
      default:
        return Begin(i) + slack;
    }
  }

 private:
  static constexpr size_t kPage = 4096;
  const size_t usable_;
  const size_t all_;
  uint8_t* base_;
};

// How the sizes of a burst are drawn.
class Sizes {
 public:
  explicit Sizes(Dice& dice) : dice_(dice), kind_(dice.Below(6)), same_(Any(1'500)) {}
  size_t Next() {
    switch (kind_) {
      case 0:
        return same_;
      case 1:
        return Any(64);
      case 2:
        return Edge(40);  // packets
      case 3:
        return dice_.OneIn(8) ? Edge(kMaxText / 64) : Any(200);  // few long ones
      case 4:
        return std::array{64, 594, 1518}[dice_.Below(3)];
      default:
        return Any(1'500);
    }
  }

 private:
  size_t Any(size_t most) { return dice_.Below(most + 1); }
  // One byte more or less than a whole number of ChaCha20's or Poly1305's blocks.
  size_t Edge(size_t most_blocks) {
    const size_t size = dice_.OneIn(2) ? 64 * Any(most_blocks) : 16 * Any(4 * most_blocks);
    return size == 0 ? 0 : size - 1 + dice_.Below(3);
  }

  Dice& dice_;
  const uint64_t kind_;
  const size_t same_;
};

class LanesDifferential : public testing::TestWithParam<EngineUnderTest> {
 protected:
  struct Copy {
    std::array<uint8_t, kMaxText + kAeadTagSize> bytes;
  };

  void SetUp() override {
    absl::StatusOr<std::unique_ptr<AeadEngine>> engine = GetParam().make();
    if (!engine.ok()) GTEST_SKIP() << engine.status();
    engine_ = *std::move(engine);
    sodium_ = MakeAeadEngine(AeadEngineKind::kSodium).value();
    absl::StatusOr<std::unique_ptr<AeadEngine>> ipsec_mb = MakeAeadEngine(AeadEngineKind::kIpsecMb);
    if (ipsec_mb.ok()) ipsec_mb_ = *std::move(ipsec_mb);
  }

  // Fills burst_ with messages, their texts random, and plain_ with the same.
  void Draw(Dice& dice) {
    const size_t n = 1 + dice.Below(dice.OneIn(8) ? kMaxMessages : 64);
    const size_t keys = 1 + dice.Below(n);  // the fewer, the more share one
    Sizes sizes(dice);
    burst_.resize(n);
    for (size_t i = 0; i < n; ++i) {
      AeadMessage& message = burst_[i];
      const size_t size = sizes.Next();
      if (i < keys) dice.Fill(keys_.Begin(i) + kKeyOffset, kAeadKeySize);
      message.key = keys_.Begin(i % keys) + kKeyOffset;
      message.counter = dice.Next() >> dice.Below(64);
      message.nonce_prefix = dice.OneIn(4) ? static_cast<uint32_t>(dice.Next()) : 0;
      message.text = texts_.Place(i, size + kAeadTagSize, dice);
      message.text_size = static_cast<uint32_t>(size);
      message.aad_size = static_cast<uint8_t>(dice.OneIn(2) ? 4 : dice.Below(17));
      dice.Fill(message.aad.data(), message.aad.size());
      dice.Fill(message.text, size);
      std::memcpy(plain_[i].bytes.data(), message.text, size);
    }
  }

  // Seals copies of burst_'s texts with `oracle`.
  void SealCopies(AeadEngine& oracle, std::vector<Copy>& copies) {
    std::vector<AeadMessage> burst = burst_;
    for (size_t i = 0; i < burst.size(); ++i) {
      std::memcpy(copies[i].bytes.data(), plain_[i].bytes.data(), burst[i].text_size);
      burst[i].text = copies[i].bytes.data();
    }
    oracle.Seal(burst);
  }

  void SealAndCompare() {
    SealCopies(*sodium_, sealed_);
    engine_->Seal(burst_);
    ExpectTexts(sealed_, "libsodium");
    if (ipsec_mb_ == nullptr) return;
    SealCopies(*ipsec_mb_, sealed_);
    ExpectTexts(sealed_, "ipsec-mb");
  }
  void ExpectTexts(const std::vector<Copy>& want, const char* oracle) {
    for (size_t i = 0; i < burst_.size(); ++i) {
      const AeadMessage& m = burst_[i];
      ASSERT_EQ(std::memcmp(m.text, want[i].bytes.data(), m.text_size + kAeadTagSize), 0)
          << oracle << " differs at message " << i << " of " << burst_.size() << ", " << m.text_size
          << " bytes, aad of " << int{m.aad_size};
    }
  }

  // Flips a bit of some messages, opens all, and says whether each did as it should.
  void OpenAndCompare(Dice& dice) {
    const uint64_t forged_one_in = std::array<uint64_t, 4>{1'000'000, 10, 2, 1}[dice.Below(4)];
    for (size_t i = 0; i < burst_.size(); ++i) {
      forged_[i] = dice.OneIn(forged_one_in);
      if (forged_[i]) {
        const uint64_t bit = dice.Below(8 * (burst_[i].text_size + kAeadTagSize));
        burst_[i].text[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
        std::memcpy(plain_[i].bytes.data(), burst_[i].text, burst_[i].text_size + kAeadTagSize);
      }
      burst_[i].ok = dice.OneIn(2);
    }
    engine_->Open(burst_);
    for (size_t i = 0; i < burst_.size(); ++i) {
      const size_t size = burst_[i].text_size + (forged_[i] ? kAeadTagSize : 0);
      ASSERT_EQ(burst_[i].ok, !forged_[i]) << "message " << i;
      ASSERT_EQ(std::memcmp(burst_[i].text, plain_[i].bytes.data(), size), 0) << "message " << i;
    }
  }

  static constexpr size_t kKeyOffset = 4096 - kAeadKeySize;  // a key ends where its page does

  std::unique_ptr<AeadEngine> engine_, sodium_, ipsec_mb_;
  GuardedSlots keys_{kMaxMessages, kAeadKeySize};
  GuardedSlots texts_{kMaxMessages, kMaxText + kAeadTagSize};
  std::vector<AeadMessage> burst_;
  std::vector<Copy> plain_{kMaxMessages};
  std::vector<Copy> sealed_{kMaxMessages};
  std::array<bool, kMaxMessages> forged_;
};

TEST_P(LanesDifferential, RandomBurstsAreAsLibsodiumAndIpsecMbMakeThem) {
  const uint64_t bursts = FromEnvironment("NOISEGATE_AEAD_BURSTS", 300);
  const uint64_t seed = FromEnvironment("NOISEGATE_AEAD_SEED", 1);
  for (uint64_t i = 0; i < bursts; ++i) {
    SCOPED_TRACE(testing::Message() << "NOISEGATE_AEAD_SEED=" << seed + i);
    Dice dice(seed + i);
    Draw(dice);
    SealAndCompare();
    if (!HasFatalFailure()) OpenAndCompare(dice);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, LanesDifferential, testing::ValuesIn(EnginesUnderTest()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace noisegate::crypto
