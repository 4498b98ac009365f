#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op abs() {
  return unary({
      .on_floats = [](double x) { return std::fabs(x); },
      .on_integers = [](std::int64_t x) { return x < 0 ? wrapping_sub(0, x) : x; },
  });
}

}  // namespace paceline::ops
