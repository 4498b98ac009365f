#include <algorithm>
#include <cmath>
#include <limits>

#include "common/ops/support/reduction.h"

namespace paceline::ops {

// NaN wins.
Op reduce_max() {
  return reduction(
      "reduce_max",
      {
          .on_floats = [](double a, double b) { return std::isnan(a) || a > b ? a : b; },
          .on_integers = [](std::int64_t a, std::int64_t b) { return std::max(a, b); },
          .float_start = -std::numeric_limits<double>::infinity(),
          .integer_start = std::numeric_limits<std::int64_t>::lowest(),
          .needs_integers = true,
      });
}

}  // namespace paceline::ops
