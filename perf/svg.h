// The results as a picture: a bar for each row, those that compare with each other side by side.
#ifndef NOISEGATE_PERF_SVG_H_
#define NOISEGATE_PERF_SVG_H_

#include <string>

#include "perf/report.h"

namespace noisegate::perf {

// An SVG document of every row that has cycles.
std::string DrawSvg(const Report& report);

}  // namespace noisegate::perf

#endif  // NOISEGATE_PERF_SVG_H_
