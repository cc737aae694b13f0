#include "perf/machine.h"

#include <cpuid.h>
#include <sched.h>
#include <x86intrin.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>

#include "perf/build_info.h"

namespace noisegate::perf {
namespace {

std::string CpuName() {
  std::array<uint32_t, 12> words = {};
  for (unsigned i = 0; i < 3; ++i) {
    uint32_t* w = &words[4 * i];
    if (__get_cpuid(0x80000002 + i, w, w + 1, w + 2, w + 3) == 0) return "unknown";
  }
  std::array<char, sizeof(words) + 1> text = {};
  std::memcpy(text.data(), words.data(), sizeof(words));
  std::string name = text.data();
  name.erase(name.find_last_not_of(' ') + 1);

  // Virtual machines are told little more than the maker: family and model say which one it is.
  uint32_t a = 0, b = 0, c = 0, d = 0;
  __get_cpuid(1, &a, &b, &c, &d);
  const uint32_t family = (a >> 8 & 0xf) + (a >> 20 & 0xff);
  const uint32_t model = (a >> 4 & 0xf) | (a >> 12 & 0xf0);
  return name + " (family " + std::to_string(family) + ", model " + std::to_string(model) + ")";
}

double MeasureTsc() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  const uint64_t from = __rdtsc();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const uint64_t to = __rdtsc();
  return static_cast<double>(to - from) /
         std::chrono::duration<double>(Clock::now() - began).count();
}

unsigned UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

}  // namespace

Machine ThisMachine() {
  return {.cpu = CpuName(),
          .cpus = UsableCpus(),
          .tsc_hz = MeasureTsc(),
          .flags = kBuildFlags,
          .commit = kBuildCommit};
}

}  // namespace noisegate::perf
