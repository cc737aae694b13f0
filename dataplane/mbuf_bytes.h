// The bytes of a packet in an mbuf, as the stages see them: one segment, of which they move the ends.
#ifndef NOISEGATE_DATAPLANE_MBUF_BYTES_H_
#define NOISEGATE_DATAPLANE_MBUF_BYTES_H_

#include <rte_mbuf.h>

#include <cassert>
#include <cstdint>

#include "dataplane/header_template.h"

namespace noisegate::dataplane {

inline uint8_t* BytesOf(rte_mbuf* mbuf) { return rte_pktmbuf_mtod(mbuf, uint8_t*); }

// Makes the mbuf's data the `size` bytes that begin `offset` bytes behind where they did; a negative
// offset takes in what is in front of them.
inline void SetData(rte_mbuf* mbuf, int32_t offset, uint32_t size) {
  assert(mbuf->nb_segs == 1 && mbuf->data_off + offset >= 0 &&
         static_cast<uint32_t>(mbuf->data_off + offset) + size <= mbuf->buf_len);
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off + offset);
  mbuf->data_len = static_cast<uint16_t>(size);
  mbuf->pkt_len = size;
}

// True where the packet's buffer is ours alone and in one piece, so that it can be changed in place.
inline bool IsPlain(const rte_mbuf* mbuf) {
  return mbuf->nb_segs == 1 && RTE_MBUF_DIRECT(mbuf) && rte_mbuf_refcnt_read(mbuf) == 1;
}

// True where headers fit in front of the data and a tag behind it.
inline bool HasRoom(const rte_mbuf* mbuf) {
  return mbuf->data_off >= HeaderTemplate::kRoom &&
         uint32_t{mbuf->buf_len} - mbuf->data_off - mbuf->data_len >= kTagSize;
}

// The packet in a buffer of its own, in one piece; frees `mbuf`. Null, with `mbuf` untouched, where
// there is no buffer or it is too small.
rte_mbuf* MoveToOwnBuffer(rte_mempool* pool, rte_mbuf* mbuf);

}  // namespace noisegate::dataplane

#endif  // NOISEGATE_DATAPLANE_MBUF_BYTES_H_
