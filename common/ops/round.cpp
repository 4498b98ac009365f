#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

// Half to even, whatever the rounding mode of the process.
double round_half_to_even(double x) {
  const double below = std::floor(x);
  const double rest = x - below;
  if (std::isnan(rest) || rest == 0) return x;  // NaN, infinity or whole.
  const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) != 0);
  return std::copysign(up ? below + 1 : below, x);
}

}  // namespace

Op round() { return unary({.on_floats = round_half_to_even, .domain = between(-9, 9)}); }

}  // namespace paceline::ops
