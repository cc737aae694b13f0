#include "dataplane/packet_pool.h"

#include <algorithm>
#include <cstring>

#include "dataplane/header.h"
#include "dataplane/mbuf_bytes.h"

namespace noisegate::dataplane {
namespace {

constexpr uint32_t kCachePerLcore = kMaxCachedPackets * 2 / 3;  // as rte_mempool counts them
constexpr uint32_t kUsualFrameSize = 2048; // bytes; drivers want at least this

}  // namespace

rte_mempool* MakePacketPool(const char* name, uint32_t count, uint32_t frame_size) {
  const uint32_t room = std::max<uint32_t>(frame_size + kTagSize, kUsualFrameSize);
  const uint32_t data_size = RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(room, 64u);
  if (data_size > UINT16_MAX) return nullptr;
  const uint32_t cache = count / 4 >= kCachePerLcore ? kCachePerLcore : 0;

  // What rte_pktmbuf_pool_create does, but with buffers back to back where pages are small, too. The
  // AF_XDP driver shows the kernel count × size bytes from the first buffer on; with gaps at the ends
  // of 4 KiB pages the last third would lie behind that, and the kernel would never fill them.
  rte_mempool* pool =
      rte_mempool_create_empty(name, count, sizeof(rte_mbuf) + kNoteSize + data_size, cache,
                               sizeof(rte_pktmbuf_pool_private), SOCKET_ID_ANY,
                               RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_private sizes = {};
  sizes.mbuf_data_room_size = static_cast<uint16_t>(data_size);
  sizes.mbuf_priv_size = kNoteSize;
  rte_pktmbuf_pool_init(pool, &sizes);
  if (rte_mempool_populate_default(pool) < 0) {
    rte_mempool_free(pool);
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

rte_mbuf* CopyToPacket(rte_mempool* pool, std::span<const uint8_t> bytes) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
  if (mbuf == nullptr) return nullptr;
  if (bytes.size() > rte_pktmbuf_tailroom(mbuf)) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  char* to = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return mbuf;
}

rte_mbuf* MoveToOwnBuffer(rte_mempool* pool, rte_mbuf* mbuf) {
  rte_mbuf* moved = rte_pktmbuf_alloc(pool);
  if (moved == nullptr) return nullptr;
  const uint32_t size = rte_pktmbuf_pkt_len(mbuf);
  if (size + kTagSize > rte_pktmbuf_tailroom(moved)) {
    rte_pktmbuf_free(moved);
    return nullptr;
  }
  uint8_t* to = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(moved, static_cast<uint16_t>(size)));
  if (const void* from = rte_pktmbuf_read(mbuf, 0, size, to); from != to) {
    std::memcpy(to, from, size);
  }
  rte_pktmbuf_free(mbuf);
  return moved;
}

}  // namespace noisegate::dataplane
