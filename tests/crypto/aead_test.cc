// Every engine against OpenSSL's ChaCha20-Poly1305, which shares no code with any of them.
#include "crypto/aead.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/mman.h>

#include <memory>
#include <new>
#include <string>

#include "crypto/aead_null.h"
#include "tests/crypto/engines.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

Bytes Oracle(const Bytes& key, uint64_t counter, std::span<const uint8_t> aad,
             const Bytes& plaintext) {
  Bytes nonce(12, 0);
  for (size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<uint8_t>(counter >> (8 * i));
  Bytes sealed(plaintext.size() + kAeadTagSize);
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  int n = 0;
  EVP_EncryptInit_ex(context, EVP_chacha20_poly1305(), nullptr, key.data(), nonce.data());
  EVP_EncryptUpdate(context, nullptr, &n, aad.data(), static_cast<int>(aad.size()));
  EVP_EncryptUpdate(context, sealed.data(), &n, plaintext.data(),
                    static_cast<int>(plaintext.size()));
  EVP_EncryptFinal_ex(context, sealed.data() + n, &n);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize,
                      sealed.data() + plaintext.size());
  EVP_CIPHER_CTX_free(context);
  return sealed;
}

constexpr uint8_t kGuard = 0xc5;
constexpr size_t kGuardSize = 64;

// A message somewhere inside memory of its own, with guard bytes on both sides.
struct Sample {
  Bytes key;
  uint64_t counter;
  Bytes aad;
  Bytes plaintext;
  Bytes sealed;  // by the oracle
  Bytes memory;
  size_t offset;

  Sample(SeededRandom& random, size_t size)
      : key(random.Get(kAeadKeySize)),
        counter(random.Uint64() >> random.Below(64)),
        aad(random.Get(random.Below(17))),
        plaintext(random.Get(size)),
        sealed(Oracle(key, counter, aad, plaintext)),
        memory(2 * kGuardSize + sealed.size(), kGuard),
        offset(random.Below(kGuardSize)) {}

  AeadMessage Message(const Bytes& content) {
    std::copy(content.begin(), content.end(), memory.begin() + static_cast<long>(offset));
    AeadMessage message{.key = key.data(),
                        .counter = counter,
                        .text = memory.data() + offset,
                        .text_size = static_cast<uint32_t>(plaintext.size()),
                        .aad_size = static_cast<uint8_t>(aad.size()),
                        .ok = false,
                        .aad = {}};
    std::copy(aad.begin(), aad.end(), message.aad.begin());
    return message;
  }
  Bytes Text() const { return Slice(plaintext.size()); }
  Bytes TextAndTag() const { return Slice(sealed.size()); }
  bool GuardsIntact() const {
    for (size_t i = 0; i < memory.size(); ++i) {
      const bool inside = i >= offset && i < offset + sealed.size();
      if (!inside && memory[i] != kGuard) return false;
    }
    return true;
  }

 private:
  Bytes Slice(size_t size) const {
    return Bytes(memory.begin() + static_cast<long>(offset),
                 memory.begin() + static_cast<long>(offset + size));
  }
};

class AeadEngines : public testing::TestWithParam<EngineUnderTest> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<AeadEngine>> engine = GetParam().make();
    if (!engine.ok()) GTEST_SKIP() << engine.status();
    engine_ = *std::move(engine);
  }

  void SealAndCheck(std::vector<Sample>& samples) {
    std::vector<AeadMessage> burst;
    for (Sample& sample : samples) burst.push_back(sample.Message(sample.plaintext));
    engine_->Seal(burst);
    for (const Sample& sample : samples) {
      ASSERT_EQ(sample.TextAndTag(), sample.sealed) << "size " << sample.plaintext.size();
      ASSERT_TRUE(sample.GuardsIntact());
    }
  }

  // Opens all of them, those at `bad` (by index) with something wrong.
  void OpenAndCheck(std::vector<Sample>& samples, SeededRandom& random,
                    const std::vector<bool>& bad) {
    std::vector<AeadMessage> burst;
    std::vector<Bytes> contents;
    for (size_t i = 0; i < samples.size(); ++i) {
      contents.push_back(samples[i].sealed);
      if (bad[i]) Damage(samples[i], contents[i], random);
      burst.push_back(samples[i].Message(contents[i]));
      burst[i].ok = random.Below(2) == 0;  // must be set whatever it was
    }
    engine_->Open(burst);
    for (size_t i = 0; i < samples.size(); ++i) {
      ASSERT_EQ(burst[i].ok, !bad[i]) << "message " << i;
      ASSERT_TRUE(samples[i].GuardsIntact());
      if (bad[i]) {
        ASSERT_EQ(samples[i].TextAndTag(), contents[i]) << "message " << i << " was touched";
      } else {
        ASSERT_EQ(samples[i].Text(), samples[i].plaintext) << "message " << i;
      }
    }
  }

  std::unique_ptr<AeadEngine> engine_;

 private:
  static void Damage(Sample& sample, Bytes& content, SeededRandom& random) {
    switch (random.Below(4)) {
      case 0:  // a bit of text or tag
        content[random.Below(content.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
        break;
      case 1:
        sample.key[random.Below(kAeadKeySize)] ^= 1;
        break;
      case 2:
        sample.counter ^= uint64_t{1} << random.Below(64);
        break;
      default:
        if (sample.aad.empty()) {
          sample.aad.push_back(0);
        } else {
          sample.aad.pop_back();
        }
    }
  }
};

TEST_P(AeadEngines, EverySizeMatchesTheOracle) {
  SeededRandom random(1);
  for (size_t size = 0; size <= 1100; ++size) {
    std::vector<Sample> samples;
    samples.emplace_back(random, size);
    SealAndCheck(samples);
    OpenAndCheck(samples, random, {false});
    OpenAndCheck(samples, random, {true});
    if (HasFatalFailure()) return;
  }
}

TEST_P(AeadEngines, BigMessagesMatchTheOracle) {
  SeededRandom random(2);
  for (size_t size : {1420, 1500, 2048, 4095, 9000, 16384, 65515}) {
    std::vector<Sample> samples;
    samples.emplace_back(random, size);
    SealAndCheck(samples);
    OpenAndCheck(samples, random, {false});
    OpenAndCheck(samples, random, {true});
    if (HasFatalFailure()) return;
  }
}

TEST_P(AeadEngines, BurstsMixSizesKeysAndForgeries) {
  SeededRandom random(3);
  for (size_t burst_size : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 300}) {
    for (int round = 0; round < 4; ++round) {
      std::vector<Sample> samples;
      std::vector<bool> bad;
      for (size_t i = 0; i < burst_size; ++i) {
        samples.emplace_back(random, random.Below(random.Below(2) == 0 ? 100 : 1500));
        // Rounds: none forged, a few, half, all.
        constexpr uint64_t kForgedPerTwelve[] = {0, 1, 6, 12};
        bad.push_back(random.Below(12) < kForgedPerTwelve[round]);
      }
      SealAndCheck(samples);
      OpenAndCheck(samples, random, bad);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(AeadEngines, EveryBitOfTheTagCounts) {
  SeededRandom random(4);
  Sample sample(random, 100);
  for (size_t bit = 0; bit < 8 * kAeadTagSize; ++bit) {
    Bytes forged = sample.sealed;
    forged[100 + bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    AeadMessage message = sample.Message(forged);
    engine_->Open({&message, 1});
    EXPECT_FALSE(message.ok);
    EXPECT_EQ(sample.TextAndTag(), forged);
  }
}

// A page of memory between two that fault when touched.
class GuardedPage {
 public:
  GuardedPage() {
    uint8_t* const pages = static_cast<uint8_t*>(
        mmap(nullptr, 3 * kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    page_ = pages + kSize;
    mprotect(pages, kSize, PROT_NONE);
    mprotect(page_ + kSize, kSize, PROT_NONE);
  }
  ~GuardedPage() { munmap(page_ - kSize, 3 * kSize); }
  GuardedPage(const GuardedPage&) = delete;
  GuardedPage& operator=(const GuardedPage&) = delete;

  uint8_t* At(size_t size, bool end) const { return end ? page_ + kSize - size : page_; }

 private:
  static constexpr size_t kSize = 4096;
  uint8_t* page_;
};

// Vector code likes to load whole registers. Here key, message and the burst itself stand at the
// very end, or the very start, of what may be touched.
TEST_P(AeadEngines, TouchNothingBeyondKeyAndMessage) {
  SeededRandom random(10);
  const GuardedPage keys;
  const GuardedPage texts;
  const GuardedPage bursts;
  for (bool end : {false, true}) {
    for (size_t size = 0; size <= 1500; size += size < 700 ? 1 : 13) {
      const Sample sample(random, size);
      uint8_t* const key = keys.At(kAeadKeySize, end);
      uint8_t* const text = texts.At(sample.sealed.size(), end);
      std::copy(sample.key.begin(), sample.key.end(), key);
      std::copy(sample.plaintext.begin(), sample.plaintext.end(), text);
      auto* const message = new (bursts.At(sizeof(AeadMessage), end))
          AeadMessage{.key = key,
                      .counter = sample.counter,
                      .text = text,
                      .text_size = static_cast<uint32_t>(size),
                      .aad_size = static_cast<uint8_t>(sample.aad.size()),
                      .ok = false,
                      .aad = {}};
      std::copy(sample.aad.begin(), sample.aad.end(), message->aad.begin());
      engine_->Seal({message, 1});
      ASSERT_TRUE(std::equal(sample.sealed.begin(), sample.sealed.end(), text)) << size;
      engine_->Open({message, 1});
      ASSERT_TRUE(message->ok);
      ASSERT_TRUE(std::equal(sample.plaintext.begin(), sample.plaintext.end(), text)) << size;
      engine_->Open({message, 1});  // plaintext under a tag of something else
      ASSERT_EQ(message->ok, size == 0);
      ASSERT_TRUE(std::equal(sample.plaintext.begin(), sample.plaintext.end(), text)) << size;
    }
  }
}

// What the previous-session fallback relies on.
TEST_P(AeadEngines, OpensUnderTheRightKeyAfterTheWrongOne) {
  SeededRandom random(5);
  for (size_t size : {0, 1, 64, 100, 1420}) {
    Sample sample(random, size);
    AeadMessage message = sample.Message(sample.sealed);
    const Bytes wrong = random.Get(kAeadKeySize);
    message.key = wrong.data();
    engine_->Open({&message, 1});
    EXPECT_FALSE(message.ok);
    message.key = sample.key.data();
    engine_->Open({&message, 1});
    EXPECT_TRUE(message.ok);
    EXPECT_EQ(sample.Text(), sample.plaintext);
  }
}

TEST_P(AeadEngines, OneKeyMayServeAWholeBurst) {
  SeededRandom random(6);
  std::vector<Sample> samples;
  for (size_t i = 0; i < 64; ++i) {
    samples.emplace_back(random, 200);
    samples[i].key = samples[0].key;
    samples[i].counter = 4 + i;
    samples[i].sealed =
        Oracle(samples[i].key, samples[i].counter, samples[i].aad, samples[i].plaintext);
  }
  SealAndCheck(samples);
  OpenAndCheck(samples, random, std::vector<bool>(samples.size(), false));
}

TEST_P(AeadEngines, EmptyBurstDoesNothing) {
  engine_->Seal({});
  engine_->Open({});
}

INSTANTIATE_TEST_SUITE_P(All, AeadEngines, testing::ValuesIn(EnginesUnderTest()),
                         [](const auto& info) { return info.param.name; });

TEST(AeadEngine, NamesAreThoseOfTheConfig) {
  EXPECT_EQ(MakeAeadEngine(AeadEngineKind::kSodium).value()->name(), "sodium");
  const auto ipsec_mb = MakeAeadEngine(AeadEngineKind::kIpsecMb);
  if (ipsec_mb.ok()) {
    EXPECT_EQ((*ipsec_mb)->name(), "ipsec_mb");
  }
  const auto lanes = MakeAeadEngine(AeadEngineKind::kLanes);
  if (lanes.ok()) {
    EXPECT_EQ((*lanes)->name(), "lanes");
  }
}

TEST(AeadEngine, AutoTellsWhatItChose) {
  const auto ipsec_mb = MakeAeadEngine(AeadEngineKind::kIpsecMb);
  const auto lanes = MakeAeadEngine(AeadEngineKind::kLanes);
  const auto automatic = MakeAeadEngine(AeadEngineKind::kAuto);
  ASSERT_TRUE(automatic.ok());
  EXPECT_EQ((*automatic)->name(), !ipsec_mb.ok() ? "sodium"
                                  : !lanes.ok()  ? "ipsec_mb"
                                                 : "lanes+ipsec_mb+openssl");
  if (lanes.ok()) {
    EXPECT_EQ((*automatic)->isa(), (*lanes)->isa());
  }
}

TEST(AeadEngine, NullEngineIsRecognisableAndUnsafe) {
  const std::unique_ptr<AeadEngine> engine = MakeUnsafeNullAeadEngine();
  EXPECT_EQ(engine->name(), "null");
  SeededRandom random(7);
  Sample sample(random, 10);
  AeadMessage message = sample.Message(sample.plaintext);
  engine->Seal({&message, 1});
  Bytes want = sample.plaintext;
  want.resize(want.size() + kAeadTagSize);
  EXPECT_EQ(sample.TextAndTag(), want);
  engine->Open({&message, 1});
  EXPECT_TRUE(message.ok);
}

TEST(SealOne, MatchesTheOracleInPlaceAndNot) {
  SeededRandom random(8);
  for (size_t size = 0; size < 200; ++size) {
    const Sample sample(random, size);
    Bytes sealed(size + kAeadTagSize);
    SealOne(Fixed<32>(sample.key), sample.counter, sample.aad, sample.plaintext, sealed);
    ASSERT_EQ(sealed, sample.sealed);
    Bytes opened(size);
    ASSERT_TRUE(OpenOne(Fixed<32>(sample.key), sample.counter, sample.aad, sealed, opened));
    ASSERT_EQ(opened, sample.plaintext);
    ASSERT_TRUE(OpenOne(Fixed<32>(sample.key), sample.counter, sample.aad, sealed,
                        std::span(sealed).first(size)));
    ASSERT_TRUE(std::equal(opened.begin(), opened.end(), sealed.begin()));
    SealOne(Fixed<32>(sample.key), sample.counter, sample.aad, std::span(sealed).first(size),
            sealed);
    ASSERT_EQ(sealed, sample.sealed);
  }
}

TEST(OpenOne, WritesNothingWhereItFails) {
  SeededRandom random(9);
  const Sample sample(random, 50);
  Bytes forged = sample.sealed;
  forged[3] ^= 1;
  const Bytes before = forged;
  Bytes opened(50, 0x77);
  EXPECT_FALSE(OpenOne(Fixed<32>(sample.key), sample.counter, sample.aad, forged, opened));
  EXPECT_EQ(opened, Bytes(50, 0x77));
  EXPECT_FALSE(OpenOne(Fixed<32>(sample.key), sample.counter, sample.aad, forged,
                       std::span(forged).first(50)));
  EXPECT_EQ(forged, before);
}

TEST(OpenOne, RefusesWhatIsShorterThanATag) {
  const Bytes key(32);
  for (size_t size = 0; size < kAeadTagSize; ++size) {
    EXPECT_FALSE(OpenOne(Fixed<32>(key), 0, {}, Bytes(size), {}));
  }
}

}  // namespace
}  // namespace noisegate::crypto
