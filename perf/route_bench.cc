// route: whose is an address, 64 addresses at a time.

#include <rte_lpm.h>
#include <rte_lpm6.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/burst.h"
#include "dataplane/prefix_table.h"
#include "perf/benches.h"
#include "perf/eal.h"
#include "perf/random.h"

namespace noisegate::perf {
namespace {

using dataplane::IpAddress;
using dataplane::kBurst;
using dataplane::Prefix;
using dataplane::PrefixTable;

constexpr uint32_t kPrefixes[] = {1, 1'000, 10'000, 100'000};
constexpr uint32_t kMostToScan = 1'000;  // prefixes; beyond, a scan only takes long

struct FreeLpm {
  void operator()(rte_lpm* lpm) const { rte_lpm_free(lpm); }
  void operator()(rte_lpm6* lpm) const { rte_lpm6_free(lpm); }
};

// What sites own: mostly /24 (/48), some larger, some single hosts.
std::vector<PrefixTable::Entry> DrawPrefixes(uint32_t n, bool v6, Xorshift& random) {
  std::map<Prefix, uint32_t> values;
  for (uint32_t value = 1; values.size() < n;) {
    const uint32_t kind = random.Below(10);
    Prefix prefix;
    if (v6) {
      prefix.length = kind < 6 ? 48 : kind < 8 ? 56 : kind < 9 ? 64 : 128;
      for (uint8_t& byte : prefix.address.bytes) byte = static_cast<uint8_t>(random.Next());
      prefix.address.bytes[0] = 0x20;
      prefix.address.bytes[1] = 0x01;
    } else {
      prefix.length = kind < 6 ? 24 : kind < 8 ? 22 : kind < 9 ? 20 : 32;
      prefix.address = IpAddress::V4(random.Next());
    }
    if (values.try_emplace(prefix.Masked(), value).second) ++value;
  }
  std::vector<PrefixTable::Entry> entries;
  for (const auto& [prefix, value] : values) entries.push_back({prefix, value});
  return entries;
}

// An address in a prefix, its host bits drawn.
IpAddress DrawAddress(const Prefix& prefix, Xorshift& random) {
  IpAddress address = prefix.address;
  const uint32_t first_bit = (prefix.address.is_v4() ? 96u : 0u) + prefix.length;
  for (uint32_t bit = first_bit; bit < 128; ++bit) {
    if ((random.Next() & 1) != 0) address.bytes[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
  }
  return address;
}

uint32_t Scan(const std::vector<PrefixTable::Entry>& entries, const IpAddress& address) {
  const PrefixTable::Entry* best = nullptr;
  for (const PrefixTable::Entry& entry : entries) {
    if (entry.prefix.Contains(address) && (!best || entry.prefix.length > best->prefix.length)) {
      best = &entry;
    }
  }
  return best == nullptr ? PrefixTable::kNoMatch : best->value;
}

using Found = std::array<uint32_t, kBurst>;

// The addresses of a burst, in the form that each contender takes.
struct Questions {
  std::array<IpAddress, kBurst> addresses;
  std::array<uint32_t, kBurst> v4;                   // host order
  std::array<const uint8_t*, kBurst> v6;
  std::array<std::array<uint8_t, 16>, kBurst> bytes;

  void Draw(const std::vector<PrefixTable::Entry>& entries, Xorshift& random) {
    for (uint32_t i = 0; i < kBurst; ++i) {
      const auto n = static_cast<uint32_t>(entries.size());
      addresses[i] = DrawAddress(entries[random.Below(n)].prefix, random);
      bytes[i] = addresses[i].bytes;
      v6[i] = bytes[i].data();
      if (addresses[i].is_v4()) v4[i] = addresses[i].v4();
    }
  }
};

class RouteComparison {
 public:
  RouteComparison(uint32_t n, bool v6)
      : v6_(v6), entries_(DrawPrefixes(n, v6, random_)),
        table_(v6 ? PrefixTable::BuildV6(entries_) : PrefixTable::BuildV4(entries_)) {}

  absl::Status Run(const Effort& effort, Report* report) {
    if (absl::Status status = BuildLpm(); !status.ok()) return status;
    Row labels;
    labels.Text("bench", "route").Text("family", v6_ ? "ipv6" : "ipv4");
    labels.Count("prefixes", static_cast<double>(entries_.size()));
    labels.Count("kib", static_cast<double>(table_.memory_bytes()) / 1024);
    Comparison comparison(labels, "lookup", kBurst);
    Add("bulk", &comparison, [this](Found& found) {
      if (v6_) {
        table_.LookupV6Bulk(q_.v6, found.data());
      } else {
        table_.LookupV4Bulk(q_.v4, found.data());
      }
    });
    Add("one_by_one", &comparison, [this](Found& found) {
      for (uint32_t i = 0; i < kBurst; ++i) {
        found[i] = v6_ ? table_.LookupV6(q_.v6[i]) : table_.LookupV4(q_.v4[i]);
      }
    });
    Add("rte_lpm", &comparison, [this](Found& found) { LookUpLpm(found); });
    if (entries_.size() <= kMostToScan) {
      Add("scan", &comparison, [this](Found& found) {
        for (uint32_t i = 0; i < kBurst; ++i) found[i] = Scan(entries_, q_.addresses[i]);
      });
    }
    comparison.Run(effort, "contender", "rte_lpm", report);
    return absl::OkStatus();
  }

 private:
  template <typename LookUp>
  void Add(const char* name, Comparison* comparison, LookUp look_up) {
    comparison->Add(name, [this, look_up] {
      Found found;
      q_.Draw(entries_, random_);
      const uint64_t cycles = CyclesOf([&] { look_up(found); });
      for (uint32_t i = 0; i < kBurst; i += 16) {
        const uint32_t wanted = v6_ ? table_.LookupV6(q_.v6[i]) : table_.LookupV4(q_.v4[i]);
        Require(found[i] == wanted, "two tables differ");
      }
      return cycles;
    });
  }

  absl::Status BuildLpm() {
    const auto n = static_cast<uint32_t>(entries_.size());
    const uint32_t groups = v6_ ? 20 * n + 64 : n + 64;  // of 256 entries
    rte_lpm_config config = {.max_rules = n + 1, .number_tbl8s = std::min(groups, 1u << 19), .flags = 0};
    rte_lpm6_config config6 = {.max_rules = n + 1, .number_tbl8s = std::min(groups, 1u << 19), .flags = 0};
    if (v6_) {
      lpm6_.reset(rte_lpm6_create("perf_lpm6", SOCKET_ID_ANY, &config6));
    } else {
      lpm_.reset(rte_lpm_create("perf_lpm", SOCKET_ID_ANY, &config));
    }
    if (lpm_ == nullptr && lpm6_ == nullptr) {
      return absl::ResourceExhaustedError("no memory for rte_lpm");
    }
    for (const PrefixTable::Entry& entry : entries_) {
      IpAddress address = entry.prefix.address;
      const int error =
          v6_ ? rte_lpm6_add(lpm6_.get(), address.bytes.data(), entry.prefix.length, entry.value)
              : rte_lpm_add(lpm_.get(), address.v4(), entry.prefix.length, entry.value);
      if (error != 0) return absl::ResourceExhaustedError(absl::StrCat("rte_lpm: error ", error));
    }
    return absl::OkStatus();
  }

  void LookUpLpm(Found& found) {
    if (v6_) {
      std::array<int32_t, kBurst> hops;
      rte_lpm6_lookup_bulk_func(lpm6_.get(), reinterpret_cast<uint8_t(*)[16]>(q_.bytes.data()),
                                hops.data(), kBurst);
      std::copy(hops.begin(), hops.end(), found.begin());
    } else {
      rte_lpm_lookup_bulk(lpm_.get(), q_.v4.data(), found.data(), kBurst);
      for (uint32_t& hop : found) hop &= 0x00ffffff;
    }
  }

  const bool v6_;
  Xorshift random_;
  const std::vector<PrefixTable::Entry> entries_;
  const PrefixTable table_;
  std::unique_ptr<rte_lpm, FreeLpm> lpm_;
  std::unique_ptr<rte_lpm6, FreeLpm> lpm6_;
  Questions q_;
};

}  // namespace

absl::Status BenchRoute(const Effort& effort, Report* report) {
  if (const auto eal = PerfEal(); !eal.ok()) return eal.status();
  for (const bool v6 : {false, true}) {
    for (const uint32_t n : kPrefixes) {
      if (effort.smoke() && n > 1'000) break;
      if (!effort.Wants("prefixes", n) || !effort.Wants("family", v6 ? "ipv6" : "ipv4")) continue;
      const absl::Status status = RouteComparison(n, v6).Run(effort, report);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace noisegate::perf
