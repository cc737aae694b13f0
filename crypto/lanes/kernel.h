// ChaCha20-Poly1305 (RFC 8439) over bursts, with a different message in every vector lane.
//
// A kernel is one instruction set's version of it. All are made from the same templates:
//
//   isa_*.h        the vector operations of one instruction set, nothing else
//   chunk.h        16 bytes and less
//   chacha20.h     ChaCha20, a block of any message in each 32-bit lane
//   poly1305_*.h   Poly1305, a message in each 64-bit lane
//   burst.h        how a burst is laid over lanes
//   kernel_*.cc    puts them together for one instruction set, compiled with its flags
//
// The linker keeps one copy of an inline function, whichever file's. A kernel's file must therefore
// make none that another file makes too, or code for AVX-512 could end up in the rest of the
// program and stop it on a CPU without. So all of it lives in an unnamed namespace, calls nothing
// inline of the standard library, and includes no more than this header; a test looks at the object
// files.
#ifndef NOISEGATE_CRYPTO_LANES_KERNEL_H_
#define NOISEGATE_CRYPTO_LANES_KERNEL_H_

#include <cstdint>

#include "crypto/aead_message.h"

namespace noisegate::crypto::lanes {

inline constexpr int kMaxBurst = 64;  // messages

// What a burst needs beside its messages. One for each thread. Holds keys and keystream after use:
// its owner wipes it.
struct Scratch {
  alignas(64) uint8_t one_time_key[kMaxBurst][64];  // Poly1305's r ‖ s, then keystream without use
  alignas(64) uint8_t tag[kMaxBurst][16];
  alignas(64) uint8_t aad[kMaxBurst][16];   // padded with zeros
  alignas(64) uint8_t tail[kMaxBurst][32];  // the text's last, short block, and the lengths
  alignas(64) uint8_t zeros[64];            // always
  alignas(64) uint8_t sink[64];             // where idle lanes write
  uint8_t order[kMaxBurst];                 // messages by length
};

struct Kernel {
  const char* isa;  // as AeadEngine::isa()
  // As AeadEngine's, for 1 ≤ n ≤ kMaxBurst.
  void (*seal)(AeadMessage* messages, int n, Scratch& scratch);
  void (*open)(AeadMessage* messages, int n, Scratch& scratch);
};

extern const Kernel kAvx512Kernel;  // AVX-512 F, BW, VL and IFMA
extern const Kernel kAvx2Kernel;

}  // namespace noisegate::crypto::lanes

#endif  // NOISEGATE_CRYPTO_LANES_KERNEL_H_
