#include "crypto/aead_null.h"

#include <cstring>

namespace noisegate::crypto {
namespace {

class NullEngine final : public AeadEngine {
 public:
  std::string_view name() const override { return "null"; }
  std::string_view isa() const override { return "generic"; }
  void Seal(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) std::memset(message.tag(), 0, kAeadTagSize);
  }
  void Open(std::span<AeadMessage> burst) override {
    for (AeadMessage& message : burst) message.ok = true;
  }
};

}  // namespace

std::unique_ptr<AeadEngine> MakeUnsafeNullAeadEngine() { return std::make_unique<NullEngine>(); }

}  // namespace noisegate::crypto
