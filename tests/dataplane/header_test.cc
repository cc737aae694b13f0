#include "dataplane/header.h"

#include <gtest/gtest.h>

namespace noisegate::dataplane {
namespace {

TEST(Header, PutsTheDirectionOnTop) {
  EXPECT_EQ(EncodeHeader({Direction::kInitiatorToResponder, 5}), 5u);
  EXPECT_EQ(EncodeHeader({Direction::kResponderToInitiator, kCounterResp}), 0x80000001u);
  EXPECT_EQ(EncodeHeader({Direction::kResponderToInitiator, kCounterClose}), 0xffffffffu);
}

TEST(Header, DecodesWhatItEncodes) {
  for (uint32_t word : {0u, 3u, 4u, 0x7ffffffeu, 0x7fffffffu, 0x80000000u, 0xfffffffeu}) {
    EXPECT_EQ(EncodeHeader(DecodeHeader(word)), word);
  }
}

TEST(Header, KnowsMessagesFromHandshakesAndCloses) {
  for (uint32_t counter : {0u, 1u, 2u, 3u, kCounterClose}) {
    EXPECT_FALSE((Header{Direction::kInitiatorToResponder, counter}.is_message())) << counter;
  }
  for (uint32_t counter : {kCounterFirstMessage, 1000u, kCounterLastMessage}) {
    EXPECT_TRUE((Header{Direction::kInitiatorToResponder, counter}.is_message())) << counter;
  }
}

TEST(Header, GivesTheTwoRolesOppositeDirections) {
  for (Role role : {Role::kInitiator, Role::kResponder}) {
    EXPECT_NE(SendDirection(role), ReceiveDirection(role));
  }
  EXPECT_EQ(SendDirection(Role::kInitiator), ReceiveDirection(Role::kResponder));
}

}  // namespace
}  // namespace noisegate::dataplane
