// Finds the highest rate at which a device loses no more than so much.
//
// A search between two bounds (RFC 2544, 26.1), made quicker as in MLRsearch (draft-ietf-bmwg-mlrsearch): for
// several loss ratios at once, with short trials while the bounds are far apart and long ones only at
// the end. What a short trial said is tried again before a longer one builds on it.
//
// Pure: who calls runs the trials.
#ifndef NOISEGATE_PERF_RATE_SEARCH_H_
#define NOISEGATE_PERF_RATE_SEARCH_H_

#include <functional>
#include <vector>

namespace noisegate::perf {

struct RateSearchOptions {
  double min_rate = 0;               // packets per second, > 0; lower is not looked for
  double max_rate = 0;               // what the generator can do
  std::vector<double> loss_ratios;   // 0 for no loss at all
  struct Phase {
    double seconds;  // of a trial
    double width;    // upper bound / lower bound - 1 at which the phase ends
  };
  std::vector<Phase> phases;
};

// The share of packets that are lost at this rate over these seconds.
using Trial = std::function<double(double rate, double seconds)>;

// The lower bound for each loss ratio: the highest rate that the last phase's trials allowed. Below
// min_rate it is 0.
std::vector<double> SearchRates(const RateSearchOptions& options, const Trial& trial);

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_RATE_SEARCH_H_
