#include <cmath>

#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

Op sqrt() {
  return unary({
      .on_floats = [](double x) { return std::sqrt(x); },
      .domain = above_zero,
  });
}

}  // namespace paceline::ops
