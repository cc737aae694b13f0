// Packets that do not come as one plain buffer: in several segments, or in a buffer that others
// hold.

#include <gtest/gtest.h>

#include "dataplane/mbuf_bytes.h"
#include "dataplane/packet_pool.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

// The frame in segments of at most `size` bytes.
rte_mbuf* Chain(rte_mempool* pool, const Bytes& frame, size_t size) {
  rte_mbuf* head = nullptr;
  for (size_t at = 0; at < frame.size(); at += size) {
    const size_t n = std::min(size, frame.size() - at);
    rte_mbuf* segment = CopyToPacket(pool, std::span(frame).subspan(at, n));
    if (head == nullptr) {
      head = segment;
    } else {
      EXPECT_EQ(rte_pktmbuf_chain(head, segment), 0);
    }
  }
  return head;
}

TEST(Segments, AreGatheredBeforeAnythingLooksAtThem) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  for (const size_t size : {1000u, 100u, 33u}) {
    const Bytes in = UdpPacket("10.1.0.7", "10.0.0.5", 1200);
    rig.FarSendsMbuf(Chain(rig.far_pool(), rig.FarFrame(far, far.Seal(in)), size));
    EXPECT_EQ(rig.HostReceives(), OneHopLess(in));
    const Bytes out = UdpPacket("10.0.0.5", "10.1.0.7", 1200);
    rig.HostSendsMbuf(Chain(rig.host_pool(), rig.HostFrame(out), size));
    EXPECT_EQ(far.Open(rig.FarReceives(far).value_or(Bytes())), OneHopLess(out));
  }
  rig.Settle();
  EXPECT_EQ(rig.AllDrops(), 0);
}

TEST(Segments, ThatOthersHoldAreNotWrittenTo) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7", 1200);
  const Bytes frame = rig.HostFrame(packet);
  rte_mbuf* held = CopyToPacket(rig.host_pool(), frame);
  rte_mbuf_refcnt_update(held, 1);
  rig.HostSendsMbuf(held);
  EXPECT_EQ(far.Open(rig.FarReceives(far).value_or(Bytes())), OneHopLess(packet));
  EXPECT_EQ(Bytes(BytesOf(held), BytesOf(held) + frame.size()), frame);
  rte_pktmbuf_free(held);
}

TEST(Segments, WithoutRoomAreMovedToABufferThatHasIt) {
  GatewayRig rig;
  FarEnd far;
  rig.Publish(far);
  const Bytes packet = UdpPacket("10.0.0.5", "10.1.0.7", 500);
  const Bytes frame = rig.HostFrame(packet);
  for (const bool at_end : {false, true}) {
    rte_mbuf* mbuf = CopyToPacket(rig.host_pool(), frame);
    mbuf->data_off = static_cast<uint16_t>(at_end ? mbuf->buf_len - frame.size() : 0);
    std::copy(frame.begin(), frame.end(), BytesOf(mbuf));
    rig.HostSendsMbuf(mbuf);
    EXPECT_EQ(far.Open(rig.FarReceives(far).value_or(Bytes())), OneHopLess(packet));
  }
}

TEST(Segments, TooLargeForABufferAreDropped) {
  GatewayRig rig;
  rig.HostSendsMbuf(Chain(rig.host_pool(), Bytes(5000, 1), 1000));
  rig.Settle();
  EXPECT_EQ(rig.Drops(DropReason::kNoBuffer), 1);
}

}  // namespace
}  // namespace noisegate::dataplane
