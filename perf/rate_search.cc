#include "perf/rate_search.h"

#include <algorithm>
#include <cmath>

namespace noisegate::perf {
namespace {

class Search {
 public:
  Search(const RateSearchOptions& options, double loss_ratio, const Trial& trial)
      : options_(options), loss_ratio_(loss_ratio), trial_(trial), high_(options.max_rate) {}

  // Narrows the bounds with trials of this phase.
  void Run(const RateSearchOptions::Phase& phase) {
    // What shorter trials allowed may be too much for a longer one.
    double step = 1 + 2 * phase.width;
    while (low_ > 0 && !Passes(low_, phase)) {
      high_ = low_;
      low_ = low_ / step >= options_.min_rate ? low_ / step : 0;
      step *= step;
    }
    if (low_ == 0) {
      if (!Passes(options_.min_rate, phase)) return;
      low_ = options_.min_rate;
    }
    // And what they refused may have been bad luck; the generator's limit has not been tried.
    if (Passes(high_, phase)) {
      low_ = high_;
      if (high_ < options_.max_rate) {
        high_ = options_.max_rate;
      }
    }
    while (high_ / low_ - 1 > phase.width) {
      const double middle = std::sqrt(low_ * high_);
      (Passes(middle, phase) ? low_ : high_) = middle;
    }
  }
  double low() const { return low_; }

 private:
  bool Passes(double rate, const RateSearchOptions::Phase& phase) const {
    return trial_(rate, phase.seconds) <= loss_ratio_;
  }

  const RateSearchOptions& options_;
  const double loss_ratio_;
  const Trial& trial_;
  double low_ = 0;  // passed; 0 where nothing has yet
  double high_;     // did not pass, or is the generator's limit
};

}  // namespace

std::vector<double> SearchRates(const RateSearchOptions& options, const Trial& trial) {
  std::vector<Search> searches;
  for (const double ratio : options.loss_ratios) searches.emplace_back(options, ratio, trial);
  for (const RateSearchOptions::Phase& phase : options.phases) {
    for (Search& search : searches) search.Run(phase);
  }
  std::vector<double> rates;
  for (const Search& search : searches) rates.push_back(search.low());
  return rates;
}

}  // namespace noisegate::perf
