// Address text: what parses prints to a text that parses to the same value.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/address.h"

namespace {

template <typename T>
void Check(std::string_view text) {
  const absl::StatusOr<T> value = T::Parse(text);
  if (!value.ok()) return;
  const std::string printed = value->ToString();
  const absl::StatusOr<T> again = T::Parse(printed);
  if (!again.ok() || *again != *value || again->ToString() != printed) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace noisegate::dataplane;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check<MacAddress>(text);
  Check<IpAddress>(text);
  Check<Prefix>(text);
  Check<Endpoint>(text);
  Check<EndpointRange>(text);
  if (const auto prefix = Prefix::Parse(text); prefix.ok()) {
    if (!prefix->Contains(prefix->address) || prefix->Masked().Masked() != prefix->Masked()) {
      std::abort();
    }
  }
  return 0;
}
