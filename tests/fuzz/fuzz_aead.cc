// A burst of any shape: every kernel of `lanes` seals it as libsodium does, opens what it sealed,
// and leaves alone what was changed.
//
// Input: for each message six bytes (size, twice; aad size; key; counter; which to damage), up to
// 64 messages.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "crypto/aead.h"
#include "tests/crypto/engines.h"

namespace {

using namespace noisegate::crypto;

using Bytes = std::vector<uint8_t>;

struct Input {
  Bytes key = Bytes(kAeadKeySize);
  uint64_t counter = 0;
  std::array<uint8_t, 16> aad = {};
  uint8_t aad_size = 0;
  Bytes text;
  uint8_t damage = 0;

  // `bytes` is text and room for a tag.
  AeadMessage In(Bytes& bytes) const {
    return {.key = key.data(),
            .counter = counter,
            .text = bytes.data(),
            .text_size = static_cast<uint32_t>(text.size()),
            .aad_size = aad_size,
            .ok = false,
            .aad = aad};
  }
};

std::vector<Input> Parse(const uint8_t* data, size_t size) {
  std::vector<Input> inputs(std::min<size_t>(size / 6, 64));
  for (Input& input : inputs) {
    input.text.resize((data[0] << 8 | data[1]) % 2'100);
    for (size_t i = 0; i < input.text.size(); ++i)
      input.text[i] = static_cast<uint8_t>(i + data[1]);
    input.aad_size = data[2] % 17;
    input.aad.fill(data[2]);
    std::ranges::fill(input.key, data[3]);
    input.counter = uint64_t{data[4]} << (data[4] % 57);
    input.damage = data[5];
    data += 6;
  }
  return inputs;
}

std::vector<Bytes> Seal(AeadEngine& engine, const std::vector<Input>& inputs) {
  std::vector<Bytes> sealed;
  std::vector<AeadMessage> burst;
  for (const Input& input : inputs) {
    sealed.push_back(input.text);
    sealed.back().resize(input.text.size() + kAeadTagSize);
  }
  for (size_t i = 0; i < inputs.size(); ++i) burst.push_back(inputs[i].In(sealed[i]));
  engine.Seal(burst);
  return sealed;
}

void OpenAndCheck(AeadEngine& engine, const std::vector<Input>& inputs, std::vector<Bytes> sealed) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].damage % 4 == 1) sealed[i][inputs[i].damage % sealed[i].size()] ^= 0x10;
  }
  std::vector<Bytes> opened = sealed;
  std::vector<AeadMessage> burst;
  for (size_t i = 0; i < inputs.size(); ++i) burst.push_back(inputs[i].In(opened[i]));
  engine.Open(burst);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool damaged = inputs[i].damage % 4 == 1;
    if (burst[i].ok == damaged) std::abort();
    if (damaged && opened[i] != sealed[i]) std::abort();
    if (!damaged &&
        !std::ranges::equal(inputs[i].text, std::span(opened[i]).first(inputs[i].text.size()))) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<AeadEngine> sodium = MakeAeadEngine(AeadEngineKind::kSodium).value();
  const std::vector<Input> inputs = Parse(data, size);
  const std::vector<Bytes> want = Seal(*sodium, inputs);
  for (const EngineUnderTest& under_test : EnginesUnderTest()) {
    const auto engine = under_test.make();
    if (!engine.ok()) continue;  // not on this CPU
    if (Seal(**engine, inputs) != want) std::abort();
    OpenAndCheck(**engine, inputs, want);
  }
  return 0;
}
