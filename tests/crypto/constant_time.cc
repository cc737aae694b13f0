// Seals and opens with everything secret marked as undefined, to run under valgrind: memcheck then
// reports every branch and every address that depends on a secret.
//
//   constant_time         all of it; clean but for what constant_time.supp names
//   constant_time --leak  branches on a secret, so that a check that cannot fail is noticed
#include <valgrind/memcheck.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "crypto/aead.h"

namespace noisegate::crypto {
namespace {

struct Text {
  std::array<uint8_t, kAeadKeySize> key;
  std::array<uint8_t, 1'500 + kAeadTagSize> bytes;
};

// Marks what an observer must not learn: keys, and plaintexts or what became of them.
void Hide(Text& text) {
  VALGRIND_MAKE_MEM_UNDEFINED(text.key.data(), text.key.size());
  VALGRIND_MAKE_MEM_UNDEFINED(text.bytes.data(), text.bytes.size());
}

int Run(AeadEngine& engine) {
  // Bursts that fill the lanes and that do not, with whole and with partial blocks.
  for (const std::vector<uint32_t>& sizes : {std::vector<uint32_t>{64},
                                             {0, 1, 15, 16, 17, 63, 64, 65, 100, 1'420},
                                             std::vector<uint32_t>(64, 64),
                                             std::vector<uint32_t>(17, 200)}) {
    std::vector<Text> texts(sizes.size());
    std::vector<AeadMessage> burst;
    for (size_t i = 0; i < sizes.size(); ++i) {
      texts[i].key.fill(static_cast<uint8_t>(i));
      Hide(texts[i]);
      burst.push_back({.key = texts[i].key.data(),
                       .counter = i,
                       .text = texts[i].bytes.data(),
                       .text_size = sizes[i],
                       .aad_size = 4,
                       .ok = false,
                       .aad = {1, 2, 3, 4}});
    }
    engine.Seal(burst);
    burst[sizes.size() / 2].counter ^= 1;  // one that will not open
    engine.Open(burst);
    for (size_t i = 0; i < sizes.size(); ++i) {
      VALGRIND_MAKE_MEM_DEFINED(&burst[i].ok, sizeof burst[i].ok);
      if (burst[i].ok != (i != sizes.size() / 2)) {
        std::printf("%s: message %zu opened wrongly\n", engine.name().data(), i);
        return 1;
      }
    }
  }
  return 0;
}

int Leak() {
  Text text{};
  Hide(text);
  return text.key[0] != 0 ? 2 : 0;
}

}  // namespace
}  // namespace noisegate::crypto

int main(int argc, char** argv) {
  using namespace noisegate::crypto;
  if (argc > 1 && std::strcmp(argv[1], "--leak") == 0) return Leak();
  const auto engine = MakeAeadEngine(AeadEngineKind::kLanes);
  if (!engine.ok()) {
    std::printf("skipped: %s\n", std::string(engine.status().message()).c_str());
    return 77;
  }
  return Run(**engine);
}
