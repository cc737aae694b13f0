// lookup: which session a datagram belongs to, 64 datagrams at a time.

#include <rte_hash.h>

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/burst.h"
#include "dataplane/grace_periods.h"
#include "dataplane/lookup_table.h"
#include "perf/benches.h"
#include "perf/eal.h"
#include "perf/random.h"

namespace noisegate::perf {
namespace {

using dataplane::kBurst;
using dataplane::LookupTable;
using dataplane::TableKey;

constexpr uint32_t kSessions[] = {1, 1'000, 10'000, 100'000};

struct Hash {
  size_t operator()(const TableKey& key) const { return dataplane::HashOf(key); }
};

// The key of the session with 198.18.0.0 + i.
TableKey KeyOf(uint32_t i) {
  const auto address = dataplane::AddressWords::Of(dataplane::IpAddress::V4(0xc6120000 + i));
  return dataplane::SessionKey(address, 4242, dataplane::Direction::kInitiatorToResponder);
}

// What all contenders look up, and where they say that it is.
struct Questions {
  std::array<TableKey, kBurst> keys;
  std::array<void*, kBurst> expected;
  std::array<void*, kBurst> found;

  void Draw(Xorshift& random, std::vector<uint64_t>& sessions) {
    for (uint32_t i = 0; i < kBurst; ++i) {
      const uint32_t session = random.Below(static_cast<uint32_t>(sessions.size()));
      keys[i] = KeyOf(session);
      expected[i] = &sessions[session];
    }
  }
  void Check() const { Require(found == expected, "a look-up found something else"); }
};

absl::Status Compare(uint32_t n, const Effort& effort, Report* report) {
  dataplane::GracePeriods grace_periods(1);
  auto table = LookupTable::Create("perf_lookup", n, grace_periods.readers());
  if (!table.ok()) return table.status();
  std::vector<uint64_t> sessions(n);
  absl::flat_hash_map<TableKey, void*, Hash> flat;
  std::unordered_map<TableKey, void*, Hash> chained;
  for (uint32_t i = 0; i < n; ++i) {
    if (absl::Status status = (*table)->Put(KeyOf(i), &sessions[i]); !status.ok()) return status;
    flat[KeyOf(i)] = chained[KeyOf(i)] = &sessions[i];
  }

  Xorshift random;
  Questions q;
  const auto each = [&](auto find) {
    return [&, find] {
      q.Draw(random, sessions);
      const uint64_t cycles = CyclesOf([&] {
        for (uint32_t i = 0; i < kBurst; ++i) q.found[i] = find(q.keys[i]);
      });
      q.Check();
      return cycles;
    };
  };
  Row labels;
  labels.Text("bench", "lookup").Count("sessions", n);
  Comparison comparison(labels, "lookup", kBurst);
  comparison.Add("bulk", [&] {
    q.Draw(random, sessions);
    const uint64_t cycles =
        CyclesOf([&] { (*table)->FindBulk(q.keys.data(), kBurst, q.found.data()); });
    q.Check();
    return cycles;
  });
  comparison.Add("one_by_one", each([&](const TableKey& key) { return (*table)->Find(key); }));
  comparison.Add("absl_map", each([&](const TableKey& key) { return flat.find(key)->second; }));
  comparison.Add("std_map", each([&](const TableKey& key) { return chained.find(key)->second; }));
  comparison.Run(effort, "contender", "one_by_one", report);
  return absl::OkStatus();
}

}  // namespace

absl::Status BenchLookup(const Effort& effort, Report* report) {
  if (const auto eal = PerfEal(); !eal.ok()) return eal.status();
  for (const uint32_t n : kSessions) {
    if (!effort.Wants("sessions", n)) continue;
    if (absl::Status status = Compare(n, effort, report); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
