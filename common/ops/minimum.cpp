#include <algorithm>
#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op minimum() {
  return binary({
      .on_floats = [](double a, double b) { return std::isnan(a) || a < b ? a : b; },
      .on_integers = [](std::int64_t a, std::int64_t b) { return std::min(a, b); },
      .commutative = true,
      .associative = true,
  });
}

}  // namespace paceline::ops
