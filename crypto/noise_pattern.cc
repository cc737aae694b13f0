#include "crypto/noise_pattern.h"

namespace noisegate::crypto {
namespace {

constexpr NoiseToken e = NoiseToken::kE;
constexpr NoiseToken s = NoiseToken::kS;
constexpr NoiseToken ee = NoiseToken::kEe;
constexpr NoiseToken es = NoiseToken::kEs;
constexpr NoiseToken se = NoiseToken::kSe;
constexpr NoiseToken ss = NoiseToken::kSs;

constexpr bool kKnown = true;
constexpr bool kUnknown = false;

// Name, is the initiator's static known before, is the responder's, then message by message.
// clang-format off
constexpr NoisePattern kPatterns[] = {
    // One-way (section 7.4).
    {"N",    kUnknown, kKnown,   1, {{{e, es}}}},
    {"K",    kKnown,   kKnown,   1, {{{e, es, ss}}}},
    {"X",    kUnknown, kKnown,   1, {{{e, es, s, ss}}}},
    // Interactive (section 7.5).
    {"NN",   kUnknown, kUnknown, 2, {{{e}, {e, ee}}}},
    {"NK",   kUnknown, kKnown,   2, {{{e, es}, {e, ee}}}},
    {"NX",   kUnknown, kUnknown, 2, {{{e}, {e, ee, s, es}}}},
    {"XN",   kUnknown, kUnknown, 3, {{{e}, {e, ee}, {s, se}}}},
    {"XK",   kUnknown, kKnown,   3, {{{e, es}, {e, ee}, {s, se}}}},
    {"XX",   kUnknown, kUnknown, 3, {{{e}, {e, ee, s, es}, {s, se}}}},
    {"KN",   kKnown,   kUnknown, 2, {{{e}, {e, ee, se}}}},
    {"KK",   kKnown,   kKnown,   2, {{{e, es, ss}, {e, ee, se}}}},
    {"KX",   kKnown,   kUnknown, 2, {{{e}, {e, ee, se, s, es}}}},
    {"IN",   kUnknown, kUnknown, 2, {{{e, s}, {e, ee, se}}}},
    {"IK",   kUnknown, kKnown,   2, {{{e, es, s, ss}, {e, ee, se}}}},
    {"IX",   kUnknown, kUnknown, 2, {{{e, s}, {e, ee, se, s, es}}}},
    // Deferred (section 18.1): a 1 puts the DH of the static before it off by one message.
    {"NK1",  kUnknown, kKnown,   2, {{{e}, {e, ee, es}}}},
    {"NX1",  kUnknown, kUnknown, 3, {{{e}, {e, ee, s}, {es}}}},
    {"X1N",  kUnknown, kUnknown, 4, {{{e}, {e, ee}, {s}, {se}}}},
    {"X1K",  kUnknown, kKnown,   4, {{{e, es}, {e, ee}, {s}, {se}}}},
    {"XK1",  kUnknown, kKnown,   3, {{{e}, {e, ee, es}, {s, se}}}},
    {"X1K1", kUnknown, kKnown,   4, {{{e}, {e, ee, es}, {s}, {se}}}},
    {"X1X",  kUnknown, kUnknown, 4, {{{e}, {e, ee, s, es}, {s}, {se}}}},
    {"XX1",  kUnknown, kUnknown, 3, {{{e}, {e, ee, s}, {es, s, se}}}},
    {"X1X1", kUnknown, kUnknown, 4, {{{e}, {e, ee, s}, {es, s}, {se}}}},
    {"K1N",  kKnown,   kUnknown, 3, {{{e}, {e, ee}, {se}}}},
    {"K1K",  kKnown,   kKnown,   3, {{{e, es}, {e, ee}, {se}}}},
    {"KK1",  kKnown,   kKnown,   2, {{{e}, {e, ee, se, es}}}},
    {"K1K1", kKnown,   kKnown,   3, {{{e}, {e, ee, es}, {se}}}},
    {"K1X",  kKnown,   kUnknown, 3, {{{e}, {e, ee, s, es}, {se}}}},
    {"KX1",  kKnown,   kUnknown, 3, {{{e}, {e, ee, se, s}, {es}}}},
    {"K1X1", kKnown,   kUnknown, 3, {{{e}, {e, ee, s}, {se, es}}}},
    {"I1N",  kUnknown, kUnknown, 3, {{{e, s}, {e, ee}, {se}}}},
    {"I1K",  kUnknown, kKnown,   3, {{{e, es, s}, {e, ee}, {se}}}},
    {"IK1",  kUnknown, kKnown,   2, {{{e, s}, {e, ee, se, es}}}},
    {"I1K1", kUnknown, kKnown,   3, {{{e, s}, {e, ee, es}, {se}}}},
    {"I1X",  kUnknown, kUnknown, 3, {{{e, s}, {e, ee, s, es}, {se}}}},
    {"IX1",  kUnknown, kUnknown, 3, {{{e, s}, {e, ee, se, s}, {es}}}},
    {"I1X1", kUnknown, kUnknown, 3, {{{e, s}, {e, ee, s}, {se, es}}}},
};
// clang-format on

}  // namespace

std::span<const NoisePattern> NoisePatterns() { return kPatterns; }

const NoisePattern* FindNoisePattern(std::string_view name) {
  for (const NoisePattern& pattern : kPatterns) {
    if (pattern.name == name) return &pattern;
  }
  return nullptr;
}

}  // namespace noisegate::crypto
