#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op expm1() {
  return unary({
      .on_floats = [](double x) { return std::expm1(x); },
  });
}

}  // namespace paceline::ops
