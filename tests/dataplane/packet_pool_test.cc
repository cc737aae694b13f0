#include "dataplane/packet_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/dpdk_dataplane.h"
#include "tests/dataplane/gateway_rig.h"

namespace noisegate::dataplane {
namespace {

struct FreePoolOf {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};

TEST(PacketPool, BuffersLieBackToBackSoThatAfXdpCanShowThemAllToTheKernel) {
  TestEal();
  constexpr uint32_t kCount = 4096;
  const std::unique_ptr<rte_mempool, FreePoolOf> pool(MakePacketPool("dense", kCount, 1518));
  ASSERT_NE(pool, nullptr);

  std::vector<uint64_t> addresses;
  rte_mempool_obj_iter(
      pool.get(),
      [](rte_mempool*, void* addresses, void* object, unsigned) {
        static_cast<std::vector<uint64_t>*>(addresses)->push_back(
            reinterpret_cast<uint64_t>(object));
      },
      &addresses);
  ASSERT_EQ(addresses.size(), kCount);
  const uint64_t size = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
  for (uint32_t i = 1; i < kCount; ++i) ASSERT_EQ(addresses[i] - addresses[i - 1], size) << i;
}

TEST(PacketPool, BuffersHoldANoteHeadroomAFrameAndATag) {
  TestEal();
  const std::unique_ptr<rte_mempool, FreePoolOf> pool(MakePacketPool("large", 64, 9018));
  ASSERT_NE(pool, nullptr);
  EXPECT_EQ(rte_pktmbuf_priv_size(pool.get()), kNoteSize);
  const std::vector<uint8_t> bytes(9018 + 16, 7);
  rte_mbuf* mbuf = CopyToPacket(pool.get(), bytes);
  ASSERT_NE(mbuf, nullptr);
  EXPECT_EQ(rte_pktmbuf_headroom(mbuf), RTE_PKTMBUF_HEADROOM);
  EXPECT_EQ(rte_pktmbuf_pkt_len(mbuf), bytes.size());
  rte_pktmbuf_free(mbuf);
  EXPECT_EQ(CopyToPacket(pool.get(), std::vector<uint8_t>(12'000)), nullptr);
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), 64u);
}

TEST(PacketPool, HasABufferForAllThatCanHoldOne) {
  DataplaneOptions options;
  options.worker_lcores = {1};
  options.ports.resize(2);  // of 1,024 and 1,024 descriptors
  // Two queues each way; the rings to and from the control thread; lists for a burst and by port; two caches.
  EXPECT_EQ(PacketsNeeded(options), 2 * 2048u + 2 * 2048 + 3 * 64 + 2 * 384);
  options.worker_lcores = {1, 2, 3};
  // The same for each worker, and rings of 1,024 and lists to both others.
  EXPECT_EQ(PacketsNeeded(options),
            3 * (2 * 2048u + 2 * 2048 + 2 * 1024 + 5 * 64) + 4 * 384);
}

}  // namespace
}  // namespace noisegate::dataplane
