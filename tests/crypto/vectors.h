// Where test vectors are, and how they are read.
#ifndef NOISEGATE_TESTS_CRYPTO_VECTORS_H_
#define NOISEGATE_TESTS_CRYPTO_VECTORS_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/crypto/test_bytes.h"

namespace noisegate::crypto {

// Vectors of the original implementation, in this repository.
inline std::string NoiseSwarmPath(const std::string& name) {
  return std::string(NOISEGATE_SOURCE_DIR) + "/tests/vectors/noiseswarm/" + name;
}

// Public collections that are not copied here; NOISEGATE_SHARED names the directory above vectors/.
inline std::string SharedPath(const std::string& name) {
  const char* const shared = std::getenv("NOISEGATE_SHARED");  // NOLINT(concurrency-mt-unsafe)
  const std::string root =
      shared != nullptr ? shared : std::string(NOISEGATE_SOURCE_DIR) + "/../shared";
  return root + "/vectors/" + name;
}

inline std::optional<Bytes> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline nlohmann::json LoadJson(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << " is missing";
  return nlohmann::json::parse(file);
}

inline Bytes Hex(const nlohmann::json& value) { return FromHex(value.get<std::string>()); }

// Leaves the test as skipped where the collection is absent.
#define NOISEGATE_LOAD_SHARED_OR_SKIP(json, name)                                           \
  const std::string json##_path = SharedPath(name);                                         \
  if (!std::ifstream(json##_path)) {                                                        \
    GTEST_SKIP() << json##_path << " is absent; set NOISEGATE_SHARED to run these vectors"; \
  }                                                                                         \
  const nlohmann::json json = LoadJson(json##_path)

}  // namespace noisegate::crypto

#endif  // NOISEGATE_TESTS_CRYPTO_VECTORS_H_
