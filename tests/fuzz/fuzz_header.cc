// The 4-byte header: every word is a header, and comes back as it was.
#include <cstdint>
#include <cstdlib>

#include "dataplane/header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noisegate::dataplane;
  if (size < kHeaderSize) return 0;
  const Header header = DecodeHeader(LoadBe32(data));
  uint8_t back[kHeaderSize];
  StoreBe32(back, EncodeHeader(header));
  for (size_t i = 0; i < kHeaderSize; ++i) {
    if (back[i] != data[i]) std::abort();
  }
  if (header.counter > kCounterClose) std::abort();
  const bool named = header.counter < kCounterFirstMessage || header.counter == kCounterClose;
  if (header.is_message() == named) std::abort();
  return 0;
}
