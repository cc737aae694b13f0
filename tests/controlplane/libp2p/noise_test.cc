// Each way in which a Noise handshake or channel can fail, and what must not fail. Bytes are held
// against vectors in noise_vectors_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "controlplane/libp2p/noise_channel.h"
#include "controlplane/libp2p/noise_handshake.h"
#include "crypto/aead.h"
#include "tests/controlplane/libp2p/test_keys.h"

namespace noisegate::libp2p {
namespace {

using crypto::NoiseRole;
using crypto::SeededRandom;

// A peer that may lie: XX by hand, with any payload.
class RawPeer {
 public:
  explicit RawPeer(NoiseRole role, uint8_t static_key = 9)
      : static_(TestStaticKey(static_key)),
        random_(static_key),
        state_(crypto::HandshakeState::Create({.pattern = "XX",
                                               .hash = crypto::HashKind::kSha256,
                                               .role = role,
                                               .static_key = &static_},
                                              random_)
                   .value()) {}

  Bytes Write(std::span<const uint8_t> payload) {
    const Bytes message = state_.WriteMessage(payload).value();
    Bytes framed = {static_cast<uint8_t>(message.size() >> 8),
                    static_cast<uint8_t>(message.size())};
    framed.insert(framed.end(), message.begin(), message.end());
    return framed;
  }
  void Read(const Bytes& framed) {
    ASSERT_TRUE(state_.ReadMessage(std::span(framed).subspan(2)).ok());
  }
  const crypto::X25519PublicKey& static_key() const { return static_.public_key; }

 private:
  crypto::X25519KeyPair static_;
  SeededRandom random_;
  crypto::HandshakeState state_;
};

Bytes Field(uint8_t number, const Bytes& value) {
  Bytes bytes = {static_cast<uint8_t>(number << 3 | 2)};
  AppendVarint(value.size(), bytes);
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes SignatureBy(const crypto::PrivateKey& key, const crypto::X25519PublicKey& static_key) {
  const std::string prefix = "noise-libp2p-static-key:";
  Bytes message(prefix.begin(), prefix.end());
  message.insert(message.end(), static_key.begin(), static_key.end());
  return key.SignMessage(message).value();
}

Bytes MuxerExtension(std::initializer_list<std::string> muxers) {
  Bytes inner;
  for (const std::string& muxer : muxers) {
    inner = Join({inner, Field(2, Bytes(muxer.begin(), muxer.end()))});
  }
  return Field(4, inner);
}

// What a dialler makes of a listener that answers with this payload.
NoiseHandshake DialRaw(const NoiseIdentity& us, RawPeer& peer, const Bytes& payload,
                       crypto::Random& random, std::optional<PeerId> expected = std::nullopt) {
  NoiseHandshake handshake(
      {.role = NoiseRole::kInitiator, .identity = &us, .expected_peer = expected}, random);
  peer.Read(handshake.TakeOutput());
  handshake.Receive(peer.Write(payload));
  return handshake;
}

class NoiseDial : public testing::Test {
 protected:
  void ExpectError(const Bytes& payload, NoiseError want,
                   std::optional<PeerId> expected = std::nullopt) {
    RawPeer peer(NoiseRole::kResponder);
    NoiseHandshake handshake = DialRaw(us_, peer, payload, random_, expected);
    EXPECT_EQ(handshake.error(), want) << ToString(handshake.error());
    EXPECT_EQ(handshake.state(),
              want == NoiseError::kNone ? NoiseState::kDone : NoiseState::kFailed);
    EXPECT_EQ(handshake.TakeOutput().empty(), want != NoiseError::kNone)
        << "our identity goes only to whom we accept";
  }
  Bytes GoodPayload(const Bytes& extension = {}) {
    return Join({Field(1, EncodePublicKey(key_.public_key())),
                 Field(2, SignatureBy(key_, RawPeer(NoiseRole::kResponder).static_key())),
                 extension});
  }

  NoiseIdentity us_ = TestIdentity(1);
  crypto::PrivateKey key_ = TestKey(2);
  SeededRandom random_{7};
};

TEST_F(NoiseDial, AcceptsAGoodPayload) {
  ExpectError(GoodPayload(), NoiseError::kNone);
  ExpectError(GoodPayload(), NoiseError::kNone, PeerId::OfPublicKey(key_.public_key()));
}

TEST_F(NoiseDial, IgnoresUnknownAndObsoleteFields) {
  ExpectError(Join({Field(3, {1, 2}), GoodPayload(), Field(9, {3}), Field(4, Field(1, {7}))}),
              NoiseError::kNone);
}

TEST_F(NoiseDial, RefusesAnotherPeerThanWasDialled) {
  ExpectError(GoodPayload(), NoiseError::kWrongPeerId,
              PeerId::OfPublicKey(TestKey(3).public_key()));
}

TEST_F(NoiseDial, RefusesOurselves) {
  const crypto::PrivateKey own = TestKey(1);
  ExpectError(Join({Field(1, EncodePublicKey(own.public_key())),
                    Field(2, SignatureBy(own, RawPeer(NoiseRole::kResponder).static_key()))}),
              NoiseError::kOwnPeerId);
}

TEST_F(NoiseDial, RefusesBadSignatures) {
  const Bytes key = Field(1, EncodePublicKey(key_.public_key()));
  const crypto::X25519PublicKey peer_key = RawPeer(NoiseRole::kResponder).static_key();
  Bytes flipped = SignatureBy(key_, peer_key);
  flipped[5] ^= 1;
  ExpectError(Join({key, Field(2, flipped)}), NoiseError::kBadSignature);
  // Good, but over another static key, or by another identity.
  ExpectError(Join({key, Field(2, SignatureBy(key_, TestStaticKey(3).public_key))}),
              NoiseError::kBadSignature);
  ExpectError(Join({key, Field(2, SignatureBy(TestKey(3), peer_key))}), NoiseError::kBadSignature);
  ExpectError(Join({key, Field(2, {0})}), NoiseError::kBadSignature);
}

TEST_F(NoiseDial, RefusesMalformedPayloads) {
  ExpectError({}, NoiseError::kMalformedPayload);
  ExpectError({0x0a, 0x50, 1}, NoiseError::kMalformedPayload);
  ExpectError(Field(1, EncodePublicKey(key_.public_key())), NoiseError::kMalformedPayload);
  ExpectError(Field(2, {1, 2, 3}), NoiseError::kMalformedPayload);
}

TEST_F(NoiseDial, RefusesUnacceptableIdentityKeys) {
  const Bytes signature = Field(2, Bytes(64, 1));
  ExpectError(Join({Field(1, {1, 2, 3}), signature}), NoiseError::kBadIdentityKey);
  Bytes unknown_type = EncodePublicKey(key_.public_key());
  unknown_type[1] = 4;
  ExpectError(Join({Field(1, unknown_type), signature}), NoiseError::kBadIdentityKey);
  Bytes small_order = EncodePublicKey(key_.public_key());
  std::fill(small_order.begin() + 4, small_order.end(), 0);
  ExpectError(Join({Field(1, small_order), signature}), NoiseError::kBadIdentityKey);
}

TEST_F(NoiseDial, AgreesOnAMuxerWhereBothOfferOne) {
  struct {
    Bytes extension;
    std::optional<std::string> want;
  } const kCases[] = {
      {{}, std::nullopt},
      {MuxerExtension({}), std::nullopt},
      {MuxerExtension({"/yamux/1.0.0"}), "/yamux/1.0.0"},
      {MuxerExtension({"/mplex/6.7.0", "/yamux/1.0.0"}), "/yamux/1.0.0"},
  };
  for (const auto& test : kCases) {
    RawPeer peer(NoiseRole::kResponder);
    NoiseHandshake handshake = DialRaw(us_, peer, GoodPayload(test.extension), random_);
    ASSERT_EQ(handshake.state(), NoiseState::kDone);
    EXPECT_EQ(handshake.Finish().muxer, test.want);
  }
}

TEST_F(NoiseDial, RefusesAPeerWithoutOurMuxer) {
  ExpectError(GoodPayload(MuxerExtension({"/mplex/6.7.0"})), NoiseError::kNoCommonMuxer);
  ExpectError(GoodPayload(MuxerExtension({"/yamux/1.0.0/"})), NoiseError::kNoCommonMuxer);
}

TEST_F(NoiseDial, RefusesTamperedMessages) {
  constexpr size_t kSize = 2 + 32 + 48 + 104 + 16;  // frame, e, s, payload, its tag
  for (size_t at = 2 + 32; at < kSize; at += 11) {
    RawPeer peer(NoiseRole::kResponder);
    NoiseHandshake handshake({.role = NoiseRole::kInitiator, .identity = &us_}, random_);
    peer.Read(handshake.TakeOutput());
    Bytes message = peer.Write(GoodPayload());
    ASSERT_EQ(message.size(), kSize);
    message[at] ^= 0x20;
    handshake.Receive(message);
    EXPECT_EQ(handshake.error(), NoiseError::kBadHandshakeTag) << at;
    EXPECT_FALSE(handshake.peer_id().has_value());
  }
}

TEST_F(NoiseDial, RefusesSmallOrderKeys) {
  NoiseHandshake dialler({.role = NoiseRole::kInitiator, .identity = &us_}, random_);
  Bytes message(2 + 32 + 48 + 16);
  message[1] = 32 + 48 + 16;
  dialler.Receive(message);
  EXPECT_EQ(dialler.error(), NoiseError::kSmallOrderKey);

  NoiseHandshake listener({.role = NoiseRole::kResponder, .identity = &us_}, random_);
  Bytes first(2 + 32);
  first[1] = 32;
  listener.Receive(first);
  EXPECT_EQ(listener.error(), NoiseError::kSmallOrderKey);
  EXPECT_TRUE(listener.TakeOutput().empty());
}

TEST_F(NoiseDial, RefusesMessagesOfImpossibleSize) {
  for (const Bytes& prefix : {Bytes{0, 0}, Bytes{0, 95}, Bytes{0x10, 0x01}, Bytes{0xff, 0xff}}) {
    NoiseHandshake dialler({.role = NoiseRole::kInitiator, .identity = &us_}, random_);
    EXPECT_EQ(dialler.Receive(prefix), 2u);
    EXPECT_EQ(dialler.error(), NoiseError::kMessageSize) << "known from the size alone";
  }
}

TEST_F(NoiseDial, EndBeforeTheEndIsTruncation) {
  NoiseHandshake dialler({.role = NoiseRole::kInitiator, .identity = &us_}, random_);
  dialler.Receive(Bytes{0});
  dialler.ReceiveEnd();
  EXPECT_EQ(dialler.error(), NoiseError::kTruncated);
}

TEST(NoiseListen, RefusesAPayloadInTheFirstMessage) {
  const NoiseIdentity us = TestIdentity(1);
  SeededRandom random(3);
  RawPeer peer(NoiseRole::kInitiator);
  NoiseHandshake listener({.role = NoiseRole::kResponder, .identity = &us}, random);
  listener.Receive(peer.Write(Bytes{1}));
  EXPECT_EQ(listener.error(), NoiseError::kFirstMessageNotEmpty);
  EXPECT_TRUE(listener.TakeOutput().empty()) << "and learns nothing of our identity";
}

TEST(NoiseListen, ChecksWhomItExpects) {
  const NoiseIdentity us = TestIdentity(1), them = TestIdentity(2);
  SeededRandom random(3);
  for (uint8_t expected : {2, 3}) {
    NoiseHandshake dialler({.role = NoiseRole::kInitiator, .identity = &them}, random);
    NoiseHandshake listener({.role = NoiseRole::kResponder,
                             .identity = &us,
                             .expected_peer = TestIdentity(expected).peer_id()},
                            random);
    listener.Receive(dialler.TakeOutput());
    dialler.Receive(listener.TakeOutput());
    listener.Receive(dialler.TakeOutput());
    EXPECT_EQ(listener.error(), expected == 2 ? NoiseError::kNone : NoiseError::kWrongPeerId);
    EXPECT_EQ(listener.peer_id(), them.peer_id()) << "for the message about it";
  }
}

// Message 3 and the first frames in one segment, and any cut of all that.
TEST(NoiseListen, LeavesTheBytesBehindTheHandshake) {
  const NoiseIdentity us = TestIdentity(1), them = TestIdentity(2);
  const auto engine = crypto::MakeAeadEngine(crypto::AeadEngineKind::kAuto).value();
  for (size_t piece : {size_t{1}, size_t{3}, size_t{100}, size_t{100'000}}) {
    SeededRandom random(3);
    NoiseHandshake dialler({.role = NoiseRole::kInitiator, .identity = &them}, random);
    NoiseHandshake listener({.role = NoiseRole::kResponder, .identity = &us}, random);
    listener.Receive(dialler.TakeOutput());
    dialler.Receive(listener.TakeOutput());
    Bytes input = dialler.TakeOutput();
    NoiseSession session = dialler.Finish();
    NoiseSealer sealer(std::move(session.send_key), *engine);
    ASSERT_EQ(sealer.SealInto(AsBytes("first words"), input), NoiseError::kNone);

    Bytes rest;
    for (size_t at = 0; at < input.size(); at += piece) {
      const auto some = std::span(input).subspan(at, std::min(piece, input.size() - at));
      const size_t used = listener.Receive(some);
      rest.insert(rest.end(), some.begin() + static_cast<ptrdiff_t>(used), some.end());
    }
    ASSERT_EQ(listener.state(), NoiseState::kDone);
    NoiseOpener opener(listener.Finish().receive_key.Clone(), *engine);
    opener.Append(rest);
    const NoiseOpened opened = opener.Open();
    ASSERT_EQ(opened.texts.size(), 1u);
    EXPECT_TRUE(std::ranges::equal(opened.texts[0], AsBytes("first words")));
  }
}

// --- Channel.

class NoiseChannel : public testing::TestWithParam<crypto::AeadEngineKind> {
 protected:
  crypto::Secret<32> key() const {
    const Bytes bytes(32, 5);
    return crypto::Secret<32>(crypto::Fixed<32>(bytes));
  }
  Bytes Seal(const Bytes& text, const NoiseChannelOptions& options = {}) {
    NoiseSealer sealer(key(), *engine_, options);
    Bytes sealed;
    EXPECT_EQ(sealer.SealInto(text, sealed), NoiseError::kNone);
    return sealed;
  }
  std::unique_ptr<crypto::AeadEngine> engine_ = crypto::MakeAeadEngine(GetParam()).value();
};

Bytes Text(size_t size) {
  Bytes text(size);
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<uint8_t>(i * 31 + i / 256);
  return text;
}

TEST_P(NoiseChannel, AnyTextInAnyPiecesComesOutWhole) {
  SeededRandom random(1);
  for (size_t size : {1u, 100u, 65518u, 65519u, 65520u, 131038u, 1'000'000u}) {
    for (size_t max_frame : {size_t{1000}, kMaxNoiseFrameText}) {
      const NoiseChannelOptions options{.max_frame_text = max_frame};
      const Bytes text = Text(size);
      const Bytes sealed = Seal(text, options);
      const size_t frames = (size + max_frame - 1) / max_frame;
      ASSERT_EQ(sealed.size(), size + frames * kNoiseFrameOverhead);

      NoiseOpener opener(key(), *engine_, options);
      Bytes got;
      for (size_t at = 0; at < sealed.size();) {
        const std::span<uint8_t> room = opener.Prepare();
        ASSERT_FALSE(room.empty());
        const size_t n = std::min(
            {room.size(), sealed.size() - at, static_cast<size_t>(1 + random.Below(100'000))});
        std::copy_n(sealed.begin() + static_cast<ptrdiff_t>(at), n, room.begin());
        opener.Commit(n);
        at += n;
        const NoiseOpened opened = opener.Open();
        ASSERT_EQ(opened.error, NoiseError::kNone);
        for (const auto piece : opened.texts) got.insert(got.end(), piece.begin(), piece.end());
      }
      EXPECT_EQ(got, text);
      EXPECT_EQ(opener.frames(), frames);
      EXPECT_TRUE(opener.at_boundary());
    }
  }
}

// Whoever holds a block finds in it what was opened there, whatever comes after; and a few blocks is
// all that can be held.
TEST_P(NoiseChannel, WhatIsLentStaysAsItIs) {
  const NoiseChannelOptions options{.max_frame_text = 10'000, .max_received = 70'000, .max_lent = 2};
  const Bytes text = Text(1'000'000);
  const Bytes sealed = Seal(text, options);
  NoiseOpener opener(key(), *engine_, options);
  struct Held {
    Buffer lender;
    std::span<const uint8_t> text;
    size_t at;
  };
  std::vector<Held> held;
  const auto expect_intact = [&] {
    EXPECT_FALSE(held.empty());
    for (const Held& one : held) {
      EXPECT_TRUE(std::ranges::equal(one.text, std::span(text).subspan(one.at, one.text.size())));
    }
  };
  size_t got = 0, copied = 0;
  bool given_back = false;
  for (size_t at = 0; at < sealed.size();) {
    const std::span<uint8_t> room = opener.Prepare();
    const size_t n = std::min(room.size(), sealed.size() - at);
    std::copy_n(sealed.begin() + static_cast<ptrdiff_t>(at), n, room.begin());
    opener.Commit(n);
    at += n;
    const NoiseOpened opened = opener.Open();
    for (const auto piece : opened.texts) {
      if (opened.lender != nullptr) held.push_back({*opened.lender, piece, got});
      copied += opened.lender == nullptr;
      got += piece.size();
    }
    if (got > 700'000 && !given_back) {
      expect_intact();
      held.clear();
      given_back = true;
    }
  }
  EXPECT_EQ(got, text.size());
  EXPECT_GT(copied, 40u) << "of 100";
  EXPECT_LT(copied, 95u);
  opener.Prepare();
  expect_intact();
}

TEST_P(NoiseChannel, SealedBytesThatSomebodyHoldsStayAsTheyAre) {
  NoiseSealer sealer(key(), *engine_, {.max_lent = 1});
  const auto next = [&] {
    const std::span<uint8_t> room = sealer.Prepare(50'000).front();
    std::ranges::fill(room, uint8_t{7});
    sealer.Commit(room.size());
    EXPECT_EQ(sealer.Seal(), NoiseError::kNone);
  };
  next();
  ASSERT_NE(sealer.lender(), nullptr);
  const Buffer held = *sealer.lender();
  const std::span<const uint8_t> sealed = sealer.sealed();
  const Bytes before(sealed.begin(), sealed.end());
  sealer.Consume(sealed.size());
  next();
  EXPECT_TRUE(std::ranges::equal(sealed, before));
  EXPECT_FALSE(std::ranges::equal(sealer.sealed(), before));
  EXPECT_EQ(sealer.lender(), nullptr) << "one is all that may be lent";
}

TEST_P(NoiseChannel, FramesOfOneBurstAreFilledInPlaceUpToTheLimit) {
  NoiseSealer sealer(key(), *engine_, {.max_frame_text = 1000, .max_sealed = 5000});
  const auto sizes = [&](size_t want) {
    std::vector<size_t> sizes;
    for (const std::span<uint8_t> room : sealer.Prepare(want)) sizes.push_back(room.size());
    return sizes;
  };
  EXPECT_EQ(sizes(1), std::vector<size_t>(1, 1));
  EXPECT_EQ(sizes(2100), std::vector<size_t>(3, 700)) << "about equally large";
  EXPECT_EQ(sizes(100'000), std::vector<size_t>(4, 1000));
  uint8_t value = 0;
  for (const std::span<uint8_t> room : sealer.Prepare(100'000)) std::ranges::fill(room, value++);
  sealer.Commit(2010);
  ASSERT_EQ(sealer.Seal(), NoiseError::kNone);
  EXPECT_EQ(sealer.sealed().size(), 2010 + 3 * kNoiseFrameOverhead);
  EXPECT_EQ(sealer.frames(), 3u);
  EXPECT_TRUE(sealer.Prepare(1).empty()) << "the socket has not taken these";

  NoiseOpener opener(key(), *engine_);
  while (!sealer.sealed().empty()) {
    const size_t n = std::min<size_t>(700, sealer.sealed().size());
    opener.Append(sealer.sealed().first(n));
    sealer.Consume(n);
  }
  const NoiseOpened opened = opener.Open();
  ASSERT_EQ(opened.texts.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(opened.texts[i].size(), i < 2 ? 1000u : 10u);
    EXPECT_EQ(opened.texts[i][0], i);
  }
  EXPECT_FALSE(sealer.Prepare(1).empty());
  sealer.Commit(0);  // no frame
  ASSERT_EQ(sealer.Seal(), NoiseError::kNone);
  EXPECT_TRUE(sealer.sealed().empty());
}

TEST_P(NoiseChannel, EmptyAndZeroSizedFramesAreAccepted) {
  const Bytes first = Seal({1});
  Bytes input = {0, 0};
  input.insert(input.end(), first.begin(), first.end());
  input.insert(input.end(), {0, 0, 0, 0});
  // An empty text under counter 1.
  Bytes empty(16);
  crypto::SealOne(key().span(), 1, {}, {}, empty);
  input.insert(input.end(), {0, 16});
  input.insert(input.end(), empty.begin(), empty.end());
  NoiseOpener opener(key(), *engine_);
  opener.Append(input);
  const NoiseOpened opened = opener.Open();
  EXPECT_EQ(opened.error, NoiseError::kNone);
  ASSERT_EQ(opened.texts.size(), 1u);
  EXPECT_EQ(opened.texts[0][0], 1);
  EXPECT_EQ(opener.frames(), 2u) << "size 0 costs no counter";
}

TEST_P(NoiseChannel, BadFrameIsFinalAndWhatCameBeforeIsGood) {
  const Bytes sealed = Seal(Text(3000), {.max_frame_text = 1000});
  const size_t frame = 1000 + kNoiseFrameOverhead;
  for (size_t at : {size_t{2}, size_t{500}, frame - 1}) {
    Bytes input = sealed;
    input[frame + at] ^= 1;
    NoiseOpener opener(key(), *engine_);
    opener.Append(input);
    const NoiseOpened opened = opener.Open();
    EXPECT_EQ(opened.error, NoiseError::kBadTag);
    ASSERT_EQ(opened.texts.size(), 1u);
    EXPECT_EQ(opener.Open().error, NoiseError::kBadTag);
    EXPECT_TRUE(opener.Open().texts.empty());
  }
}

TEST_P(NoiseChannel, RepeatedOrLostFrameIsABadTag) {
  const Bytes sealed = Seal(Text(2000), {.max_frame_text = 1000});
  const Bytes one(sealed.begin(), sealed.begin() + 1018), two(sealed.begin() + 1018, sealed.end());
  for (const Bytes& input : {Join({one, one}), two, Join({two, one})}) {
    NoiseOpener opener(key(), *engine_);
    opener.Append(input);
    EXPECT_EQ(opener.Open().error, NoiseError::kBadTag);
  }
}

TEST_P(NoiseChannel, FrameWithoutRoomForATagIsRefused) {
  for (uint8_t size = 1; size < 16; ++size) {
    NoiseOpener opener(key(), *engine_);
    Bytes input(2 + size);
    input[1] = size;
    opener.Append(input);
    EXPECT_EQ(opener.Open().error, NoiseError::kFrameTooShort);
  }
}

TEST_P(NoiseChannel, EndInsideAFrameShows) {
  const Bytes sealed = Seal(Text(50));
  for (size_t size = 0; size <= sealed.size(); ++size) {
    NoiseOpener opener(key(), *engine_);
    opener.Append(std::span(sealed).first(size));
    EXPECT_EQ(opener.Open().texts.size(), size == sealed.size() ? 1u : 0u);
    EXPECT_EQ(opener.at_boundary(), size == 0 || size == sealed.size());
  }
}

TEST_P(NoiseChannel, NoncesDoNotWrap) {
  NoiseSealer sealer(key(), *engine_, {.max_frame_text = 10});
  sealer.set_counter_for_test(~uint64_t{0} - 1);
  Bytes sealed;
  EXPECT_EQ(sealer.SealInto(Text(11), sealed), NoiseError::kNonceExhausted);
  NoiseSealer last(key(), *engine_);
  last.set_counter_for_test(~uint64_t{0} - 1);
  sealed.clear();
  EXPECT_EQ(last.SealInto(Text(10), sealed), NoiseError::kNone);

  NoiseOpener opener(key(), *engine_);
  opener.set_counter_for_test(~uint64_t{0} - 1);
  opener.Append(Join({sealed, sealed}));
  const NoiseOpened opened = opener.Open();
  EXPECT_EQ(opened.texts.size(), 1u);
  EXPECT_EQ(opened.error, NoiseError::kNonceExhausted);
}

INSTANTIATE_TEST_SUITE_P(Engines, NoiseChannel,
                         testing::Values(crypto::AeadEngineKind::kAuto,
                                         crypto::AeadEngineKind::kSodium),
                         [](const auto& info) {
                           return info.param == crypto::AeadEngineKind::kAuto ? "Auto" : "Sodium";
                         });

}  // namespace
}  // namespace noisegate::libp2p
