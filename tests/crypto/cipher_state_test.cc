#include "crypto/cipher_state.h"

#include <gtest/gtest.h>

#include "crypto/aead.h"
#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {
namespace {

CipherState MakeState() { return CipherState(Secret<32>(Fixed<32>(Bytes(32, 5)))); }

TEST(CipherState, WithoutKeyPassesTextThrough) {
  CipherState state;
  EXPECT_EQ(state.EncryptWithAd({}, Bytes{1, 2}), (Bytes{1, 2}));
  EXPECT_EQ(state.DecryptWithAd({}, Bytes{1, 2}), (Bytes{1, 2}));
  EXPECT_EQ(state.nonce(), 0u);
}

TEST(CipherState, NumbersItsMessages) {
  CipherState sender = MakeState();
  CipherState receiver = MakeState();
  const Bytes first = *sender.EncryptWithAd({}, Bytes{1});
  const Bytes second = *sender.EncryptWithAd({}, Bytes{1});
  EXPECT_NE(first, second);
  EXPECT_EQ(receiver.DecryptWithAd({}, first), Bytes{1});
  EXPECT_EQ(receiver.DecryptWithAd({}, first), std::nullopt);  // a replay
  EXPECT_EQ(receiver.DecryptWithAd({}, second), Bytes{1});
}

TEST(CipherState, IsUnchangedByWhatDoesNotOpen) {
  CipherState sender = MakeState();
  CipherState receiver = MakeState();
  const Bytes ad = {9};
  const Bytes sealed = *sender.EncryptWithAd(ad, Bytes{1, 2, 3});
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes forged = sealed;
    forged[i] ^= 0x80;
    EXPECT_EQ(receiver.DecryptWithAd(ad, forged), std::nullopt);
    EXPECT_EQ(receiver.DecryptWithAd(ad, std::span(sealed).first(i)), std::nullopt);
  }
  EXPECT_EQ(receiver.DecryptWithAd({}, sealed), std::nullopt);
  EXPECT_EQ(receiver.nonce(), 0u);
  EXPECT_EQ(receiver.DecryptWithAd(ad, sealed), (Bytes{1, 2, 3}));
}

TEST(CipherState, ClonesGoTheirOwnWay) {
  CipherState state = MakeState();
  ASSERT_TRUE(state.EncryptWithAd({}, {}));
  CipherState clone = state.Clone();
  EXPECT_EQ(clone.nonce(), 1u);
  EXPECT_EQ(clone.EncryptWithAd({}, Bytes{4}), state.EncryptWithAd({}, Bytes{4}));
  ASSERT_TRUE(clone.EncryptWithAd({}, {}));
  EXPECT_EQ(state.nonce(), 2u);
}

}  // namespace
}  // namespace noisegate::crypto
